"""Workers as dynos of the formation: one absolute quantity, lowered only after the highest dynos are idle.

Heroku stops the highest ordinals, busy or not. So those are drained first: they stop taking work, finish what
they have, and only then is the quantity lowered.
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
from .heroku import PAUSES, AboveLimit, Heroku
from .heroku_answers import Processes, Unclear
from .pool import Limit, PoolStatus, took_effect_at
from .silent import BOOTS, SilenceWatch, UpDyno

log = logging.getLogger(__name__)
SETTLE_SECONDS = 3.0  # a worker reports twice a second; without a report for this long it is not up


class FormationPool:
    """The dynos of one process type of one app."""

    def __init__(
        self,
        settings: Settings,
        redis: Coordination,
        *,
        settle_seconds: float = SETTLE_SECONDS,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._settings = settings
        self._redis = redis
        self._settle_seconds = settle_seconds
        self._heroku = Heroku(settings, pauses)
        self._limit = Limit()
        self._quantity: int | None = None
        self._changed_at: float | None = None
        self._ordered_at: float | None = None
        self._watch = SilenceWatch()
        self._listening_since = 0.0  # silence counts from here on, on the monotonic clock
        self.forget()

    @property
    def configured(self) -> bool:
        return self._heroku.configured

    def quantity(self) -> int:
        found = self._of_type(self._heroku.formation())
        self._quantity, self._changed_at = found.quantity, found.since
        return self._quantity

    def forget(self) -> None:
        """Ask Heroku again, and give workers time: if Redis was away, they reach it again later than we do."""
        self._quantity = None
        self._watch.forget()
        self._listening_since = time.monotonic() + self._settle_seconds

    def refresh(self) -> None:
        """Nothing to do: Heroku restarts a dyno of a formation when it dies."""

    def changed_at(self, previous: int) -> float | None:  # noqa: ARG002  # one quantity has one time
        return self._changed_at

    def resize(self, wanted: int, ceiling: int) -> None:
        now = self.quantity() if self._quantity is None else self._quantity
        wanted = self._limit.clip(wanted)
        ceiling = min(ceiling, wanted)
        if ceiling >= now:
            self._redis.workers.end_drain()
        else:
            order = self._redis.workers.drain(ceiling)
            if wanted < now and not self._is_drained(order, wanted, now):
                return
        if wanted != now:
            self._change(wanted, now)

    def restart_silent(self, boot_seconds: float) -> None:
        reporting = {worker.name for worker in self._redis.workers.up() if not worker.one_off}
        booted = time.time() - (self._ordered_at or 0.0) > BOOTS * boot_seconds
        short = booted and len(reporting) < (self._quantity or 0)
        for dyno in self._watch.find(short, reporting, boot_seconds, self._dynos_up):
            log.warning("scaler: dyno %s is up and silent; it is restarted", dyno.name)
            self._heroku.restart(dyno.name)

    def _dynos_up(self) -> list[UpDyno]:
        kind = self._settings.worker_type
        return [
            UpDyno(dyno.name, dyno.name, dyno.updated)
            for dyno in self._heroku.dynos() if dyno.kind == kind and dyno.state == "up"
        ]  # fmt: skip

    def prices(self) -> dict[str, float]:
        return self._heroku.prices()

    def status(self) -> PoolStatus:
        heroku = self._heroku
        return PoolStatus(
            "formation", self._quantity, self._limit.current, heroku.refused, heroku.silent_seconds, heroku.calls,
            self._ordered_at, unable=self._watch.unable,
        )  # fmt: skip

    def check(self) -> int:
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

    def _is_drained(self, order: DrainOrder, wanted: int, now: int) -> bool:
        # A worker that still reports busy after TIME_LIMIT hangs, or has a long step, which goes on elsewhere.
        hangs = order.since_set > self._settings.time_limit + self._settle_seconds
        order = replace(order, since_raised=min(order.since_raised, time.monotonic() - self._listening_since))
        return hangs or drained(self._redis.workers.up(), order, wanted, now, self._settle_seconds)

    def _change(self, wanted: int, now: int) -> None:
        """Set the quantity and note what Heroku answers."""
        asked, calls = time.time(), self._heroku.calls
        try:
            found = self._set(wanted, now)
        except HerokuDown as error:
            if isinstance(error, Unclear) or self._heroku.calls > calls + 1:
                self._quantity = None  # an earlier try may have been obeyed, whatever the last one was told
            raise
        self._quantity, self._changed_at = found.quantity, took_effect_at(asked, found.since)
        if self._quantity > now:
            self._ordered_at = time.time()

    def _set(self, wanted: int, now: int) -> Processes:
        """Set the quantity, or the most that the plan allows if that is less."""
        kind = self._settings.worker_type
        try:
            return self._heroku.scale(kind, wanted)
        except AboveLimit as above:
            # Some limits count this type only, some all dynos; the answer does not always say which.
            formation = self._heroku.formation()
            others = sum(row.quantity for name, row in formation.items() if name != kind)
            for fewer in [above.limit - others] if above.shared else [above.limit, above.limit - others]:
                if now < fewer < wanted:
                    with suppress(AboveLimit):
                        return self._limited(self._heroku.scale(kind, fewer))
            return self._limited(Processes(now, self._changed_at))

    def _limited(self, found: Processes) -> Processes:
        """Remember the limit that Heroku set."""
        self._limit = Limit.noticed(found.quantity)
        maximum = self._settings.max_workers
        log.warning("scaler: Heroku allows %d workers; MAX_WORKERS=%d.", found.quantity, maximum)
        return found


def drained(workers: Sequence[Worker], order: DrainOrder, wanted: int, now: int, settle_seconds: float) -> bool:
    """Return whether the dynos above `wanted`, up to `now`, may be stopped.

    All that are up must be idle and acknowledge this order; the others must have had time to report. A worker
    without a number may be any of the dynos.
    """
    above = [
        worker for worker in workers
        if not worker.one_off and (worker.ordinal is None or worker.ordinal > wanted)
    ]  # fmt: skip
    if any(worker.busy or worker.drains != order.mark for worker in above):
        return False
    silent = set(range(wanted + 1, now + 1)) - {worker.ordinal for worker in above}
    return not silent or order.since_raised >= settle_seconds
