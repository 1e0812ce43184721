"""Quotes: what an export will take and cost, from the cheapest number of workers to the fastest."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil, inf

from ..errors import InvalidSetting, RedisDown
from ..exports import views
from ..exports.export import Export, State
from ..exports.plan import Cost, pages_per_chunk
from ..exports.stores import Stores
from ..settings import Settings
from .learned import Learned
from .measure import UNKNOWN_BYTES
from .prices import price


@dataclass(frozen=True)
class Workload:
    """Chunks that can run side by side, and the seconds of the steps that run alone before and after them."""

    chunks: int
    chunk_seconds: float
    before_seconds: float
    after_seconds: float


@dataclass(frozen=True)
class Quote:
    """The time and the price of an export with a number of workers."""

    workers: int
    seconds: float
    dollars: float

    @property
    def words(self) -> str:
        """For a person: about 3 min, $0.004."""
        return f"about {_duration(self.seconds)}, ${self.dollars:.{4 if self.dollars < 0.1 else 2}f}"


def quotes(work: Workload, maximum: int, slots: int, boot: float, price: float) -> list[Quote]:
    """Return a quote for each number of workers that leaves none idle in the last round."""
    found = []
    for workers in _worker_counts(work.chunks, maximum, slots):
        rounds = ceil(work.chunks / (slots * workers))
        seconds = boot + work.before_seconds + rounds * work.chunk_seconds + work.after_seconds
        paid = work.before_seconds + work.chunks * work.chunk_seconds / slots + work.after_seconds
        found.append(Quote(workers, round(seconds, 1), (paid + workers * boot) * price))
    return found


def _worker_counts(chunks: int, maximum: int, slots: int) -> Iterator[int]:
    """Yield 1, and each larger number that saves a round."""
    before = 0
    for workers in range(1, min(maximum, ceil(chunks / slots)) + 1):
        rounds = ceil(chunks / (slots * workers))
        if rounds != before:
            before = rounds
            yield workers


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{ceil(seconds / 5) * 5} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def quotes_for_pages(document: str, pages: int, chunks: int, learned: Learned, settings: Settings) -> list[Quote]:
    """Return the quotes for a number of pages of a kind; `chunks` is 0 before it is cut.

    Empty while the price of a worker is not known: Heroku may know it, but is not asked for a quote.
    """
    try:
        each = price(settings.paid_size, learned.prices)
    except InvalidSetting:
        return []
    cost = Cost(learned.page_seconds(document), UNKNOWN_BYTES)
    count = chunks or ceil(pages / pages_per_chunk(pages, cost, settings))
    work = Workload(
        count,
        learned.chunk_seconds(document, pages / count),
        learned.plan_seconds(document, pages),
        learned.assembly_seconds(document, pages),
    )
    return quotes(work, settings.max_workers, settings.concurrency, learned.boot, each)


def quotes_for_export(export: Export, learned: Learned, settings: Settings) -> list[Quote]:
    """Return the quotes for an export; empty once it is being joined, or for a kind that was never made."""
    pages = export.pages or ceil(learned.pages.get(export.document, 0.0))
    if not pages or export.document not in learned.page:
        return []
    if export.state not in (State.QUEUED, State.PLANNING, State.RENDERING):
        return []
    return quotes_for_pages(export.document, pages, export.chunks, learned, settings)


def current_quotes(stores: Stores, export: Export) -> list[Quote]:
    """Return the quotes for an export by what the scaler last published; empty when there is nothing."""
    learned = _published(stores)
    return quotes_for_export(export, learned, stores.settings) if learned else []


def predicted_seconds(stores: Stores, document: str) -> float:
    """Return how long one process works on an export of this kind, by the mean of earlier ones; infinity when none
    is known."""
    learned = _published(stores)
    if learned is None or document not in learned.pages:
        return inf
    each = (learned.page_seconds(document), learned.plan.get(document, 0.0), learned.assembly.get(document, 0.0))
    return learned.pages[document] * sum(each)


def _published(stores: Stores) -> Learned | None:
    """Return what the scaler last published."""
    with suppress(RedisDown):
        if known := stores.redis.decisions.state():
            return Learned.from_dict(known.get("learned"))
    return None


def shown_quotes(found: Sequence[Quote]) -> list[views.Estimate]:
    """Return numbers for programs and words for people."""
    return [views.Estimate(quote.workers, quote.seconds, quote.dollars, quote.words) for quote in found]


def represent(stores: Stores, export: Export) -> views.ExportShown:
    """Return an export as GET /v1/exports/ID shows it: everything, with its live progress and its quotes."""
    quotes = shown_quotes(current_quotes(stores, export))
    settings, seen = stores.settings, stores.progress(export)
    return views.full(export, seen, time.time(), settings.base_url, settings.keep_seconds, quotes)
