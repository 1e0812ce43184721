"""Segments in the bucket: one object each, with a footer that holds the index.

    <bytes of PDF objects> <index, JSON> <16 digits: bytes of the index>

One write stores both or nothing. One read of the end gives the index, and a small segment as a whole.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from msgspec.structs import replace

from ..adapters.bucket import Bucket, Tail
from ..errors import Conflict, DamagedSegment, NotFound
from ..pdf.segment_index import SegmentIndex
from .coverage import SegmentsByChunk

log = logging.getLogger(__name__)
FOOTER_READ = 128 * 1024  # bytes of the end: the footer of some thousand pages, or a small segment as a whole
DIGITS = 16  # of the length at the very end


class SegmentRepository:
    """Finds, writes and reads the segments of exports."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def found(self, export_id: str, chunk: int | None = None) -> SegmentsByChunk:
        """Return the stored segments of one chunk or of all, as their keys tell."""
        prefix = f"exports/{export_id}/segments/" + (f"{chunk:05d}-" if chunk is not None else "")
        found: SegmentsByChunk = {}
        for entry in self._bucket.entries(prefix):
            if entry.key.endswith(".seg"):
                number, first, pages = pages_of(entry.key)
                found.setdefault(number, []).append((first, pages))
        return found

    def write(self, export_id: str, index: SegmentIndex, file: BinaryIO) -> str:
        """Store a segment with its footer in one write. `file` holds the bytes, and gets the footer too.

        Returns its ETag.
        """
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]  # BinaryIO lacks readinto
        tail = footer(replace(index, sha256=digest.hexdigest()))
        digest.update(tail)
        file.seek(index.size)
        file.write(tail)
        file.seek(0)
        key = segment_key(export_id, index.chunk, index.first, index.planned)
        return self._bucket.put(key, file, content_type="application/octet-stream", sha256=digest.hexdigest())

    def read(self, key: str) -> StoredSegment:
        """Return a segment. One that is damaged is removed, then DamagedSegment is raised."""
        tail = self._bucket.tail(key, FOOTER_READ)
        try:
            if tail:
                return self._parse(key, tail)
        except (DamagedSegment, ValueError):  # msgspec's errors are ValueErrors
            pass  # the store may have answered with other bytes than it holds
        return self.verify(key)

    def verify(self, key: str) -> StoredSegment:
        """Return a segment after reading all its bytes. Removes it and raises DamagedSegment if they do not match.

        It raises DamagedSegment and removes nothing when the segment is gone, or is stored again meanwhile.
        """
        there = self._bucket.head(key)
        if there is None:
            raise DamagedSegment(f"The segment {key} is gone.")
        try:
            begin = max(0, there.size - FOOTER_READ)
            tail = Tail(self._read(key, begin, there.size, there.etag), there.size, there.etag)
            stored = parse(tail, lambda start, stop: self._read(key, start, stop, there.etag))
            if self._hash(key, stored.index.size, there.etag) == stored.index.sha256:
                return stored
            reason = "its bytes do not match its index"
        except (DamagedSegment, ValueError) as error:
            reason = str(error)
        except (NotFound, Conflict) as error:
            raise DamagedSegment(f"The segment {key} changed while it was read.") from error
        self.drop(key, reason)
        raise DamagedSegment(f"The segment {key} is damaged: {reason}. It is rendered again.")

    def _parse(self, key: str, tail: Tail) -> StoredSegment:
        try:
            return parse(tail, lambda start, stop: self._read(key, start, stop, tail.etag))
        except (NotFound, Conflict) as error:
            raise DamagedSegment(f"The segment {key} changed while it was read.") from error

    def _read(self, key: str, start: int, stop: int, etag: str) -> bytes:
        return b"".join(self._bucket.read(key, start, stop, etag))

    def _hash(self, key: str, size: int, etag: str) -> str:
        digest = hashlib.sha256()
        for block in self._bucket.read(key, 0, size, etag):
            digest.update(block)
        return digest.hexdigest()

    def index(self, export_id: str, chunk: int, first: int, pages: int) -> SegmentIndex:
        """Return the index of a segment. Removes one that is damaged, as `read` does, and raises DamagedSegment."""
        return self.read(segment_key(export_id, chunk, first, pages)).index

    def drop(self, key: str, reason: str) -> None:
        """Remove a segment, so that its pages are rendered again."""
        log.warning("the segment %s is removed: %s; its pages are rendered again", key, reason)
        self._bucket.delete([key])


def segment_key(export_id: str, chunk: int, first: int, pages: int) -> str:
    """Return the key of a segment: its chunk, its first page and its number of pages, as the plan counts them."""
    return f"exports/{export_id}/segments/{chunk:05d}-{first:08d}-{pages:06d}.seg"


def pages_of(key: str) -> tuple[int, int, int]:
    """Return what the key of a segment says: its chunk, its first page and its number of pages."""
    number, first, pages = key.rsplit("/", 1)[1].removesuffix(".seg").split("-")
    return int(number), int(first), int(pages)


@dataclass(frozen=True)
class StoredSegment:
    """A segment that was read: its index, and its bytes if it is small."""

    index: SegmentIndex
    body: bytes | None


def footer(index: SegmentIndex) -> bytes:
    """Return the footer of a segment: its index, and the length of that."""
    data = index.encode()
    return data + b"%0*d" % (DIGITS, len(data))


def parse(tail: Tail, read: Callable[[int, int], bytes]) -> StoredSegment:
    """Return the segment that ends with `tail`. `read` returns bytes start..stop (exclusive) of it.

    Raises DamagedSegment or ValueError when there is no index, or when the size, or the hash of a small segment, is
    not the one in the index.
    """
    length = int(tail.data[-DIGITS:])
    size = tail.size - DIGITS - length  # of the segment without its footer
    begin = tail.size - len(tail.data)  # offset of what was read
    if not 0 <= length <= tail.size - DIGITS:
        raise DamagedSegment("it does not end with an index")
    data = tail.data[size - begin : -DIGITS] if size >= begin else read(size, size + length)
    index = replace(SegmentIndex.decode(data), etag=tail.etag)
    body = tail.data[:size] if not begin else None
    if index.size != size or (body is not None and hashlib.sha256(body).hexdigest() != index.sha256):
        raise DamagedSegment("its bytes do not match its index")
    return StoredSegment(index, body)
