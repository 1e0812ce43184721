"""Workers as dynos of the formation: an absolute quantity, and down only after the topmost are idle.

Heroku stops the highest ordinals, busy or not. So those are drained first: they take no work any more, are
waited for, and only then is the quantity lowered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from ..adapters.redis import Coordination
from ..adapters.redis.workers import DrainOrder, Worker
from ..errors import HerokuDown
from ..settings import Settings
from .heroku import AboveLimit, Heroku
from .heroku_answers import Processes, Unclear
from .pool import Limit, PoolStatus, later

log = logging.getLogger(__name__)
SETTLED = 3.0  # seconds; each worker says twice a second that it is up, so who is silent is not


class Formation:
    """One process type of one app."""

    def __init__(self, settings: Settings, redis: Coordination, *, settled: float = SETTLED) -> None:
        self._settings = settings
        self._redis = redis
        self._settled = settled
        self._heroku = Heroku(settings)
        self._limit = Limit()
        self._now: int | None = None
        self._since: float | None = None
        self._ordered_at: float | None = None
        self._listens = 0.0  # from when on it counts who is silent, on the monotonic clock
        self.forget()

    @property
    def configured(self) -> bool:
        return self._heroku.configured

    def quantity(self) -> int:
        """How many workers Heroku is told to run."""
        found = self._of_type(self._heroku.formation())
        self._now, self._since = found.quantity, found.since
        return self._now

    def forget(self) -> None:
        """Where Redis was away nobody could speak, and it takes workers a while to reach it again."""
        self._now = None
        self._listens = time.monotonic() + self._settled

    def roll_call(self) -> None:
        """Nobody leaves a formation: who dies is started again."""

    def since(self, before: int) -> float | None:  # noqa: ARG002  # it is one number with one time
        return self._since

    def resize(self, wanted: int, line: int | None = None) -> int:
        """Towards so many workers; how many Heroku is told to run now."""
        now = self.quantity() if self._now is None else self._now
        wanted = self._limit.clip(wanted)
        line = wanted if line is None else min(line, wanted)
        if line >= now:
            self._redis.workers.end_drain()
        else:
            drawn = self._redis.workers.drain(line)
            if wanted < now and not self._drained(drawn, wanted, now):
                return now
        if wanted == now:
            return now
        asked, calls = time.time(), self._heroku.calls
        try:
            found = self._set(wanted, now)
        except HerokuDown as error:
            if isinstance(error, Unclear) or self._heroku.calls > calls + 1:
                self._now = None  # an earlier try may have been obeyed, whatever the last was told
            raise
        self._now, self._since = found.quantity, later(asked, found.since)
        if self._now > now:
            self._ordered_at = time.time()
        return self._now

    def prices(self) -> dict[str, float]:
        return self._heroku.prices()

    def standing(self) -> PoolStatus:
        h = self._heroku
        told = (h.refused, h.silent_seconds, h.calls)
        return PoolStatus("formation", self._now, self._limit.now, *told, self._ordered_at)

    def check(self) -> int:
        """The quantity; HerokuDown when the key may not change it."""
        now = self.quantity()
        self._heroku.check_write()
        return now

    def _of_type(self, formation: dict[str, Processes]) -> Processes:
        kind = self._settings.worker_type
        if kind in formation:
            return formation[kind]
        raise HerokuDown(
            f"{self._settings.heroku_app} has no process type {kind}.",
            advice="Deploy the Procfile, or correct WORKER_TYPE.",
        )

    def _drained(self, line: DrainOrder, wanted: int, now: int) -> bool:
        # Nothing runs longer than TIME_LIMIT: a worker that says so then is beyond help.
        hopeless = line.since_set > self._settings.time_limit + self._settled
        line = replace(line, since_raised=min(line.since_raised, time.monotonic() - self._listens))
        return hopeless or drained(self._redis.workers.up(), line, wanted, now, self._settled)

    def _set(self, wanted: int, now: int) -> Processes:
        """Set the quantity, to what the plan allows when it does not allow so many."""
        kind = self._settings.worker_type
        try:
            return self._heroku.scale(kind, wanted)
        except AboveLimit as above:
            # Some limits count this type, some all dynos; the body does not always say which.
            formation = self._heroku.formation()
            beside = sum(row.quantity for name, row in formation.items() if name != kind)
            for fewer in [above.limit - beside] if above.shared else [above.limit, above.limit - beside]:
                if now < fewer < wanted:
                    with suppress(AboveLimit):
                        return self._limited(self._heroku.scale(kind, fewer))
            return self._limited(Processes(now, self._since))

    def _limited(self, found: Processes) -> Processes:
        self._limit = Limit.of(found.quantity)
        most = self._settings.max_workers
        log.warning("scaler: Heroku allows %d workers; MAX_WORKERS=%d.", found.quantity, most)
        return found


def drained(workers: Sequence[Worker], line: DrainOrder, wanted: int, now: int, settled: float) -> bool:
    """Whether the dynos above `wanted`, up to `now`, may be stopped: all that are up say that they drain and
    are idle, and the others had time to say that they are up. A worker without a number may be any of them.
    """
    above = [
        worker for worker in workers
        if not worker.one_off and (worker.ordinal is None or worker.ordinal > wanted)
    ]  # fmt: skip
    if any(worker.busy or worker.drains != line.mark for worker in above):
        return False
    silent = set(range(wanted + 1, now + 1)) - {worker.ordinal for worker in above}
    return not silent or line.since_raised >= settled
