"""What an export will take and cost, as far as its kind is known; for people, before it starts."""

from __future__ import annotations

from math import ceil

from ..errors import InvalidSetting
from ..export import Export, State
from ..plan import Cost, pages_per_chunk
from ..settings import Settings
from .learned import Learned
from .measure import UNKNOWN_BYTES
from .prices import price
from .quote import Quote, Task, quotes


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
