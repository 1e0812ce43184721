"""A document and its size become chunks; pure.

Planning reads the input once, in a stream. What it keeps does not grow with the input: marks thin
themselves out, and the number of chunks is bounded by making chunks larger.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import msgspec

from .export import UNCUT, Chunk, VolumeSize
from .settings import Settings
from .volumes import WHOLE, Volumes

MARKS = 8192


@dataclass(frozen=True)
class Cost:
    """What one page is known to cost: seconds of rendering, bytes of segment."""

    seconds: float
    bytes: int


@dataclass
class Marks:
    """Where in the input pages begin: every `stride`-th page, at most 8,192 of them."""

    stride: int = 1
    offsets: list[int] = field(default_factory=list)

    def add(self, page: int, offset: int) -> None:
        """Note where the next page begins; pages come in order."""
        if page % self.stride:
            return
        if len(self.offsets) == MARKS:
            self.offsets = self.offsets[::2]
            self.stride *= 2
            if page % self.stride:
                return
        self.offsets.append(offset)


@dataclass(frozen=True)
class Survey:
    """What planning found out: how much there is, where it stands, what a page costs.

    `found` is whatever else the drawing has to know, such as the widths of columns; it is kept as JSON.
    """

    records: int
    pages: int
    marks: Marks
    end: int  # bytes of input
    cost: Cost
    found: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The cut of an export, stored as exports/<id>/plan.json."""

    records: int
    pages: int
    chunks: tuple[Chunk, ...]
    found: Mapping[str, Any] = field(default_factory=dict)
    volumes: Volumes = WHOLE

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


def cut(survey: Survey, settings: Settings, wanted: int | None = None, volume: VolumeSize = UNCUT) -> Plan:
    """Cut a surveyed document into chunks that read from marks on; none crosses the border of a volume."""
    marks = survey.marks
    volumes = Volumes(bytes=volume.bytes)
    size = pages_per_chunk(survey.pages, survey.cost, settings, wanted, volumes.segment_bytes)
    step = ceil(size / marks.stride) * marks.stride
    each = volume.pages or survey.pages
    begins = range(0, survey.pages, each)
    firsts = [first for begin in begins for first in range(begin, min(begin + each, survey.pages), step)]
    stops = [*firsts[1:], survey.pages]
    chunks = tuple(_chunk(k, first, stops[k], survey) for k, first in enumerate(firsts))
    borders = tuple(k for k, first in enumerate(firsts) if first % each == 0)
    return Plan(survey.records, survey.pages, chunks, survey.found, dataclasses.replace(volumes, firsts=borders))


def _chunk(number: int, first: int, stop: int, survey: Survey) -> Chunk:
    """Pages first … stop: from the mark at or before the first to the one at or behind the last."""
    offsets, stride = survey.marks.offsets, survey.marks.stride
    behind = ceil(stop / stride)
    end = offsets[behind] if behind < len(offsets) else survey.end
    return Chunk(number, first, stop - first, offsets[first // stride], end, first % stride)
