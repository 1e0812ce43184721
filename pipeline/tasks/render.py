"""render: a chunk, or what is missing of it, becomes a segment."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from tempfile import TemporaryFile

import psutil
from billiard.exceptions import SoftTimeLimitExceeded

from ..adapters.redis import Coordination
from ..adapters.redis.leases import Lease
from ..adapters.redis.progress import Drawn
from ..documents import Range
from ..documents.job import DocumentJob, draw_range
from ..errors import ExportFailed, ServiceDown
from ..exports.coverage import chain
from ..exports.export import Export
from ..exports.plan import Chunk, Plan
from ..exports.repository import ExportRepository
from ..exports.segments import SegmentRepository
from ..pdf.fonts import check_fonts
from ..pdf.segment_index import SegmentIndex
from ..services import Services
from ..settings import Settings
from .attempts import count, excused

log = logging.getLogger(__name__)
LOOK_SECONDS = 0.5  # how often, between two pages, a rendering process looks around
ASK_SECONDS = 2.0  # how often it asks the bucket whether the export is wanted
WEIGH_SECONDS = 0.02  # how often it looks at its memory: that takes 24 us, a twentieth of a page of a table
NEAR = 0.7  # this much of the time or memory that is allowed counts as near the limit


class PutBack(Exception):  # not an error: what is finished is stored, the rest comes again
    """A chunk was cut in two."""


class Lookout:
    """Asked between pages: is it time to stop? Now and then it renews the lease and tells the progress."""

    def __init__(
        self, settings: Settings, exports: ExportRepository, redis: Coordination, lease: Lease, export_id: str,
        stopping: Callable[[], bool], most: int, tell: Callable[[int], None],
    ) -> None:  # fmt: skip
        self._settings = settings
        self._exports = exports
        self._redis = redis
        self._lease = lease
        self._export_id = export_id
        self._stopping = stopping
        self._most = most
        self._tell = tell
        self._began = self._looked = self._asked = time.monotonic()
        self._weighed = float("-inf")  # after the first page in any case
        self.cancelled = False

    def __call__(self, done: int) -> bool:
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look(now, done)
        return self.cancelled or done >= self._most or self._stopping() or self._near_a_limit(now)

    def _look(self, now: float, done: int) -> None:
        try:
            self._tell(done)
            self._redis.leases.renew(self._lease, self._settings.lease_seconds)
            if now - self._asked >= ASK_SECONDS:
                self._asked = now
                self.cancelled = self._exports.load(self._export_id).state.over
        except ServiceDown as error:  # no reason to throw finished pages away
            log.warning("export %s: %s", self._export_id, error.message)

    def _near_a_limit(self, now: float) -> bool:
        if now - self._began > NEAR * self._settings.soft_time_limit:
            return True
        if now - self._weighed < WEIGH_SECONDS:
            return False
        self._weighed = now
        return resident() > NEAR * self._settings.memory_per_process


def resident() -> int:
    """Bytes of memory this process has in use."""
    size: int = _process.memory_info().rss
    return size


_process = psutil.Process()


def render(
    s: Services, job: DocumentJob, plan: Plan, number: int, export: Export, stopping: Callable[[], bool]
) -> None:
    """Draw from the first missing page on and store the segment.

    Does nothing when no page is missing or another worker has the lease; a chunk that Redis forgot may be drawn
    again, to the same bytes. Raises PutBack when pages are left, ChunkFailed when the same page was begun too
    often.
    """
    check_fonts(plan.fonts)
    chunk = plan.chunks[number]
    lease, begun = s.redis.begin_chunk(export.id, number, s.settings.lease_seconds)
    if lease is None:
        return
    index = None
    try:
        at = _missing(s.segments, export.id, chunk) if begun else (chunk.first_page, 0)
        index = _drawn(s, job, plan, chunk, at, export, lease, stopping)
    finally:
        if index is None:
            s.redis.leases.release(lease)
    stop = chunk.first_page + chunk.pages
    if index and index.stop < stop:
        raise PutBack(f"{index.planned} pages are done, {stop - index.stop} go back")


def _drawn(
    s: Services, job: DocumentJob, plan: Plan, chunk: Chunk, at: tuple[int, int], export: Export, lease: Lease,
    stopping: Callable[[], bool],
) -> SegmentIndex | None:  # fmt: skip
    """Draw and store pages from this page and slot `at` on, and give the lease back; None, with the lease still
    held, when none is missing or nobody wants them."""
    (first, slot), stop = at, chunk.first_page + chunk.pages
    if first == stop:
        return None
    began, before, name = time.monotonic(), first - chunk.first_page, f"{export.id}:{chunk.number}:{first}"
    attempt = count(s, name, f"Page {first + 1} or one soon after it")
    lookout = Lookout(
        s.settings, s.exports, s.redis, lease, export.id, stopping, pages_for(stop - first, attempt),
        lambda done: s.redis.progress.note_pages(export.id, chunk.number, before + done),
    )  # fmt: skip
    part = Range(chunk.reading, first, plan.pages, s.settings.max_image_pixels, plan.found)
    lane = plan.volumes.lane(chunk.number, export.chunks)
    interruptions = (SoftTimeLimitExceeded, MemoryError)
    with excused(s, name), TemporaryFile() as file:
        index = draw_range(job, part, lane, slot, file, lookout, interruptions, plan.volumes)
        if not index.planned:
            raise ExportFailed(
                f"The document ended at page {first}, but {plan.pages} pages were planned.",
                advice="Its `draw` must make as many pages as its `survey` counts, whatever the chunk.",
            )
        if lookout.cancelled or s.redis.progress.is_over(export.id):
            s.redis.counters.uncount_attempt(name)
            return None
        s.segments.write(export.id, index, file)
    pages, seconds = index.stop - chunk.first_page, time.monotonic() - began
    s.redis.finish_chunk(lease, Drawn(export.id, chunk.number, first, pages, seconds, name))
    return index


def pages_for(missing: int, attempt: int) -> int:
    """How many pages to try: all at first; after a death half as many each time."""
    return max(1, missing >> (attempt - 1))


def _missing(segments: SegmentRepository, export_id: str, chunk: Chunk) -> tuple[int, int]:
    """The first planned page without a segment, and the first free slot of the lane."""
    found = segments.found(export_id, chunk.number).get(chunk.number, ())
    pieces = chain(chunk.number, chunk.first_page, chunk.pages, found)
    if not pieces:
        return chunk.first_page, 0
    last = segments.index(export_id, chunk.number, *pieces[-1])
    return last.stop, last.stop_slot
