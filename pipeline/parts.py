"""How segments become parts of a multipart upload; pure.

A range of 5 MiB or more is copied inside S3. What is smaller is gathered on its way through this
process into parts of at least 5 MiB, so at most 5 MiB and a block are held. A part may hold 5 GiB at
the most (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .settings import MIB

LEAST = 5 * MIB
MOST = 5 * 1024 * MIB


@dataclass(frozen=True)
class Range:
    """Bytes start..stop of the source with this position in the list."""

    source: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Copy:
    """A part that S3 makes by itself."""

    range: Range


@dataclass(frozen=True)
class Gather:
    """A part whose ranges pass through this process."""

    ranges: tuple[Range, ...]


def parts(sizes: Iterable[int], least: int = LEAST, most: int = MOST) -> Iterator[Copy | Gather]:
    """Cut a sequence of sources into parts, all of at least `least` bytes but for the last Gather.

    When something is waiting, the next source first fills it up to `least`; what is left of that source
    is copied if it is large enough, and waits itself if not. The last part always is a Gather, possibly
    empty, to which the caller adds what it has to write.
    """
    waiting: list[Range] = []
    held = 0
    for source, size in enumerate(sizes):
        taken = min(size, least - held) if held else 0
        if taken:
            waiting.append(Range(source, 0, taken))
            held += taken
        if held == least:
            yield Gather(tuple(waiting))
            waiting, held = [], 0
        start = taken
        while size - start >= least:
            left = size - start
            stop = size if left <= most else start + min(most, left - least)
            yield Copy(Range(source, start, stop))
            start = stop
        if start < size:
            waiting.append(Range(source, start, size))
            held += size - start
    yield Gather(tuple(waiting))
