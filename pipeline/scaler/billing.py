"""Billing: record how many workers are paid; when all work is over, charge the exports for them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from ..errors import HerokuDown, InvalidSetting
from ..exports.export import Charge, Export
from ..settings import Settings
from .costs import Change, ExportSpan, share_costs
from .learned import Learned
from .pool import WorkerPool
from .prices import is_listed, price
from .usage import UsageLog

log = logging.getLogger(__name__)
PRICE_RETRY_SECONDS = 60.0  # between two questions to Heroku while the price is unknown
DAY = 86400.0  # how far back workers are looked up


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

    def forget(self) -> None:
        """Drop all cached state; another leader may have recorded workers, or stopped before it charged."""
        self._recorded = None
        self._unsettled = True

    # how many workers are paid, at which price

    def record(self, reason: str, learned: Learned) -> int:
        """Write down a change of the number of paid workers. Returns that number, leaving workers included."""
        status, now = self._pool.status(), time.time()
        workers = (status.quantity or 0) + status.leaving
        if self._recorded is None:
            self._recorded = self._last_record(now)
        last = self._recorded
        if last and workers == last.workers:
            if workers and now - last.at > DAY / 2:  # `_period` looks back one day only
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
        found = [Change(*change) for change in self._usage.workers_since(now - DAY)]
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
        """Charge each export of the period when it is over. Yields each export after it is charged."""
        if not over:
            self._unsettled = True
        elif self._unsettled:
            exports = self._usage.unbilled()
            charges = self._charges(exports) if self._pool.configured and exports else {}
            for export in exports:
                self._usage.bill(export.id, charges.get(export.id))
                yield export
            self._unsettled = False

    def _charges(self, exports: Sequence[Export]) -> Mapping[str, Charge]:
        """Return the charges of a period. They are saved first: if charging is interrupted, the exports that
        are left still pay their own share, and not the whole."""
        pending = self._usage.pending_charges()
        known = {export.id: pending[export.id] for export in exports if export.id in pending}
        if new := [export for export in exports if export.id not in known]:
            known |= share_costs(*self._period(new), time.time())
            self._usage.save_charges(known)
        return known

    def _period(self, exports: Iterable[Export]) -> tuple[list[Change], list[ExportSpan]]:
        """Return the workers and the exports of one period. Worker time before the period is not billed to it."""
        spans = [span(export) for export in exports]
        begin = min(span.begin for span in spans)
        changes = [Change(*change) for change in self._usage.workers_since(begin - DAY)]
        return [replace(change, at=max(change.at, begin)) for change in changes], spans


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
