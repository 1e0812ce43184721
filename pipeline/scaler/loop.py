"""One turn of the scaler: measure -> decide -> resize; and, when all work is over, settle what it cost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace

from ..adapters.redis import Coordination
from ..errors import HerokuDown, InvalidSetting, PipelineError
from ..exports.export import Charge, Export
from ..settings import Settings
from .costs import Change, Span, shared
from .decide import Decision, Demand, Policy, Resizing, Snapshot, decide
from .learned import Learned
from .measure import Gauge
from .pool import PoolStatus, WorkerPool
from .prices import price, tabled
from .usage import UsageLog

log = logging.getLogger(__name__)
CHECK_SECONDS = 60.0  # how long the number of workers is believed without asking Heroku
LATE = 2.0  # seconds beyond twice the boot that was learned: then a one-off dyno is asked after, once
DAY = 86400.0


class Scaler:
    """Sets the number of workers, if it is asked by the one that leads; remembers nothing that matters."""

    def __init__(self, settings: Settings, accounts: UsageLog, redis: Coordination, way: WorkerPool) -> None:
        self._settings = settings
        self._usage = accounts
        self._redis = redis
        self._way = way
        self._gauge = Gauge(redis)
        self._policy = policy(settings)
        self._price: float | None = None
        self._price_asked = float("-inf")
        self._listed: Mapping[str, float] = {}  # prices, by Heroku
        self._learned: Learned | None = None
        self._checked = float("-inf")
        self._noted: Change | None = None  # the last that is written down
        self._said: tuple[int, int] | None = None
        self._unsettled = True
        self.holds: float | None = None
        """Seconds for which the last decision holds if nothing happens; None: until something does."""
        check_size(settings, way)

    @property
    def learned(self) -> Learned:
        """What earlier exports taught; read once."""
        if self._learned is None:
            found = Learned.decode(self._usage.learned())
            self._learned = replace(found, prices=self._listed) if self._listed else found
        return self._learned

    def forget(self) -> None:
        """Another may have led meanwhile: ask Heroku, and read what was learned, again."""
        self._way.forget()
        self._learned = self._noted = self.holds = None
        self._gauge.forget()
        self._unsettled = True  # it may have gone before it charged what it saw end

    def turn(self, demands: Sequence[Demand], may: Callable[[], bool]) -> int:
        """Decide, resize if `may` says that nobody else leads, settle; how many workers there are."""
        if not self._way.configured:
            self._settle(demands, 0)
            return 0
        try:
            decision, now = self.decided(demands)
        except PipelineError:
            self._show(demands)  # why there is no decision
            raise
        return self._carry_out(decision, demands, len(now.dynos)) if may() else len(now.dynos)

    def _carry_out(self, decision: Decision, demands: Sequence[Demand], before: int) -> int:
        """What the one that leads does; how many workers there are."""
        try:
            self._write_down("So Heroku says.")
            self._way.resize(decision.quantity, decision.drain_above)
            self._tell(decision, before)
            self._ask_price()  # not before: workers do not wait for it
            workers = self._write_down(decision.reason)
            self._settle(demands, workers)
            return workers
        finally:
            self._show(demands)

    def decided(self, demands: Sequence[Demand]) -> tuple[Decision, Snapshot]:
        """What would be done at this moment, and by what; changes nothing."""
        if not self._way.configured:
            raise HerokuDown("Workers are not scaled.", advice="Set HEROKU_API_KEY and HEROKU_APP_NAME.")
        if time.monotonic() - self._checked > CHECK_SECONDS or self._way.standing().quantity is None:
            self._ask()
        self._way.roll_call()
        snapshot = self._snapshot(demands)
        if self._overdue(snapshot):
            self._ask()
            snapshot = self._snapshot(demands)
        decision = decide(snapshot, self._policy)
        self.holds = decision.holds
        return decision, snapshot

    def _ask(self) -> None:
        self._way.quantity()
        self._checked = time.monotonic()

    def _snapshot(self, demands: Sequence[Demand]) -> Snapshot:
        snapshot, self._learned = self._gauge.snapshot(demands, self._way.standing(), self.learned)
        return snapshot

    def _overdue(self, now: Snapshot) -> bool:
        """Whether a one-off dyno should have come up since Heroku was asked, and did not. It may have died, and
        only the list would say so: nobody starts it again."""
        if self._policy.resizing is not Resizing.ONE_OFF:
            return False
        asked = now.now - (time.monotonic() - self._checked)
        due = (dyno.since + 2 * now.boot_seconds + LATE for dyno in now.dynos if not dyno.up)
        return any(asked < moment < now.now for moment in due)

    def _tell(self, decision: Decision, before: int) -> None:
        """A line in the log and on the panel, when something is to change."""
        what = (decision.quantity, decision.drain_above)
        if what == self._said:
            return
        self._said = what
        if decision.quantity != before or decision.drain_above < before:
            after = max(what)  # of one-off dynos more may stay than would be ordered
            log.info("scaler: %d -> %d. %s", before, after, decision.reason)
            self._redis.decisions.add({"at": time.time(), "from": before, **asdict(decision), "quantity": after})

    def _write_down(self, reason: str) -> int:
        """How many workers are paid; a change of that is written down, for the accounts."""
        standing, now = self._way.standing(), time.time()
        workers = (standing.quantity or 0) + standing.leaving
        if self._noted is None:
            self._noted = self._last_note(now)
        last = self._noted
        if last and workers == last.workers:
            if workers and now - last.at > DAY / 2:  # `_while_of` does not look back for ever
                self._note(now, workers, reason)
        else:
            self._note(self._way.since(last.workers if last else 0) or now, workers, reason)
        return workers

    def _note(self, since: float, workers: int, reason: str) -> None:
        """The notes are in the order in which it was learned, a millisecond apart at least."""
        after = self._noted.at + 0.002 if self._noted else 0.0
        paid = self._known_price() if self._price is None else self._price
        change = Change(max(after, min(time.time(), since)), workers, paid or 0.0)
        self._usage.note_workers(change.at, workers, change.price, reason)
        self._noted = change

    def _last_note(self, now: float) -> Change | None:
        """What a leader before this one wrote down last."""
        found = [Change(*change) for change in self._usage.workers_since(now - DAY)]
        return found[-1] if found else None

    def _ask_price(self) -> None:
        """Once a process; once a minute while nobody knows it."""
        if self._price is None and time.monotonic() - self._price_asked > CHECK_SECONDS:
            self._price_asked = time.monotonic()
            with suppress(HerokuDown):
                self._listed = self._way.prices()
                self._learned = replace(self.learned, prices=self._listed)
            self._price = self._known_price()

    def _known_price(self) -> float | None:
        """Dollars a second: as Heroku listed it, or as our table does; None when neither does."""
        try:
            return price(self._settings.paid_size, self.learned.prices)
        except InvalidSetting as error:  # work must not wait for a price
            log.error("scaler: %s Seconds are counted without it.", error.message)
            return None

    def _show(self, demands: Sequence[Demand]) -> None:
        """Where the scaler stands, for GET /scaler and the panel."""
        standing: PoolStatus = self._way.standing()
        self._redis.decisions.show_state(
            {
                "at": time.time(),
                **asdict(standing),
                "minimum": self._policy.minimum,
                "maximum": self._policy.maximum,
                "outstanding": {item.export_id: item.untaken for item in demands},
                "boot_seconds": round(self.learned.boot, 1),
                "learned": asdict(self.learned),
            }
        )

    # what it cost

    def _settle(self, demands: Sequence[Demand], workers: int) -> None:
        """When all is over and the workers are gone: charge the exports of that while, and learn from them."""
        if demands or workers > self._policy.minimum:
            self._unsettled = True
        elif self._unsettled:
            exports = self._usage.unbilled()
            charges = self._charges(exports) if self._way.configured and exports else {}
            for export in exports:
                self._usage.bill(export.id, charges.get(export.id))
                self._learned = self.learned.after(export)
            if exports:
                self._usage.write_learned(self.learned.encode())
            self._unsettled = False

    def _charges(self, exports: Sequence[Export]) -> Mapping[str, Charge]:
        """Should it break off in the middle, those that are left pay their own share, and not that of all."""
        before = self._usage.reckoned()
        known = {export.id: before[export.id] for export in exports if export.id in before}
        if new := [export for export in exports if export.id not in known]:
            known |= shared(*self._while_of(new), time.time())
            self._usage.reckon(known)
        return known

    def _while_of(self, exports: Iterable[Export]) -> tuple[list[Change], list[Span]]:
        """The workers and the exports of one while; workers that were there before it are none of its matter."""
        spans = [span(export) for export in exports]
        begin = min(span.begin for span in spans)
        changes = [Change(*change) for change in self._usage.workers_since(begin - DAY)]
        return [replace(change, at=max(change.at, begin)) for change in changes], spans


def check_size(settings: Settings, way: WorkerPool) -> None:
    """InvalidSetting now, not at the first bill, when neither our table nor Heroku has the size of a worker."""
    if not tabled(settings.paid_size):
        with suppress(HerokuDown):
            price(settings.paid_size, way.prices() if way.configured else None)


def policy(settings: Settings) -> Policy:
    """The limits and worths that the settings name."""
    return Policy(
        maximum=settings.max_workers,
        slots=settings.concurrency,
        minimum=settings.min_workers,
        waiting_price=settings.waiting_price,
        linger_seconds=settings.linger_seconds,
        resizing=Resizing(settings.scaler_way),
    )


def span(export: Export) -> Span:
    """An export's time, and the worker seconds that went into it. Where it is not known how long was drawn, as of
    one that failed or was cancelled, it counts as if one worker had: else those beside it paid for it."""
    end = export.notified_at or export.finished_at or export.created_at
    planned, rendered = export.planned_at or end, export.rendered_at or end
    alone = planned - (export.started_at or planned) + end - rendered
    drawn = (export.result and export.result.seconds) or rendered - planned
    return Span(export.id, export.created_at, end, alone + drawn)
