"""Joining in the bucket: segments become the parts of a multipart upload, copied inside the bucket if large."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import BinaryIO

import msgspec

from ..adapters.bucket import MultipartUpload
from ..adapters.bucket.parts import (
    MIN_PART,
    ByteRange,
    Copy,
    Gather,
    Joining,
    equal_part_size,
    plan_equal_parts,
    plan_parts,
)
from ..errors import Conflict, DamagedSegment, IllegalStep, NotFound, NotSupported, StoreDown, UploadGone
from ..exports.export import File
from ..exports.names import ascii_name
from ..exports.segments import SegmentRepository
from ..exports.volumes import SegmentEntry
from ..pdf.assembly import Assembly
from ..pdf.segment_index import SegmentIndex
from .join import Volume, Written
from .segment_cache import SegmentCache
from .stall import progressed
from .step import Signal, Work

COPIES_AT_ONCE = 4

log = logging.getLogger(__name__)


class StoredSegments:
    """The segments of an export in the bucket, by their keys.

    Every segment is asked for by the ETag under which its index was read first, which stands for the bytes whose
    hash the bucket checked when they were stored.
    """

    def __init__(self, segments: SegmentRepository, cache: SegmentCache, keys: Sequence[str]) -> None:
        self._segments = segments
        self._cache = cache
        self._keys = keys
        self._etags: list[str] = []

    def all(self) -> Iterator[tuple[str, SegmentIndex]]:
        """Yields key and index of every segment. Drops a segment that does not continue the one before it: it
        followed a segment that was dropped, and rendered again with other objects."""
        chunk = slot = -1
        for key in self._keys:
            index = self._cache.index(key)
            progressed()
            if index.first_slot != (slot if index.chunk == chunk else 0):
                self._segments.drop(key, "it does not fit behind the segment before it")
                raise DamagedSegment(f"{key} does not fit behind the segment before it; it is rendered again.")
            chunk, slot = index.chunk, index.stop_slot
            self._etags.append(index.etag)
            yield key, index

    def some(self, members: range) -> Iterator[SegmentIndex]:
        """Yields the indexes at these positions. Raises DamagedSegment when a segment was stored again."""
        for i in members:
            index = self._cache.index(self._keys[i])
            progressed()
            if index.etag != self._etags[i]:  # what was joined, or will be, is another object
                raise DamagedSegment(f"{self._keys[i]} was stored again while it was joined.")
            yield index


class BucketOutput:
    """Files in the bucket, each by a multipart upload that completes as a whole or is aborted."""

    def __init__(self, work: Work, cache: SegmentCache) -> None:
        self._work = work
        self._bucket = work.services.bucket
        self._cache = cache

    def write(self, volume: Volume, segments: Sequence[SegmentEntry]) -> Written:
        """Write a file, unless it is a volume that exists. The key of a volume is a hash of its contents."""
        members = segments[volume.members.start : volume.members.stop]
        key = self._key(volume, members)
        there = self._bucket.head(key) if volume.position else None
        if there:
            return Written(key, there.size, new=False)
        return Written(key, self._join(key, volume, members, segments), new=True)

    def write_index(self, name: str, draw: Callable[[BinaryIO], int]) -> File:
        """Write the index of the volumes in one piece."""
        key = self._folder + ascii_name(name)
        with TemporaryFile() as file:
            pages = draw(file)
            size = file.tell()
            file.seek(0)
            self._bucket.put(key, file, content_type="application/pdf")
        return File(key, name, size, 0, pages)

    def finish(self) -> None:
        """Does nothing: a completed upload is visible at once."""

    @property
    def _folder(self) -> str:
        return f"exports/{self._work.export.id}/result/"

    def _key(self, volume: Volume, members: Sequence[SegmentEntry]) -> str:
        if volume.position is None:
            return self._folder + ascii_name(volume.name)
        held = [(segment.key, segment.etag) for segment in members]
        text = msgspec.json.encode([self._work.export.name, volume.position, held])
        return f"{self._folder}{hashlib.sha256(text).hexdigest()[:16]}-{ascii_name(volume.name)}"

    def _join(
        self, key: str, volume: Volume, members: Sequence[SegmentEntry], segments: Sequence[SegmentEntry]
    ) -> int:
        """Make one file from segments, in the first way that the store supports. Returns its size."""
        before = sum(segment.size for segment in segments[: volume.members.start])
        total = sum(segment.size for segment in segments)
        ways = list(Joining)
        for way in ways[ways.index(self._bucket.joining) :]:
            try:
                size = self._upload(key, volume, members, before, total, way)
            except NotSupported as error:
                if way is ways[-1]:
                    raise
                log.warning("export %s: %s It is joined in another way.", self._work.export.id, error.message)
            else:
                self._bucket.joining = way
                return size
        raise AssertionError("the last way returns or raises")

    def _upload(
        self, key: str, volume: Volume, members: Sequence[SegmentEntry], before: int, total: int, way: Joining
    ) -> int:
        """Upload one file. Returns its size, checked in the bucket."""
        for left in self._bucket.uploads(key):
            left.abort()
        upload = self._bucket.begin_upload(key)
        try:
            parts = _Parts(self._work, self._cache, upload, members, before, total, way)
            size = parts.upload(volume.assembly)
            self._work.fence()
            upload.complete()
        except BaseException:
            with suppress(StoreDown):  # the clean-up removes it later
                upload.abort()
            raise
        seen = self._bucket.head(key)
        if seen is None or seen.size != size:
            raise StoreDown(
                f"{volume.name} of export {self._work.export.id} is not in the bucket as it was written."
            )
        log.info(
            "export %s: %d segments became %d bytes; %d bytes passed through",
            self._work.export.id, len(members), size, parts.through,
        )  # fmt: skip
        return size


class _Parts:
    """The parts of one file: one pass over the segments. What passes through is held a few MiB at a time.

    `before` are bytes of the `total` that were joined in earlier files.
    """

    def __init__(
        self, work: Work, cache: SegmentCache, upload: MultipartUpload, segments: Sequence[SegmentEntry],
        before: int, total: int, way: Joining,
    ) -> None:  # fmt: skip
        self._work = work
        self._cache = cache
        self._upload = upload
        self._segments = segments
        self._done = before
        self._total = total
        self._way = way
        self._size = MIN_PART if way is Joining.COPIED else equal_part_size(sum(each.size for each in segments))
        self._part = 0
        self._waiting = bytearray()
        self.through = 0  # bytes that were not copied inside the bucket

    def upload(self, assembly: Assembly) -> int:
        """Upload every part, segments then tail. Returns the size of the file."""
        with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
            copies = []
            try:
                for part in self._plan():
                    if isinstance(part, Copy):
                        copies.append(pool.submit(self._copy, self._next(), part.range))
                    else:
                        self._gather(part)
                for copy in copies:
                    copy.result()
                    self._checkpoint()
            finally:
                pool.shutdown(cancel_futures=True)
        size = sum(segment.size for segment in self._segments)
        for piece in assembly.tail():
            size += len(piece)
            self._waiting += piece
            self._send_full()
            self._checkpoint()
        if self._waiting:
            self._send(self._waiting)
        return size

    def _plan(self) -> Iterator[Copy | Gather]:
        sizes = (segment.size for segment in self._segments)
        if self._way is Joining.COPIED:
            return plan_parts(sizes, self._size)
        return plan_equal_parts(sizes, self._size, copied=self._way is Joining.EQUAL)

    def _copy(self, number: int, what: ByteRange) -> None:
        segment = self._segments[what.source]
        with self._sound(segment.key):
            self._upload.copy(number, segment.key, what.start, what.stop, segment.etag)
        self._done += what.size

    def _gather(self, part: Gather) -> None:
        for what in part.ranges:
            for block in self._read(what):
                self._waiting += block
            self._done += what.size
            self._checkpoint()
        self._send_full()  # the last ones may be fewer, and wait for the tail

    def _read(self, what: ByteRange) -> Iterator[bytes]:
        segment = self._segments[what.source]
        cached = self._cache.body(segment.key, what.start, what.stop)
        if cached is not None:
            yield cached
            return
        with self._sound(segment.key):
            yield from self._work.services.bucket.read(segment.key, what.start, what.stop, segment.etag)

    def _send_full(self) -> None:
        while len(self._waiting) >= self._size:
            self._send(self._waiting[: self._size])
            del self._waiting[: self._size]

    def _send(self, part: bytearray) -> None:
        self._upload.write(self._next(), part)
        self.through += len(part)

    def _next(self) -> int:
        self._part += 1
        return self._part

    def _checkpoint(self) -> None:
        note, export_id = self._work.services.redis.progress.note_bytes, self._work.export.id
        if self._work.checkpoint(lambda: note(export_id, self._done, self._total)) is Signal.UNWANTED:
            raise IllegalStep(f"Export {export_id} was ended while it was assembled.")

    @contextmanager
    def _sound(self, key: str) -> Iterator[None]:
        """Raise DamagedSegment when a segment is gone, or is not the object whose index was read."""
        try:
            yield
        except UploadGone:
            raise
        except (Conflict, NotFound) as error:
            self._work.services.segments.verify(key)  # another sound one may be there: the next try reads its index
            raise DamagedSegment(f"{key} is not the object whose index was read.") from error
