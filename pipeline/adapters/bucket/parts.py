"""How segments become the parts of a multipart upload. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum

import msgspec

MIB = 1024 * 1024
MIN_PART = 5 * MIB  # of every part but the last (S3 user guide, "Amazon S3 multipart upload limits")
MAX_PART = 5 * 1024 * MIB
MAX_SHARES = 9_000  # numbers of parts for segments; the other 1,000 of a file are for its tail


class Joining(Enum):
    """How a store makes one file of segments: each way asks for less than the one before it."""

    COPIED = "parts of any size, copied"  # S3
    EQUAL = "parts of equal size, copied where they can be"  # Cloudflare R2
    SENT = "parts of equal size, sent by the worker in order"  # rclone


class ByteRange(msgspec.Struct, frozen=True):
    """Bytes start..stop (exclusive) of the source at this position in the list."""

    source: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Bytes in the range."""
        return self.stop - self.start


class Copy(msgspec.Struct, frozen=True):
    """A part that the store copies by itself."""

    range: ByteRange

    @property
    def ranges(self) -> tuple[ByteRange, ...]:
        """The range, as of a part that is gathered."""
        return (self.range,)


class Gather(msgspec.Struct, frozen=True):
    """A part whose bytes this process reads and sends."""

    ranges: tuple[ByteRange, ...]


NumberedPart = tuple[int, Copy | Gather]


def whole_number(page: int, pages: int) -> int:
    """Return the number of the part that is a whole segment, from its first page of all `pages`.

    It is known before other segments are, and numbers need not follow each other.
    """
    return 1 + page * MAX_SHARES // pages


def numbered(parts: Sequence[Copy | Gather], sizes: Sequence[int], wanted: Sequence[int]) -> list[NumberedPart]:
    """Give each part a number, in order. A copy of a whole source gets the one that is `wanted` for the source, if
    those before it leave it free. If there are not enough numbers, they follow each other."""
    found: list[NumberedPart] = []
    number = 0
    for part in parts:
        number += 1
        if isinstance(part, Copy) and part.range.size == sizes[part.range.source]:
            number = max(number, wanted[part.range.source])
        found.append((number, part))
    return found if number <= MAX_SHARES + 1 else list(enumerate(parts, 1))


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


def plan_equal_parts(sizes: Iterable[int], size: int, *, copied: bool) -> Iterator[Copy | Gather]:
    """Cut a sequence of sources into parts of `size` bytes, the last one of less. Every byte is in one part.

    If `copied`, a part within one source is a Copy: between two large sources, one part is gathered. The last part
    is a Gather, possibly empty, as in `plan_parts`.
    """
    waiting: list[ByteRange] = []
    held = 0
    for source, whole in enumerate(sizes):
        start = 0
        while start < whole:
            stop = min(whole, start + size - held)
            waiting.append(ByteRange(source, start, stop))
            held += stop - start
            start = stop
            if held == size:
                yield Copy(waiting[0]) if copied and len(waiting) == 1 else Gather(tuple(waiting))
                waiting, held = [], 0
    yield Gather(tuple(waiting))


def equal_part_size(total: int) -> int:
    """Return the size of equal parts for a file whose segments have `total` bytes."""
    return max(MIN_PART, -(-total // MAX_SHARES))
