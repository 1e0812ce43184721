"""Joining in the bucket: segments become the parts of a multipart upload, copied inside the bucket if large."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from tempfile import TemporaryFile
from typing import BinaryIO

import msgspec

from ...adapters.bucket import MultipartUpload
from ...adapters.bucket.parts import (
    MIN_PART,
    Joining,
    NumberedPart,
    equal_part_size,
    numbered,
    plan_equal_parts,
    plan_parts,
    whole_number,
)
from ...errors import DamagedSegment, NotSupported, ServiceDown, StoreDown
from ...exports.export import File
from ...exports.names import ascii_name, result_key
from ...exports.segments import SegmentRepository, pages_of
from ...exports.volumes import SegmentEntry
from ...pdf.segment_index import SegmentIndex
from ..lease import LeaseLost, Stopped
from ..step import INTERRUPTIONS, Work
from . import Volume, Written
from .joined_parts import Parts
from .kept_upload import KeptUpload
from .segment_cache import SegmentCache

log = logging.getLogger(__name__)


class StoredSegments:
    """The segments of an export in the bucket, by their keys.

    Every segment is asked for by the ETag under which its index was read first, which stands for the bytes whose
    hash the bucket checked when they were stored.
    """

    def __init__(
        self, segments: SegmentRepository, cache: SegmentCache, keys: Sequence[str], go_on: Callable[[], None]
    ) -> None:
        """`go_on` is called after each index."""
        self._segments = segments
        self._cache = cache
        self._keys = keys
        self._go_on = go_on
        self._etags: list[str] = []

    def all(self) -> Iterator[tuple[str, SegmentIndex]]:
        """Yield key and index of every segment. Drops a segment that does not continue the one before it: it
        followed a segment that was dropped, and rendered again with other objects."""
        chunk = slot = -1
        with closing(self._cache.indexes(self._keys)) as indexes:
            for key, index in zip(self._keys, indexes, strict=True):
                self._go_on()
                if index.first_slot != (slot if index.chunk == chunk else 0):
                    self._segments.drop(key, "it does not fit behind the segment before it")
                    raise DamagedSegment(f"{key} does not fit behind the segment before it; it is rendered again.")
                chunk, slot = index.chunk, index.stop_slot
                self._etags.append(index.etag)
                yield key, index

    def some(self, members: range) -> Iterator[SegmentIndex]:
        """Yield the indexes at these positions. Raises DamagedSegment when a segment was stored again."""
        for i in members:
            index = self._cache.index(self._keys[i])
            self._go_on()
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
            return result_key(self._work.export)
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
        part_size = MIN_PART if way is Joining.COPIED else equal_part_size(sum(each.size for each in members))
        planned = _planned(members, way, part_size, self._work.export.pages or 1)
        kept = KeptUpload(self._bucket, self._work.export.id, key, members, way, planned)
        if there := kept.finished():
            return there.size
        kept.open()
        parts = Parts(self._work, self._cache, kept, members, planned, part_size, before, total)
        with _aborted_unless_kept(kept, parts):
            size = parts.upload(volume.assembly)
            kept.note_size(size)
            self._work.fence()
            kept.upload.complete(parts.numbers)
        seen = self._bucket.head(key)
        if seen is None or seen.size != size:
            raise StoreDown(
                f"{volume.name} of export {self._work.export.id} is not in the bucket as it was written."
            )
        log.info(
            "export %s: %d segments became %d bytes; %d bytes passed through; %d parts were there",
            self._work.export.id, len(members), size, parts.through, parts.found,
        )  # fmt: skip
        return size


def _planned(members: Sequence[SegmentEntry], way: Joining, part_size: int, pages: int) -> list[NumberedPart]:
    """Return the parts of a file. Whole segments have the numbers under which they may have been copied early."""
    sizes = [each.size for each in members]
    if way is Joining.COPIED:
        wanted = [whole_number(pages_of(each.key)[1], pages) for each in members]
        return numbered(list(plan_parts(sizes, part_size)), sizes, wanted)
    return list(enumerate(plan_equal_parts(sizes, part_size, copied=way is Joining.EQUAL), 1))


@contextmanager
def _aborted(upload: MultipartUpload) -> Iterator[None]:
    """Abort an upload after an error."""
    try:
        yield
    except BaseException:
        with suppress(StoreDown):  # the clean-up removes it later
            upload.abort()
        raise


@contextmanager
def _aborted_unless_kept(kept: KeptUpload, parts: Parts) -> Iterator[None]:
    """Abort an upload after an error, unless the next attempt goes on with it.

    One that a failed attempt added nothing to is aborted: what failed may be the upload.
    """
    try:
        yield
    except (Stopped, LeaseLost, ServiceDown, *INTERRUPTIONS) as error:
        if kept.is_large and (parts.added or isinstance(error, Stopped | LeaseLost)):
            raise
        with _aborted(kept.upload):
            raise
    except BaseException:
        with _aborted(kept.upload):
            raise
