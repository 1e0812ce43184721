"""Quotes: what an export will take and cost, from the cheapest number of workers to the fastest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import ceil, inf

from ..errors import InvalidSetting, RedisDown
from ..exports import views
from ..exports.export import Export, State
from ..exports.plan import Cost, pages_per_chunk
from ..exports.stores import Stores
from ..exports.views import Estimate
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


def quotes(work: Workload, maximum: int, slots: int, boot: float, price: float) -> list[Estimate]:
    """Return an estimate for each number of workers that leaves none idle in the last round."""
    found = []
    for workers in _worker_counts(work.chunks, maximum, slots):
        rounds = ceil(work.chunks / (slots * workers))
        seconds = round(boot + work.before_seconds + rounds * work.chunk_seconds + work.after_seconds, 1)
        paid = work.before_seconds + work.chunks * work.chunk_seconds / slots + work.after_seconds
        dollars = (paid + workers * boot) * price
        found.append(Estimate(workers, seconds, dollars, in_words(seconds, dollars)))
    return found


def _worker_counts(chunks: int, maximum: int, slots: int) -> Iterator[int]:
    """Yield 1, and each larger number that saves a round."""
    before = 0
    for workers in range(1, min(maximum, ceil(chunks / slots)) + 1):
        rounds = ceil(chunks / (slots * workers))
        if rounds != before:
            before = rounds
            yield workers


def in_words(seconds: float, dollars: float) -> str:
    """Return a time and a price for a person: about 3 min, $0.004."""
    return f"about {_duration(seconds)}, ${dollars:.{4 if dollars < 0.1 else 2}f}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{ceil(seconds / 5) * 5} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def quotes_for_pages(
    document: str, pages: int, chunks: int, learned: Learned, settings: Settings
) -> list[Estimate]:
    """Return the estimates for a number of pages of a kind; `chunks` is 0 before it is cut.

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


def _quotes_for_export(export: Export, learned: Learned, settings: Settings) -> list[Estimate]:
    """Return the estimates for an export; empty once it is being joined, or for a kind that was never made."""
    pages = export.pages or ceil(learned.pages.get(export.document, 0.0))
    if not pages or export.document not in learned.page:
        return []
    if export.state not in (State.QUEUED, State.PLANNING, State.RENDERING):
        return []
    return quotes_for_pages(export.document, pages, export.chunks, learned, settings)


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


def represent(stores: Stores, export: Export) -> views.ExportShown:
    """Return an export as GET /v1/exports/ID shows it: everything, with its live progress and estimates."""
    learned, settings, seen = _published(stores), stores.settings, stores.progress(export)
    estimates = _quotes_for_export(export, learned, settings) if learned else []
    return views.full(export, seen, time.time(), settings.base_url, settings.keep_seconds, estimates)
