"""What an export will take and cost, before it begins: the cheapest number of workers and the fastest."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

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
class Task:
    """What is to be done: chunks side by side, and in seconds what comes alone before and after them."""

    chunks: int
    chunk_seconds: float
    before_seconds: float
    after_seconds: float


@dataclass(frozen=True)
class Quote:
    """So many workers finish in so many seconds, for so much."""

    workers: int
    seconds: float
    dollars: float

    @property
    def words(self) -> str:
        """For a person: about 3 min, $0.004."""
        return f"about {_duration(self.seconds)}, ${self.dollars:.{4 if self.dollars < 0.1 else 2}f}"


def quotes(task: Task, maximum: int, slots: int, boot: float, price: float) -> list[Quote]:
    """Every number of workers that leaves none idle in the last round, from the cheapest to the fastest."""
    found = []
    for workers in _round_counts(task.chunks, maximum, slots):
        rounds = ceil(task.chunks / (slots * workers))
        seconds = boot + task.before_seconds + rounds * task.chunk_seconds + task.after_seconds
        work = task.before_seconds + task.chunks * task.chunk_seconds / slots + task.after_seconds
        found.append(Quote(workers, round(seconds, 1), (work + workers * boot) * price))
    return found


def _round_counts(chunks: int, maximum: int, slots: int) -> Iterator[int]:
    """1, and whatever number more needs a round less."""
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


def estimate(export: Export, learned: Learned, settings: Settings) -> list[Quote]:
    """From the cheapest number of workers to the fastest; nothing once it is joined, or for a kind that was
    never made."""
    pages = export.pages or ceil(learned.pages.get(export.document, 0.0))
    if not pages or export.document not in learned.page:
        return []
    if export.state not in (State.QUEUED, State.PLANNING, State.RENDERING):
        return []
    return of_pages(export.document, pages, export.chunks, learned, settings)


def of_pages(document: str, pages: int, chunks: int, learned: Learned, settings: Settings) -> list[Quote]:
    """The same for so many pages of a kind; `chunks` is 0 when it is not cut yet. Nothing while the price of a
    worker is not known: only Heroku may know it, and is not asked for a quote."""
    try:
        each = price(settings.paid_size, learned.prices)
    except InvalidSetting:
        return []
    cost = Cost(learned.page_seconds(document), UNKNOWN_BYTES)
    count = chunks or ceil(pages / pages_per_chunk(pages, cost, settings))
    task = Task(
        count,
        learned.chunk_seconds(document, pages / count),
        learned.plan_seconds(document, pages),
        learned.assembly_seconds(document, pages),
    )
    return quotes(task, settings.max_workers, settings.concurrency, learned.boot, each)


def current_quotes(stores: Stores, export: Export) -> list[Quote]:
    """What an export will take and cost; nothing when the scaler has not said what it learned."""
    known: dict[str, Any] | None = None
    with suppress(RedisDown):
        known = stores.redis.decisions.state()
    return estimate(export, Learned.of(known.get("learned")), stores.settings) if known else []


def quotes_as_json(found: Sequence[Quote]) -> list[dict[str, Any]]:
    """Numbers for programs, words for people."""
    return [{**asdict(quote), "words": quote.words} for quote in found]


def represent(stores: Stores, export: Export) -> dict[str, Any]:
    """An export as GET /exports/ID shows it: everything, with its live progress and what it will cost."""
    quotes = quotes_as_json(current_quotes(stores, export))
    return views.full(export, views.progress(stores, export), time.time(), stores.settings.base_url, quotes)
