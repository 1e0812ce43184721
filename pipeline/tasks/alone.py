"""One at a time, over all workers: a lease that lives as long as the work, and no longer than its process."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Concatenate, ParamSpec

from ..adapters.redis import Coordination
from ..adapters.redis.leases import Lease
from ..errors import Conflict, RedisDown
from ..services import Services

P = ParamSpec("P")
TICK = 1.0

stopping = threading.Event()
"""Set in a rendering process when its dyno is told to go: finish the page, keep what is done."""


class Overtaken(Conflict):
    """Another holds the lease."""


class Held:
    """The right to do one thing, renewed by a thread while this process lives."""

    def __init__(self, redis: Coordination, lease: Lease, seconds: float) -> None:
        self._redis = redis
        self._lease = lease
        self._seconds = seconds
        self._over = threading.Event()

    def ours(self) -> bool:
        """False when it was lost, as after a long sleep, or when Redis was wiped."""
        return self._redis.leases.renew(self._lease, self._seconds) and self.outranks()

    def outranks(self) -> bool:
        """Whether no later holder has begun; from now on an earlier one is refused."""
        return self._redis.leases.fence_is_current(self._lease.name, self._lease.fence)

    def check(self) -> None:
        """Before something that others see: Overtaken when it is not ours any more."""
        if not self.ours():
            raise Overtaken(f"Somebody else has taken over: {self._lease.name}.")

    def keep(self, told_to_go: float) -> None:
        """Renew until `let_go`. A process that is told to go has `told_to_go` seconds left, and so has its
        lease: the message that goes back to the queue then must not find it taken."""
        while not self._over.wait(min(TICK, self._seconds / 3)):
            going = stopping.is_set()
            if going:
                self._seconds = told_to_go
            with suppress(RedisDown):  # it may be back before the lease ends
                if not self._redis.leases.renew(self._lease, self._seconds) or going:
                    return

    def let_go(self) -> None:
        self._over.set()
        self._redis.leases.release(self._lease)


@contextmanager
def alone(redis: Coordination, name: str, seconds: float, told_to_go: float) -> Iterator[Held | None]:
    """Hold the lease of this name; None when somebody else has it. After a crash it ends within `seconds`."""
    lease = redis.leases.take(name, seconds)
    if lease is None:
        yield None
        return
    held = Held(redis, lease, seconds)
    thread = threading.Thread(target=held.keep, args=(told_to_go,), name=f"keep {name}", daemon=True)
    thread.start()
    try:
        held.outranks()
        yield held
    finally:
        held.let_go()
        thread.join()


def one_at_a_time(
    kind: str,
) -> Callable[[Callable[Concatenate[Held, Services, str, P], None]], Callable[Concatenate[Services, str, P], None]]:
    """A step of which, for one export, only one runs at a time; who comes second, or was overtaken, does
    nothing.

    The step is given what it holds first, so that it can `check` before it writes.
    """

    def decorate(
        step: Callable[Concatenate[Held, Services, str, P], None],
    ) -> Callable[Concatenate[Services, str, P], None]:
        def guarded(s: Services, export_id: str, /, *args: P.args, **kwargs: P.kwargs) -> None:
            name, settings = f"{export_id}:{kind}", s.settings
            with alone(s.redis, name, settings.lease_seconds, settings.shutdown_seconds) as held:
                if held is not None:
                    with suppress(Overtaken):
                        step(held, s, export_id, *args, **kwargs)

        functools.update_wrapper(guarded, step)
        return guarded

    return decorate
