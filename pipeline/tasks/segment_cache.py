"""Segments that were read, kept for as long as they are joined.

Their indexes are asked for in several passes, and a call of the bucket costs as much as drawing a page. They
lie in a file that is as large as ROOM at most; for what finds no room the bucket is asked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from tempfile import TemporaryFile
from types import TracebackType

from ..exports.segments import SegmentRepository
from ..pdf.segment_index import SegmentIndex
from ..settings import MIB

ROOM = 32 * MIB


@dataclass(frozen=True)
class _Place:
    """Where in the file a segment lies: its bytes, when they were small, and its index."""

    at: int
    body: int
    index: int


class SegmentCache:
    """Indexes, and the bytes of small segments. DamagedSegment when the bucket has something else."""

    def __init__(self, segments: SegmentRepository, room: int = ROOM) -> None:
        self._segments = segments
        self._left = room
        self._file = TemporaryFile()  # noqa: SIM115  # closed with the shelf
        self._places: dict[str, _Place] = {}

    def __enter__(self) -> SegmentCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def index(self, key: str) -> SegmentIndex:
        """The index of a segment."""
        place = self._places.get(key)
        if place is None:
            return self._fetched(key)
        return SegmentIndex.decode(self._read(place.at + place.body, place.index))

    def body(self, key: str, start: int, stop: int) -> bytes | None:
        """Bytes start..stop of a segment, when it was small enough to be kept whole."""
        place = self._places.get(key)
        return self._read(place.at + start, stop - start) if place and stop <= place.body else None

    def _fetched(self, key: str) -> SegmentIndex:
        stored = self._segments.read(key)
        body, data = stored.body or b"", stored.index.encode()
        if len(body) + len(data) <= self._left:
            self._left -= len(body) + len(data)
            self._places[key] = _Place(self._file.seek(0, 2), len(body), len(data))
            self._file.write(body + data)
        return stored.index

    def _read(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        return self._file.read(size)
