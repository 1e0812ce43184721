"""Leases that are renewed as long as their process lives: one holder at a time over all processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from ..adapters.redis.leases import Lease, Leases
from ..errors import Conflict, PipelineError, RedisDown
from ..exports.export import Channel
from .renewals import Renewals, pause_for

_RENEWALS = Renewals()


class LeaseLost(Conflict):
    """The lease expired or another process holds it: this one must not write any more."""


class Stopped(PipelineError):
    """The process is told to end before its work is done."""

    retry = True


class HeldLease:
    """A lease that is held. As a context it is renewed until the context ends, and then released."""

    def __init__(
        self, leases: Leases, lease: Lease, seconds: float, stopping: threading.Event, shutdown_seconds: float
    ) -> None:
        """`stopping` is set when the process is told to end. It then has `shutdown_seconds` left, and so does its
        lease: the requeued message must not find the lease taken."""
        self._leases = leases
        self._lease = lease
        self._seconds = seconds
        self._stopping = stopping
        self._shutdown_seconds = shutdown_seconds
        self._released = False

    def __enter__(self) -> HeldLease:
        _RENEWALS.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _RENEWALS.remove(self)
        if not self._released:
            self._leases.release(self._lease)

    @property
    def lease(self) -> Lease:
        return self._lease

    def is_ours(self) -> bool:
        """Return False when the lease was lost, such as while the process was frozen, or a later holder began."""
        return self._leases.renew(self._lease, self._seconds) and self.fence_is_current()

    def fence_is_current(self) -> bool:
        """Record this holder's fencing number; False when a later holder has recorded its own."""
        return self._leases.fence_is_current(self._lease.name, self._lease.fence)

    def fence(self) -> None:
        """Raise LeaseLost unless the lease is still held; called before a write that others see."""
        if not self.is_ours():
            raise LeaseLost(f"Another process has taken over {self._lease.name}.")

    def was_released(self) -> None:
        """Note that the lease was released together with other commands."""
        self._released = True
        _RENEWALS.remove(self)

    def renew(self) -> bool:
        """Renew the lease; False when it is lost, or was renewed for the last time, since the process ends."""
        stopping = self._stopping.is_set()
        if stopping:
            self._seconds = self._shutdown_seconds
        try:
            return self._leases.renew(self._lease, self._seconds) and not stopping
        except RedisDown:  # it may be back before the lease ends
            return True

    def pause(self) -> float:
        """Return the seconds until the lease must be renewed again."""
        return pause_for(self._seconds)


def claim_name(export_id: str) -> str:
    """Return the name under which an export is held while it is made beside the web process."""
    return f"{export_id}:beside"


def notices_name(export_id: str, channel: Channel) -> str:
    """Return the name under which an export is held while its notices on a channel are sent."""
    return f"{export_id}:{channel}"


@contextmanager
def exclusive(leases: Leases, name: str, seconds: float) -> Iterator[HeldLease | None]:
    """Hold the lease of this name. Yields None if another process holds it. After a crash it ends in `seconds`."""
    lease = leases.take(name, seconds)
    if lease is None:
        yield None
        return
    with HeldLease(leases, lease, seconds, threading.Event(), seconds) as held:
        held.fence_is_current()
        yield held
