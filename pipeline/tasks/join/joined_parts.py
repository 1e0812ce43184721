"""The parts of a joined file, copied inside the bucket if large, and sent if small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from ...adapters.bucket.parts import ByteRange, Copy, Gather, NumberedPart
from ...errors import Conflict, DamagedSegment, NotFound, RedisDown, UploadGone
from ...exports.volumes import SegmentEntry
from ...pdf.assembly import Assembly
from ..step import Work
from .kept_upload import KeptUpload
from .segment_cache import SegmentCache

COPIES_AT_ONCE = 8


class Parts:
    """The parts of one file: one pass over the segments. What passes through is held a few MiB at a time.

    All parts of `planned` but the last have `size` bytes or more. `before` are bytes of the `total` that were
    joined in earlier files.
    """

    def __init__(
        self, work: Work, cache: SegmentCache, kept: KeptUpload, segments: Sequence[SegmentEntry],
        planned: Sequence[NumberedPart], size: int, before: int, total: int,
    ) -> None:  # fmt: skip
        self._work = work
        self._cache = cache
        self._kept = kept
        self._upload = kept.upload
        self._segments = segments
        self._done = before
        self._total = total
        self._planned = planned
        self._size = size
        self._waiting = bytearray()
        self._next = 1  # the number of the part that is sent next
        self.numbers: list[int] = []  # of all parts
        self.found = 0  # of them, stored before this attempt
        self.added = False  # whether this attempt stored one before the tail
        self.through = 0  # bytes that were not copied inside the bucket

    def upload(self, assembly: Assembly) -> int:
        """Upload every part, segments then tail. Returns the size of the file."""
        with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
            copies = []
            try:
                for number, part in self._planned:
                    self._next = number
                    if self._is_there(number, part):
                        self._checkpoint()
                    elif isinstance(part, Copy):
                        copies.append(pool.submit(self._copy, number, part.range))
                        self.numbers.append(number)
                    else:
                        self._gather(part)
                for copy in copies:
                    self._done += copy.result()
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

    def _is_there(self, number: int, part: Copy | Gather) -> bool:
        """Return True for a part that is stored already, and counts it."""
        size = sum(each.size for each in part.ranges)
        if size < self._size or self._kept.parts.get(number) != size:
            return False
        self.numbers.append(number)
        self.found += 1
        self._done += size
        return True

    def _copy(self, number: int, what: ByteRange) -> int:
        """Copy a part inside the bucket, in a thread. Returns its bytes."""
        segment = self._segments[what.source]
        with self._sound(segment.key):
            self._upload.copy(number, segment.key, what.start, what.stop, segment.etag)
        self.added = True
        return what.size

    def _gather(self, part: Gather) -> None:
        for what in part.ranges:
            for block in self._read(what):
                self._waiting += block
            self._done += what.size
            self._checkpoint()
        if len(self._waiting) >= self._size:
            self._send_full()
            self.added = True
        # the last ones may be fewer, and wait for the tail

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
        self._upload.write(self._next, part)
        self.numbers.append(self._next)
        self._next += 1
        self.through += len(part)

    def _checkpoint(self) -> None:
        note, export_id = self._work.services.redis.progress.note_bytes, self._work.export.id
        self._work.go_on(lambda: note(export_id, self._done, self._total))
        if self.added and self._kept.is_large:
            with suppress(RedisDown):  # it is uncounted later
                self._work.uncount_attempt()

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
