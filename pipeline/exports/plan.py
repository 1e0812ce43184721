"""A document and its size become chunks; pure.

Planning reads the input once, in a stream. What it keeps does not grow with the input: marks thin
themselves out, and the number of chunks is bounded by making chunks larger.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

import msgspec

from ..settings import Settings
from .volumes import UNCUT, WHOLE, VolumeLimit, VolumePlan


@dataclass(frozen=True)
class Chunk:
    """A page range of an export: the unit of work and of retry.

    `start` and `stop` are where its records stand in the input, in bytes: at marks, so that the page which
    begins at `start` may be up to `lead` pages before the first one. `state` and `after` are what the
    document must know at these places beside them, such as running totals (JSON).
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
        """The same pages, and those from the mark on that are read over: what a document is given."""
        return dataclasses.replace(
            self, first_page=self.first_page - self.lead, pages=self.pages + self.lead, lead=0
        )


MARKS = 8192


@dataclass(frozen=True)
class Cost:
    """What one page is known to cost: seconds of rendering, bytes of segment."""

    seconds: float
    bytes: int


@dataclass
class Marks:
    """Where in the input pages begin: every `stride`-th page, at most 8,192 of them.

    `states` is what the document must know there beside it (JSON in the end); those of chunks are kept.
    """

    stride: int = 1
    offsets: list[int] = field(default_factory=list)
    states: list[Any] = field(default_factory=list)

    def add(self, page: int, offset: int, state: Any = None) -> None:
        """Note where the next page begins; pages come in order."""
        if page % self.stride:
            return
        if len(self.offsets) == MARKS:
            self.offsets, self.states = self.offsets[::2], self.states[::2]
            self.stride *= 2
            if page % self.stride:
                return
        self.offsets.append(offset)
        self.states.append(state)


@dataclass(frozen=True)
class Listing:
    """One version of a listing: what was counted is what is drawn, even when the key gets other bytes meanwhile."""

    key: str
    size: int  # bytes
    version: str  # ETag, or the time of a file's last change


@dataclass(frozen=True)
class Survey:
    """What planning found out: how much there is, where it stands, what a page costs.

    `found` is whatever else the drawing has to know, such as the widths of columns; it is kept as JSON.
    `front` and `back` of the pages, such as a summary, stand before the first mark and behind the last
    page that is counted in marks: they belong to the first chunk and to the last.
    `warnings` go to whoever gets the file.
    """

    records: int
    pages: int
    marks: Marks
    end: int  # bytes of input
    cost: Cost
    found: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None  # at the end, as Marks has them
    front: int = 0
    back: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The cut of an export, stored as exports/<id>/plan.json; `fonts` is the fingerprint of its fonts."""

    records: int
    pages: int
    chunks: tuple[Chunk, ...]
    found: Mapping[str, Any] = field(default_factory=dict)
    listing: Listing | None = None  # what was read, None when nothing was
    warnings: tuple[str, ...] = ()
    page_seconds: float = 0.0  # to draw one, as its kind says before anything was learned
    fonts: str = ""
    volumes: VolumePlan = WHOLE

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Plan:
        return _decoder.decode(data)


_decoder = msgspec.json.Decoder(Plan)  # made while there is one thread, see export.py


def pages_per_chunk(
    pages: int, cost: Cost, settings: Settings, wanted: int | None = None, most: int | None = None
) -> int:
    """How many pages a chunk gets.

    As many as fit a quarter of a process's memory (a segment lies in a file, and files count), or `most`
    bytes, and the wished duration, but few enough that every worker gets two; then enough that there are
    not too many chunks. A person's own number replaces all but the last.
    """
    quarter = settings.memory_per_process // 4
    by_memory = min(quarter, most or quarter) // cost.bytes
    by_time = int(settings.chunk_seconds / cost.seconds)
    by_workers = ceil(pages / (2 * settings.max_workers * settings.concurrency))
    fitting = wanted or min(by_memory, by_time, by_workers)
    return max(1, fitting, ceil(pages / settings.max_chunks))


def split_into_chunks(
    survey: Survey,
    settings: Settings,
    wanted: int | None = None,
    listing: Listing | None = None,
    volume: VolumeLimit = UNCUT,
) -> Plan:
    """Cut a surveyed document into chunks that begin at marks, or where a volume begins."""
    stride, by_size = survey.marks.stride, VolumePlan(bytes=volume.bytes)
    size = pages_per_chunk(survey.pages, survey.cost, settings, wanted, by_size.segment_bytes)
    at_marks = range(survey.front, survey.pages - survey.back, ceil(size / stride) * stride)
    begins = range(0, survey.pages, volume.pages or survey.pages)
    firsts = sorted({*at_marks[1:], *begins})
    stops = [*firsts[1:], survey.pages]
    chunks = tuple(_chunk(k, first, stops[k], survey) for k, first in enumerate(firsts))
    borders = tuple(k for k, first in enumerate(firsts) if first in begins)
    return Plan(
        survey.records, survey.pages, chunks, survey.found, listing, survey.warnings, survey.cost.seconds,
        volumes=replace(by_size, firsts=borders),
    )  # fmt: skip


def _chunk(number: int, first: int, stop: int, survey: Survey) -> Chunk:
    """Pages first … stop: read from the mark at or before the first to the one at or behind the last.

    Pages in front are read from the first mark on, those at the back from the last one.
    """
    marks, front = survey.marks, survey.front
    at = min(max(0, first - front) // marks.stride, len(marks.offsets) - 1)
    to = max(ceil((stop - front) / marks.stride), at + 1)
    end, after = (marks.offsets[to], marks.states[to]) if to < len(marks.offsets) else (survey.end, survey.state)
    lead = first - (front + at * marks.stride if first >= front else 0)
    return Chunk(number, first, stop - first, marks.offsets[at], end, marks.states[at], after, lead)
