"""A segment as one object: its bytes, behind them its index, and how long that is.

    <bytes of PDF objects> <index, JSON> <16 digits: bytes of the index>

One write stores both or nothing, and one read of the end gives the index, and small segments whole.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

from ..adapters.bucket import Bucket, Tail
from ..errors import Conflict, DamagedSegment, NotFound
from ..pdf.segment_index import SegmentIndex
from .coverage import SegmentsByChunk


class SegmentRepository:
    """Finding, writing and reading the segments of exports."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def found(self, export_id: str, chunk: int | None = None) -> SegmentsByChunk:
        """Which segments are stored, of one chunk or of all; as their names say."""
        prefix = f"exports/{export_id}/segments/" + (f"{chunk:05d}-" if chunk is not None else "")
        found: SegmentsByChunk = {}
        for entry in self._bucket.entries(prefix):
            if entry.key.endswith(".seg"):
                number, first, pages = entry.key.rsplit("/", 1)[1].removesuffix(".seg").split("-")
                found.setdefault(int(number), []).append((int(first), int(pages)))
        return found

    def write(self, export_id: str, index: SegmentIndex, file: BinaryIO) -> None:
        """Store a segment: its bytes and behind them its index, in one write, so that one fits the other."""
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]  # BinaryIO lacks readinto
        tail = footer(dataclasses.replace(index, sha256=digest.hexdigest()))
        digest.update(tail)
        file.seek(index.size)
        file.write(tail)
        file.seek(0)
        key = segment_key(export_id, index.chunk, index.first, index.planned)
        self._bucket.put(key, file, content_type="application/octet-stream", sha256=digest.hexdigest())

    def read(self, key: str) -> StoredSegment:
        """A segment as it is stored; DamagedSegment when it is not one, after dropping it."""
        tail = self._bucket.tail(key, FOOTER_READ)
        try:
            if tail is None:
                raise DamagedSegment(f"The segment {key} is gone.")
            return parse(tail, lambda start, stop: b"".join(self._bucket.read(key, start, stop, tail.etag)))
        except (DamagedSegment, NotFound, Conflict, ValueError) as error:  # msgspec's errors are ValueErrors
            self.drop(key)
            raise DamagedSegment(f"The segment {key} is damaged: {error}") from error

    def index(self, export_id: str, chunk: int, first: int, pages: int) -> SegmentIndex:
        return self.read(segment_key(export_id, chunk, first, pages)).index

    def drop(self, key: str) -> None:
        """Forget a segment that is not what it says, so that its pages are rendered again."""
        self._bucket.delete([key])


def segment_key(export_id: str, chunk: int, first: int, pages: int) -> str:
    return f"exports/{export_id}/segments/{chunk:05d}-{first:08d}-{pages:06d}.seg"


FOOTER_READ = 64 * 1024  # bytes to ask for: the index of a few thousand pages, or a small segment whole
DIGITS = 16


@dataclass(frozen=True)
class StoredSegment:
    """A segment that was read: what it holds and, when it is a small one, its bytes."""

    index: SegmentIndex
    body: bytes | None


def footer(index: SegmentIndex) -> bytes:
    """What stands behind the bytes of a segment."""
    data = index.encode()
    return data + b"%0*d" % (DIGITS, len(data))


def parse(tail: Tail, read: Callable[[int, int], bytes]) -> StoredSegment:
    """The segment of which this is the end; `read` gives bytes start..stop of it.

    DamagedSegment or ValueError when it is none, or its bytes, as far as they are here, are not those that its
    index speaks of.
    """
    length = int(tail.data[-DIGITS:])
    size = tail.size - DIGITS - length  # of the bytes alone
    begin = tail.size - len(tail.data)  # of what is here
    if not 0 <= length <= tail.size - DIGITS:
        raise DamagedSegment("there is no index at its end")
    data = tail.data[size - begin : -DIGITS] if size >= begin else read(size, size + length)
    index = replace(SegmentIndex.decode(data), etag=tail.etag)
    body = tail.data[:size] if not begin else None
    if index.size != size or (body is not None and hashlib.sha256(body).hexdigest() != index.sha256):
        raise DamagedSegment("its bytes are not those that its index speaks of")
    return StoredSegment(index, body)
