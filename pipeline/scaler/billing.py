"""Billing: record how many workers are paid; when all work is over, charge the exports for them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from ..errors import HerokuDown, InvalidSetting, StoreDown
from ..exports.export import Charge, Export
from ..settings import Settings
from .costs import Change, ExportSpan, share_costs
from .learned import Learned
from .pool import WorkerPool
from .prices import is_listed, price
from .usage import Due, UsageLog

log = logging.getLogger(__name__)
PRICE_RETRY_SECONDS = 60.0  # between two questions to Heroku while the price is unknown
LOOK_BACK_SECONDS = 86400.0  # before a period, for the workers that were there when it began
REFUSED_SECONDS = 60.0  # before charging goes on, when the bucket refused an export
CHARGE_SECONDS = 1.0  # of a turn, for charging: three or four requests to the bucket for each export


class Billing:
    """Keeps the record of paid workers, and charges a period's exports once the period is over.

    A period begins when work arrives and ends when nothing is outstanding and the workers are gone.
    """

    def __init__(self, settings: Settings, usage: UsageLog, pool: WorkerPool) -> None:
        self._settings = settings
        self._usage = usage
        self._pool = pool
        self._price: float | None = None
        self._price_asked = float("-inf")
        self._listed: Mapping[str, float] = {}  # prices as Heroku lists them
        self._recorded: Change | None = None  # the latest in the bucket
        self._unsettled = True
        self._unread: list[tuple[str, float]] | None = None  # marks left to read; None: the period is not over
        self._read: dict[tuple[str, float], tuple[ExportSpan, Due]] = {}  # by mark; with what was paid before
        self._ended = 0.0  # when the period was over
        self._shared_until = 0.0  # when the last export ended of those whose shares are known
        self._due: list[tuple[str, Due]] | None = None  # the rest of what is saved; None: not known yet
        self._refused: set[str] = set()  # exports of the period that the bucket did not give
        self._again = float("-inf")  # when charging goes on, on the monotonic clock

    def forget(self) -> None:
        """Drop all cached state; another leader may have recorded workers, or stopped before it charged."""
        self._recorded = self._due = self._unread = None
        self._unsettled = True
        self._read.clear()
        self._refused.clear()

    # how many workers are paid, at which price

    def record(self, reason: str, learned: Learned) -> int:
        """Write down a change of the number of paid workers. Returns that number, leaving workers included."""
        status, now = self._pool.status(), time.time()
        workers = (status.quantity or 0) + status.leaving
        if self._recorded is None:
            self._recorded = self._last_record(now)
        last = self._recorded
        if last and workers == last.workers:
            if workers and now - last.at > LOOK_BACK_SECONDS / 2:  # an older record is not found
                self._write(now, workers, reason, learned)
        else:
            self._write(self._pool.changed_at(last.workers if last else 0) or now, workers, reason, learned)
        return workers

    @property
    def paid(self) -> tuple[int | None, float]:
        """The latest record: workers, and the price of each in dollars a second; None when there is none."""
        return (self._recorded.workers, self._recorded.price) if self._recorded else (None, 0.0)

    def _write(self, since: float, workers: int, reason: str, learned: Learned) -> None:
        """Records stay in the order in which they were learned, at least a millisecond apart."""
        earliest = self._recorded.at + 0.002 if self._recorded else 0.0
        paid = self._known_price(learned) if self._price is None else self._price
        change = Change(max(earliest, min(time.time(), since)), workers, paid or 0.0)
        self._usage.note_workers(change.at, workers, change.price, reason)
        self._recorded = change

    def _last_record(self, now: float) -> Change | None:
        """Return what the previous leader wrote last."""
        found = [Change(*change) for change in self._usage.workers_since(now - LOOK_BACK_SECONDS)]
        return found[-1] if found else None

    def ask_price(self, learned: Learned) -> Learned:
        """Ask Heroku for its prices: once per process, or once a minute while the price is unknown.

        Returns `learned` with the prices, so that quotes know them too.
        """
        if self._price is None and time.monotonic() - self._price_asked > PRICE_RETRY_SECONDS:
            self._price_asked = time.monotonic()
            with suppress(HerokuDown):
                self._listed = self._pool.prices()
                learned = replace(learned, prices=self._listed)
            self._price = self._known_price(learned)
        return learned

    def with_listed_prices(self, learned: Learned) -> Learned:
        """Return `learned` with the prices that Heroku listed, if it was asked."""
        return replace(learned, prices=self._listed) if self._listed else learned

    def _known_price(self, learned: Learned) -> float | None:
        """Dollars a second, by Heroku's list or else by our table; None when neither has the size."""
        try:
            return price(self._settings.paid_size, learned.prices)
        except InvalidSetting as error:  # work must not wait for a price
            log.error("scaler: %s Dyno-seconds are recorded without a price.", error.message)
            return None

    # charging

    def settle(self, over: bool) -> Iterator[Export]:
        """Charge the exports of the period when it is over, for CHARGE_SECONDS; the next turns go on. Yields each
        export after it is charged.

        What each is to pay is saved first. From then on the rest is charged also while there is new work, which
        belongs to the next period. Work that comes before goes on with this one.
        """
        now = time.monotonic()
        until = now + CHARGE_SECONDS if now >= self._again else float("-inf")
        try:
            yield from self._settled(over, until)
        except StoreDown as error:  # scaling goes on
            self._pause("exports are", error)

    def _settled(self, over: bool, until: float) -> Iterator[Export]:
        if self._due is None:
            self._due = list(self._usage.due().items())[::-1]
        yield from self._charge(self._due, until)
        if not over:
            self._unsettled, self._unread = True, None
        elif self._unsettled and self._refused.issuperset(dict(self._due)) and self._read_all(until):
            self._due = self._shared(self._due)
            self._unsettled, self._unread = bool(self._refused), None
            self._refused.clear()
            yield from self._charge(self._due, until)

    @property
    def unfinished(self) -> bool:
        """True while a period is being charged: the next turn goes on with it."""
        return time.monotonic() >= self._again and (bool(self._due) or self._unread is not None)

    def _charge(self, due: list[tuple[str, Due]], until: float) -> Iterator[Export]:
        while due and time.monotonic() < until:
            export_id, paid = due[-1]
            try:
                export = self._usage.bill(export_id, paid)
            except StoreDown as error:
                due.insert(0, due.pop())  # the others come first: it must not keep them from being charged
                self._refused.add(export_id)
                return self._pause(f"export {export_id} is", error)
            due.pop()
            if export and export.begun_at != paid.begun_at:
                self._unsettled = True  # it was retried, and may be over again already
            elif export:
                yield export

    def _read_all(self, until: float) -> bool:
        """Read the exports of the period that is over. Returns False if some are left for the next turn."""
        if self._unread is None:
            self._ended, marked = time.time(), self._usage.marked().items()
            self._read = {mark: self._read[mark] for mark in marked if mark in self._read}
            self._unread = [mark for mark in marked if mark not in self._read][::-1]
        while self._unread and time.monotonic() < until:
            mark = self._unread.pop()
            try:
                if export := self._usage.unbilled(mark[0]):
                    self._read[mark] = span(export), Due(export.charged_before, export.begun_at)
            except StoreDown as error:
                if mark[0] not in self._refused:  # once more after the others; then it is left to the next period
                    self._unread.insert(0, mark)
                    self._refused.add(mark[0])
                    self._pause(f"export {mark[0]} is", error)
                    return False
        return not self._unread

    def _pause(self, what: str, error: StoreDown) -> None:
        """Charge nothing for REFUSED_SECONDS, and say why."""
        self._again = time.monotonic() + REFUSED_SECONDS
        log.warning("scaler: %s not charged yet: %s", what, error.message)

    def _shared(self, left: list[tuple[str, Due]]) -> list[tuple[str, Due]]:
        """Return what each export of the period is to pay, the oldest last, and before them what is `left` of the
        last one. It is saved first: if charging is interrupted, the exports that are left still pay their own
        share, and not the whole."""
        due = {one.export_id: before for one, before in self._read.values()}
        if due and self._pool.configured:
            spans = [one for one, _ in self._read.values()]
            for export_id, share in share_costs(self._paid_since(spans), spans, self._ended).items():
                before = due[export_id]
                due[export_id] = Due(share + (before.charge or Charge()), before.begun_at)
            self._usage.save_due(due | dict(left))
        self._shared_until = max([self._shared_until, *(one.end for one, _ in self._read.values())])
        self._read.clear()
        return [*left, *list(due.items())[::-1]]

    def _paid_since(self, spans: Iterable[ExportSpan]) -> list[Change]:
        """Return the workers of one period. Worker time before the period is not billed to it, also when an export
        belongs to an earlier one, whose others paid without it."""
        begin = max(self._shared_until, min(span.begin for span in spans))
        changes = [Change(*change) for change in self._usage.workers_since(begin - LOOK_BACK_SECONDS)]
        return [replace(change, at=max(change.at, begin)) for change in changes]


def span(export: Export) -> ExportSpan:
    """Return an export's time, and the worker seconds that went into it.

    Where the seconds of drawing are unknown (the export failed or was cancelled), it counts as if one worker had
    drawn all the time; else the exports beside it would pay for it.
    """
    end = export.finished_at or export.created_at
    planned, rendered = export.planned_at or end, export.rendered_at or end
    alone = planned - (export.started_at or planned) + end - rendered
    drawn = (export.result and export.result.seconds) or rendered - planned
    begin = export.begun_at if export.charged_before else export.created_at
    return ExportSpan(export.id, begin, end, alone + drawn)


def check_price(settings: Settings, pool: WorkerPool) -> None:
    """Raise InvalidSetting at the start, not at the first bill, when neither our table nor Heroku knows the size
    of a worker."""
    if not is_listed(settings.paid_size):
        with suppress(HerokuDown):
            price(settings.paid_size, pool.prices() if pool.configured else None)
