"""A document and its size become chunks; pure.

Planning reads the input once, in a stream. What it keeps does not grow with the input: marks thin
themselves out, and the number of chunks is bounded by making chunks larger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import msgspec

from .export import Chunk
from .settings import Settings

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

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Plan:
        return _decoder.decode(data)


_decoder = msgspec.json.Decoder(Plan)  # made while there is one thread, see export.py


def pages_per_chunk(pages: int, cost: Cost, settings: Settings, wanted: int | None = None) -> int:
    """How many pages a chunk gets.

    As many as fit a quarter of a process's memory (a segment lies in a file, and files count) and the
    wished duration, but few enough that every worker gets two; then enough that there are not too many
    chunks. A person's own number replaces all but the last.
    """
    by_memory = settings.memory_per_process // 4 // cost.bytes
    by_time = int(settings.chunk_seconds / cost.seconds)
    by_workers = ceil(pages / (2 * settings.max_workers * settings.concurrency))
    fitting = wanted or min(by_memory, by_time, by_workers)
    return max(1, fitting, ceil(pages / settings.max_chunks))


def cut(survey: Survey, settings: Settings, wanted: int | None = None, listing: Listing | None = None) -> Plan:
    """Cut a surveyed document into chunks that begin at marks."""
    marks = survey.marks
    size = pages_per_chunk(survey.pages, survey.cost, settings, wanted)
    step = ceil(size / marks.stride)
    starts = [*marks.offsets[::step], survey.end]
    states = [*marks.states[::step], survey.state]
    within = range(survey.front, survey.pages - survey.back, step * marks.stride)
    firsts = [0, *within[1:], survey.pages]
    chunks = tuple(
        Chunk(k, firsts[k], firsts[k + 1] - firsts[k], starts[k], starts[k + 1], states[k], states[k + 1])
        for k in range(len(starts) - 1)
    )
    return Plan(survey.records, survey.pages, chunks, survey.found, listing, survey.warnings, survey.cost.seconds)
