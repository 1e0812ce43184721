"""How a document is cut into several files, its volumes. Pure.

By pages, the plan sets the borders, and each volume numbers its objects from the start: the readers' limit then
holds for a volume, not for the document. By size, segments are kept small, and assembling fills one volume after
the other; objects keep the numbers that they have in the whole document.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import PurePath

import msgspec

from ..errors import InvalidRequest
from ..pdf.numbering import Lane

MIN_VOLUME = 1024 * 1024  # bytes
SEGMENTS_PER_VOLUME = 8  # when cut by size; more of them fill a volume better


class VolumeLimit(msgspec.Struct, frozen=True):
    """How large a file may become before the next one begins, in pages or in bytes; None is no limit."""

    pages: int | None = None
    bytes: int | None = None

    def check(self) -> None:
        """Raise InvalidRequest if no volume can be made so."""
        if self.pages is not None and self.bytes is not None:
            raise InvalidRequest("Give either volume_pages or volume_bytes, not both.", field="volume_bytes")
        if self.pages is not None and self.pages < 1:
            raise InvalidRequest(f"volume_pages is {self.pages}; it must be 1 or more.", field="volume_pages")
        if self.bytes is not None and self.bytes < MIN_VOLUME:
            raise InvalidRequest(
                f"volume_bytes is {self.bytes}; it must be {MIN_VOLUME} or more.",
                field="volume_bytes",
            )


UNCUT = VolumeLimit()


class SegmentEntry(msgspec.Struct, frozen=True):
    """What joining needs to know of a segment. `size` is its bytes; it adds at most `tail` bytes to the tail."""

    chunk: int
    size: int
    pages: int
    tail: int
    key: str = ""
    etag: str = ""


class VolumePlan(msgspec.Struct, frozen=True):
    """The volumes of a plan.

    By pages, `firsts` is the first chunk of each; by size, `bytes` is the limit of each.
    """

    firsts: tuple[int, ...] = (0,)
    bytes: int | None = None

    @property
    def several(self) -> bool:
        """True if there may be more than one volume."""
        return self.bytes is not None or len(self.firsts) > 1

    @property
    def segment_bytes(self) -> int | None:
        """The size in bytes at which a segment is ended; None is no limit."""
        return self.bytes // SEGMENTS_PER_VOLUME if self.bytes is not None else None

    def lane(self, chunk: int, chunks: int) -> Lane:
        """Return the object numbers of a chunk, of `chunks` in the document."""
        behind = bisect_right(self.firsts, chunk)
        before = self.firsts[behind - 1]
        return Lane(chunk, (*self.firsts, chunks)[behind] - before, before)

    def fill(self, segments: Sequence[SegmentEntry], overhead: int) -> list[range]:
        """Return the positions in `segments` that each volume holds.

        `overhead` is the least size of a tail, in bytes. A volume without pages is dropped: all of its inputs were
        skipped. By size, a volume is over the limit only when a single segment is.
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
    """Return the file name of a volume. All numbers have the same number of digits, so that the names sort."""
    path = PurePath(name)
    return f"{path.stem}-{number:0{len(str(count))}}-of-{count}{path.suffix}"


def index_name(name: str) -> str:
    """Return the file name of the index of volumes."""
    path = PurePath(name)
    return f"{path.stem}-index{path.suffix}"
