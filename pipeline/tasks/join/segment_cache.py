"""A disk cache for the segments of one assembly, of at most 32 MiB; misses go to the bucket.

Assembling reads all indexes in several passes, and each request to the bucket takes as long as drawing a page.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from tempfile import TemporaryFile
from types import TracebackType

from ...exports.segments import SegmentRepository, StoredSegment, pages_of
from ...pdf.segment_index import SegmentIndex
from ...settings import MIB
from ..read_ahead import AHEAD, read_ahead

CACHE_BYTES = 32 * MIB
PAGES_AHEAD = 30_000  # whose indexes may be in memory before they are needed: about 100 bytes a page
SMALL_BYTES = MIB // 16  # the largest body that is kept: there must be room for the indexes


@dataclass(frozen=True)
class _Entry:
    """Where a cached segment is in the file: its body (empty when it is large), then its index. In bytes."""

    offset: int
    body_size: int
    index_size: int


class SegmentCache:
    """The indexes, and the bodies of small segments.

    What the bucket holds in place of a segment is removed, then DamagedSegment is raised.
    """

    def __init__(self, segments: SegmentRepository, max_bytes: int = CACHE_BYTES) -> None:
        self._segments = segments
        self._max_bytes = max_bytes
        self._size = 0
        self._file = TemporaryFile()  # noqa: SIM115  # closed with the cache
        self._entries: dict[str, _Entry] = {}

    def __enter__(self) -> SegmentCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def indexes(self, keys: Sequence[str]) -> Generator[SegmentIndex, None, None]:
        """Yield the index of each segment, from the bucket. To be closed if it is not exhausted."""
        most = max((pages_of(key)[2] for key in keys), default=0)
        ahead = max(1, min(AHEAD, PAGES_AHEAD // max(1, most)))
        with closing(read_ahead(self._segments.read, keys, ahead)) as found:
            for key, stored in zip(keys, found, strict=True):
                self._keep(key, stored)
                yield stored.index

    def index(self, key: str) -> SegmentIndex:
        """Return the index of a segment, from the cache or from the bucket."""
        entry = self._entries.get(key)
        if entry is None:
            stored = self._segments.read(key)
            self._keep(key, stored)
            return stored.index
        return SegmentIndex.decode(self._read(entry.offset + entry.body_size, entry.index_size))

    def body(self, key: str, start: int, stop: int) -> bytes | None:
        """Return bytes `start` to `stop` of a segment, or None when its body is not in the cache."""
        entry = self._entries.get(key)
        return self._read(entry.offset + start, stop - start) if entry and stop <= entry.body_size else None

    def _keep(self, key: str, stored: StoredSegment) -> None:
        body = stored.body if stored.body and len(stored.body) <= SMALL_BYTES else b""
        data = stored.index.encode()
        size = len(body) + len(data)
        if self._size + size <= self._max_bytes:
            if self._file.tell() != self._size:  # to seek writes what is buffered, so not for each segment
                self._file.seek(self._size)
            self._file.write(body + data)
            self._entries[key] = _Entry(self._size, len(body), len(data))
            self._size += size

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)
