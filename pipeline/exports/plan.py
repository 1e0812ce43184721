"""A document and its size become chunks. Pure.

Planning reads the input once, as a stream. What it keeps does not grow with the input: marks thin themselves out,
and chunks get larger so that their number stays bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from .volumes import UNCUT, WHOLE, VolumeLimit, VolumePlan

MAX_MARKS = 8192
SHARES = 8  # chunks for each worker at least: what the last ones wait for each other is a sixteenth of their time
SHORT = 2.0  # seconds of a chunk, below which each worker gets two: with each, some tens of milliseconds are lost


class ChunkLimits(Protocol):
    """The settings that bound chunks; Settings has them."""

    @property
    def memory_per_process(self) -> int:
        """Bytes that one rendering process may use."""

    @property
    def chunk_seconds(self) -> float:
        """How long rendering a chunk should take."""

    @property
    def max_workers(self) -> int:
        """Workers that the scaler starts at most."""

    @property
    def concurrency(self) -> int:
        """Chunks that one worker renders at a time."""

    @property
    def max_chunks(self) -> int:
        """Chunks of one export at most."""


class Chunk(msgspec.Struct, frozen=True):
    """A page range of an export: the unit of work and of retry.

    `start` and `stop` are the byte offsets of its records in the input. They are at marks, so the page that begins
    at `start` may be `lead` pages before the first one. `state` and `after` are what else the document must know at
    the two offsets, such as running totals (JSON).
    """

    number: int
    first_page: int
    pages: int
    start: int
    stop: int
    state: Any = None
    after: Any = None
    lead: int = 0

    @property
    def reading(self) -> Chunk:
        """The chunk with its lead: the pages that a document reads, from the mark on."""
        return replace(self, first_page=self.first_page - self.lead, pages=self.pages + self.lead, lead=0)


class Cost(msgspec.Struct, frozen=True):
    """What one page costs: seconds of rendering, bytes of segment."""

    seconds: float
    bytes: int


class Marks(msgspec.Struct):
    """The byte offsets in the input at which pages begin: of every `stride`-th page, at most 8,192 of them.

    `states` is what else the document must know there (JSON when it is stored); the plan keeps those of chunks.
    """

    stride: int = 1
    offsets: list[int] = msgspec.field(default_factory=list)
    states: list[Any] = msgspec.field(default_factory=list)

    def add(self, page: int, offset: int, state: Any = None) -> None:
        """Note the offset at which a page begins; pages come in order."""
        if page % self.stride:
            return
        if len(self.offsets) == MAX_MARKS:
            self.offsets, self.states = self.offsets[::2], self.states[::2]
            self.stride *= 2
            if page % self.stride:
                return
        self.offsets.append(offset)
        self.states.append(state)


class Listing(msgspec.Struct, frozen=True):
    """One version of a listing. What was counted is what is drawn, even if the object is replaced in between."""

    key: str
    size: int  # bytes
    version: str  # ETag, or the time of a file's last change


class Survey(msgspec.Struct, frozen=True):
    """What planning found out: how much there is, at which offsets it begins, what a page costs.

    `found` is what else drawing needs, such as the widths of columns (JSON). `front` and `back` are numbers of
    pages, such as a summary, before the first mark and behind the last marked page: they belong to the first and
    to the last chunk. `warnings` are shown with the result.
    """

    records: int
    pages: int
    marks: Marks
    end: int  # bytes of input
    cost: Cost
    found: Mapping[str, Any] = msgspec.field(default_factory=dict)
    state: Any = None  # as in Marks, at the end of the input
    front: int = 0
    back: int = 0
    warnings: tuple[str, ...] = ()


class Plan(msgspec.Struct, frozen=True):
    """The cut of an export, stored as exports/<id>/plan.json.

    `fonts` is the fingerprint of the fonts that it was planned with. `page_seconds` is how long drawing a page
    takes, as the document estimates it before the scaler learned anything. `language` is that of the document,
    `creator` who publishes it; empty: this program.
    """

    records: int
    pages: int
    chunks: tuple[Chunk, ...]
    found: Mapping[str, Any] = msgspec.field(default_factory=dict)
    listing: Listing | None = None  # the version that was read; None when the document reads none
    warnings: tuple[str, ...] = ()
    page_seconds: float = 0.0
    fonts: str = ""
    volumes: VolumePlan = WHOLE
    strict: bool = False  # a warning fails the export
    language: str = "en"
    creator: str = ""

    @property
    def seconds(self) -> float:
        """How long drawing takes in all, as the document estimates it."""
        return self.pages * self.page_seconds


def pages_per_chunk(
    pages: int, cost: Cost, limits: ChunkLimits, chunk_pages: int | None = None, max_bytes: int | None = None
) -> int:
    """Return how many pages a chunk gets.

    A chunk fits `max_bytes`, a quarter of a process's memory (a segment is a file, and files count as memory) and
    the wished duration. Every worker gets as many chunks as another: eight or more, or two of short ones.
    `chunk_pages`, the owner's own number, replaces all of these. All grow if there would be over `max_chunks`.
    """
    quarter = limits.memory_per_process // 4
    by_memory = min(quarter, max_bytes or quarter) // cost.bytes
    by_time = int(limits.chunk_seconds / cost.seconds)
    of_a_worker = max(1, pages) / (limits.max_workers * limits.concurrency)
    wished = max(of_a_worker / SHARES, min(of_a_worker / 2, SHORT / cost.seconds))
    by_workers = ceil(of_a_worker / ceil(of_a_worker / wished))
    fitting = chunk_pages or min(by_memory, by_time, by_workers)
    return max(1, fitting, ceil(pages / limits.max_chunks))


def split_into_chunks(
    survey: Survey,
    limits: ChunkLimits,
    chunk_pages: int | None = None,
    listing: Listing | None = None,
    volume: VolumeLimit = UNCUT,
) -> Plan:
    """Cut a surveyed document into chunks that begin at marks, or where a volume begins."""
    stride, by_size = survey.marks.stride, VolumePlan(bytes=volume.bytes)
    size = pages_per_chunk(survey.pages, survey.cost, limits, chunk_pages, by_size.segment_bytes)
    at_marks = range(survey.front, survey.pages - survey.back, ceil(size / stride) * stride)
    begins = range(0, survey.pages, volume.pages or survey.pages)
    firsts = sorted({*at_marks[1:], *begins})
    stops = [*firsts[1:], survey.pages]
    chunks = tuple(_chunk(k, first, stops[k], survey) for k, first in enumerate(firsts))
    borders = tuple(k for k, first in enumerate(firsts) if first in begins)
    return Plan(
        records=survey.records,
        pages=survey.pages,
        chunks=chunks,
        found=survey.found,
        listing=listing,
        warnings=survey.warnings,
        page_seconds=survey.cost.seconds,
        volumes=replace(by_size, firsts=borders),
    )


def _chunk(number: int, first: int, stop: int, survey: Survey) -> Chunk:
    """Return the chunk of pages first..stop (exclusive).

    It reads from the mark at or before its first page to the mark at or behind its last. Pages in front are read
    from the first mark on, pages at the back from the last one.
    """
    marks, front = survey.marks, survey.front
    at = min(max(0, first - front) // marks.stride, len(marks.offsets) - 1)
    to = max(ceil((stop - front) / marks.stride), at + 1)
    end, after = (marks.offsets[to], marks.states[to]) if to < len(marks.offsets) else (survey.end, survey.state)
    lead = first - (front + at * marks.stride if first >= front else 0)
    return Chunk(number, first, stop - first, marks.offsets[at], end, marks.states[at], after, lead)
