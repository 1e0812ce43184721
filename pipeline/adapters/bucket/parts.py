"""How segments become the parts of a multipart upload. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MIB = 1024 * 1024
MIN_PART = 5 * MIB  # of every part but the last (S3 user guide, "Amazon S3 multipart upload limits")
MAX_PART = 5 * 1024 * MIB


@dataclass(frozen=True)
class ByteRange:
    """Bytes start..stop (exclusive) of the source at this position in the list."""

    source: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Bytes in the range."""
        return self.stop - self.start


@dataclass(frozen=True)
class Copy:
    """A part that the store copies by itself."""

    range: ByteRange


@dataclass(frozen=True)
class Gather:
    """A part whose bytes this process reads and sends."""

    ranges: tuple[ByteRange, ...]


def plan_parts(sizes: Iterable[int], smallest: int = MIN_PART, largest: int = MAX_PART) -> Iterator[Copy | Gather]:
    """Cut a sequence of sources, given by their sizes in bytes, into parts. Every byte is in one part.

    Every part has `smallest` to `largest` bytes; only the last one may have less. A source of less than
    `smallest` bytes waits, and the next source fills it up to `smallest`. The rest of that source is copied if it
    is large enough, otherwise it waits too. The last part is always a Gather, possibly empty: the caller adds the
    tail to it.
    """
    waiting: list[ByteRange] = []
    held = 0
    for source, size in enumerate(sizes):
        taken = min(size, smallest - held) if held else 0
        if taken:
            waiting.append(ByteRange(source, 0, taken))
            held += taken
        if held == smallest:
            yield Gather(tuple(waiting))
            waiting, held = [], 0
        start = taken
        while size - start >= smallest:
            left = size - start
            stop = size if left <= largest else start + min(largest, left - smallest)
            yield Copy(ByteRange(source, start, stop))
            start = stop
        if start < size:
            waiting.append(ByteRange(source, start, size))
            held += size - start
    yield Gather(tuple(waiting))
