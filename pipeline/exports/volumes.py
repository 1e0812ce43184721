"""How a document is cut into several files, its volumes; pure.

By pages, the plan fixes the borders, and each volume numbers its objects anew: readers' limit then holds
for a volume, not for the document. By size, segments are kept small, and assembling fills one volume after
the other; object numbers are those of the whole document.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from ..errors import InvalidRequest
from ..pdf.numbering import Lane
from ..settings import MIB

MIN_VOLUME = 1 * MIB


@dataclass(frozen=True)
class VolumeLimit:
    """How large a file may become before the next one begins: in pages, in bytes, or without end."""

    pages: int | None = None
    bytes: int | None = None

    def check(self) -> None:
        """InvalidRequest when that makes no sense."""
        if self.pages is not None and self.bytes is not None:
            raise InvalidRequest("Give either volume_pages or volume_bytes, not both.", field="volume_bytes")
        if self.pages is not None and self.pages < 1:
            raise InvalidRequest(
                f"A volume of {self.pages} pages is not possible; 1 is the least.", field="volume_pages"
            )
        if self.bytes is not None and self.bytes < MIN_VOLUME:
            raise InvalidRequest(
                f"A volume of {self.bytes} bytes is not possible; {MIN_VOLUME} is the least.",
                field="volume_bytes",
            )


UNCUT = VolumeLimit()


SEGMENTS = 8  # into a volume that is cut by size; the more, the fuller it gets


@dataclass(frozen=True)
class SegmentEntry:
    """What has to be known of a segment to put it into a file; `tail` is what the tail has for it at most."""

    chunk: int
    size: int
    pages: int
    tail: int
    key: str = ""
    etag: str = ""


@dataclass(frozen=True)
class VolumePlan:
    """The volumes as they are planned: by pages, the first chunk of each; by size, the most bytes of each."""

    firsts: tuple[int, ...] = (0,)
    bytes: int | None = None

    @property
    def several(self) -> bool:
        """Whether there may be more than one."""
        return self.bytes is not None or len(self.firsts) > 1

    @property
    def segment_bytes(self) -> int | None:
        """How large a segment may become before it is ended."""
        return self.bytes // SEGMENTS if self.bytes is not None else None

    def lane(self, chunk: int, chunks: int) -> Lane:
        """The object numbers of a chunk."""
        behind = bisect_right(self.firsts, chunk)
        before = self.firsts[behind - 1]
        return Lane(chunk, (*self.firsts, chunks)[behind] - before, before)

    def filled(self, segments: Sequence[SegmentEntry], overhead: int) -> list[range]:
        """The positions of the segments of each volume. `overhead` is what every tail has at least.

        One in which all pages were left out is no volume. By size, a volume is larger than it may be only
        when a single segment is.
        """
        starts = list(self._starts(segments, overhead))
        ranges = [range(*pair) for pair in zip(starts, [*starts[1:], len(segments)], strict=True)]
        return [members for members in ranges if any(segments[i].pages for i in members)]

    def _starts(self, segments: Sequence[SegmentEntry], overhead: int) -> Iterator[int]:
        held, volume = overhead, -1
        for i, segment in enumerate(segments):
            weight = segment.size + segment.tail
            now = bisect_right(self.firsts, segment.chunk)
            if now != volume or (self.bytes is not None and held + weight > self.bytes):
                held, volume = overhead, now
                yield i
            held += weight


WHOLE = VolumePlan()


def volume_name(name: str, number: int, count: int) -> str:
    """The file name of a volume: as many digits for all, so that they sort."""
    path = PurePath(name)
    return f"{path.stem}-{number:0{len(str(count))}}-of-{count}{path.suffix}"


def index_name(name: str) -> str:
    """The file name of the index."""
    path = PurePath(name)
    return f"{path.stem}-index{path.suffix}"
