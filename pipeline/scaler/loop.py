"""One turn of the scaler: measure -> decide -> resize. When all work is over, billing.py charges for it."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from itertools import islice

from ..adapters.redis import Coordination
from ..errors import HerokuDown, PipelineError, StoreDown
from ..settings import Settings
from . import connections
from .billing import Billing, check_price
from .decide import Decision, Demand, Dyno, Policy, Resizing, Snapshot, decide
from .learned import Learned
from .measure import Gauge
from .pool import WorkerPool
from .usage import UsageLog

log = logging.getLogger(__name__)
CHECK_SECONDS = 60.0  # how long the number of workers is trusted without asking Heroku
LATE_SECONDS = 2.0  # beyond twice the learned boot; then Heroku is asked once about a dyno
TAUGHT = 8  # exports of which one turn learns as soon as they end; each is a request to the bucket
LOST_SECONDS = 5.0  # between two questions about lost workers: at most 720 of the 4,500 calls an hour


class Scaler:
    """Sets the number of workers when the leading keeper asks. Its state is a cache and may be lost."""

    def __init__(self, settings: Settings, usage: UsageLog, redis: Coordination, pool: WorkerPool) -> None:
        self._usage = usage
        self._redis = redis
        self._pool = pool
        self._gauge = Gauge(redis)
        self._policy = policy(settings)
        self._monitoring = settings.monitoring
        self._billing = Billing(settings, usage, pool)
        self._learned: Learned | None = None
        self._checked = float("-inf")
        self._announced: tuple[int, int] | None = None
        self._unchecked = 0
        self._up: set[int] = set()  # dynos whose worker reported at the last turn
        self._lost: set[int] = set()  # those that stopped on their own, until Heroku is asked
        self._fitting: int | None = None  # workers that Redis has connections for
        self._wanted: int | None = None
        self._working: set[str] = set()  # exports that had work left at the last turn
        self._taught: deque[str] = deque(maxlen=1000)  # not charged, and it has learned of them
        self._written = time.monotonic()
        self.holds: float | None = None
        """Seconds until the next turn is due if nothing happens; None: wait for the next event."""
        check_price(settings, pool)

    @property
    def learned(self) -> Learned:
        """What earlier exports taught; read from the bucket once."""
        if self._learned is None:
            self._learned = self._billing.with_listed_prices(Learned.decode(self._usage.learned()))
        return self._learned

    @property
    def paid(self) -> tuple[int | None, float]:
        """The workers that are paid, None if not known, and the price of each in dollars a second."""
        return self._billing.paid

    def forget(self) -> None:
        """Drop all cached state, since another process may have led meanwhile."""
        self._pool.forget()
        self._learned = self.holds = self._wanted = None
        self._up, self._lost, self._working = set(), set(), set()
        self._taught.clear()
        self._gauge.forget()
        self._billing.forget()

    def turn(self, demands: Sequence[Demand], still_leads: Callable[[], bool], unchecked: int = 0) -> int:
        """One turn: decide, resize if still leader, bill. Returns the number of workers.

        `still_leads` is asked before anything is changed. `unchecked`: exports with an assumed demand; shown.
        """
        self._unchecked = unchecked
        self._learn(demands)
        if not self._pool.configured:
            self.holds = None
            self._settle(demands, 0)
            return 0
        try:
            decision, now = self.decided(demands)
        except PipelineError:
            self._show(demands)  # why there is no decision
            raise
        if not still_leads():
            return len(now.dynos)
        workers = self._carry_out(decision, demands, len(now.dynos), still_leads)
        if decision.quantity and still_leads():  # also for messages that wait: a silent one would keep its place
            self._pool.restart_silent(self.learned.boot)
        return workers

    def decided(self, demands: Sequence[Demand]) -> tuple[Decision, Snapshot]:
        """Return the decision for this moment and the snapshot it rests on; changes nothing."""
        if not self._pool.configured:
            raise HerokuDown("Workers are not scaled.", advice="Set HEROKU_API_KEY and HEROKU_APP_NAME.")
        if time.monotonic() - self._checked > CHECK_SECONDS or self._pool.status().quantity is None:
            self._ask()
        self._pool.refresh()
        snapshot = self._snapshot(demands)
        if self._overdue(snapshot) or self._missed(snapshot.dynos):
            self._ask()
            snapshot = self._snapshot(demands)
        decision = decide(snapshot, self._policy)
        self.holds = decision.holds
        return decision, snapshot

    def _ask(self) -> None:
        self._pool.quantity()
        if most := (self._redis.info() or {}).get("maxclients"):  # some providers hide it
            self._fitting = connections.fitting(int(most), self._policy.slots, self._monitoring)
        self._checked = time.monotonic()
        self._lost.clear()

    def _snapshot(self, demands: Sequence[Demand]) -> Snapshot:
        snapshot, self._learned = self._gauge.snapshot(demands, self._pool.status(), self.learned)
        return replace(snapshot, fitting=self._fitting)

    def _overdue(self, now: Snapshot) -> bool:
        """Return whether a dyno should have come up since Heroku was last asked, and did not.

        It may have died, and nothing restarts a one-off dyno; or the formation was scaled down by hand.
        """
        asked = now.now - (time.monotonic() - self._checked)
        due = (dyno.since + 2 * now.boot_seconds + LATE_SECONDS for dyno in now.dynos if not dyno.up)
        return any(asked < moment < now.now for moment in due)

    def _missed(self, dynos: Sequence[Dyno]) -> bool:
        """Return whether workers stopped reporting since Heroku was last asked: someone may have scaled them away.

        One-off dynos are not scaled by hand, and their pool looks after those that die.
        """
        up = {dyno.number for dyno in dynos if dyno.up}
        self._lost |= (self._up & {dyno.number for dyno in dynos}) - up
        self._up = up
        late = time.monotonic() - self._checked > LOST_SECONDS
        return self._policy.resizing is not Resizing.ONE_OFF and late and bool(self._lost)

    def _carry_out(
        self, decision: Decision, demands: Sequence[Demand], before: int, still_leads: Callable[[], bool]
    ) -> int:
        """Resize, announce and bill. Returns the number of workers.

        It asks once more whether it leads: writing to the bucket takes time, and Heroku knows no fencing numbers.
        """
        try:
            self._billing.record("Reported by Heroku.", self.learned)
            if not still_leads():
                return before
            self._wanted = decision.quantity
            self._pool.resize(decision.quantity, decision.drain_above)
            self._announce(decision, before)
            self._learned = self._billing.ask_price(self.learned)  # last: workers do not wait for it
            workers = self._billing.record(decision.reason, self.learned)
            self._settle(demands, workers)
            return workers
        finally:
            self._show(demands)

    def _announce(self, decision: Decision, before: int) -> None:
        """Log the decision and show it on the panel, if it changes anything."""
        what = (decision.quantity, decision.drain_above)
        if what == self._announced:
            return
        self._announced = what
        if decision.quantity != before or decision.drain_above < before:
            after = max(what)  # more one-off dynos may stay than would be started
            log.info("scaler: %d -> %d. %s", before, after, decision.reason)
            self._redis.decisions.add({"at": time.time(), "from": before, **asdict(decision), "quantity": after})

    def _learn(self, demands: Sequence[Demand]) -> None:
        """Learn from some exports that ended since the last turn: a busy system may not be idle for days."""
        before, working = self.learned, {item.export_id for item in demands}
        for export_id in islice(self._working - working, TAUGHT):
            if export_id not in self._taught and (export := self._usage.ended(export_id)):
                self._learned = self.learned.with_export(export)
                self._taught.append(export_id)
        self._working = working
        if self.learned is not before and time.monotonic() - self._written > CHECK_SECONDS:
            with suppress(StoreDown):  # it is written with what is learned next
                self._write_learned()

    def _settle(self, demands: Sequence[Demand], workers: int) -> None:
        """Charge exports of a period that is over, and learn from the others of them."""
        charged = False
        for export in self._billing.settle(over=not demands and workers <= self._policy.minimum):
            charged = True
            if export.id in self._taught:
                self._taught.remove(export.id)
            else:
                self._learned = self.learned.with_export(export)
        if charged:
            self._write_learned()
        if self._billing.unfinished:
            self.holds = 0.0

    def _write_learned(self) -> None:
        self._usage.write_learned(self.learned.encode())
        self._written = time.monotonic()

    def _show(self, demands: Sequence[Demand]) -> None:
        """Publish the state for GET /v1/scaler and the panel."""
        self._redis.decisions.show_state(
            {
                "at": time.time(),
                **asdict(self._pool.status()),
                "minimum": self._policy.minimum,
                "maximum": self._policy.maximum,
                "wanted": self._wanted,
                "outstanding": {item.export_id: item.untaken for item in demands},
                "unchecked": self._unchecked,
                "boot_seconds": round(self.learned.boot, 1),
                "learned": asdict(self.learned),
            }
        )


def policy(settings: Settings) -> Policy:
    """Return the limits and values that the settings name."""
    return Policy(
        maximum=settings.max_workers,
        slots=settings.concurrency,
        minimum=settings.min_workers,
        waiting_price=settings.waiting_price,
        linger_seconds=settings.linger_seconds,
        resizing=Resizing.FORMATION if settings.scaler_mode == "formation" else Resizing.ONE_OFF,
    )
