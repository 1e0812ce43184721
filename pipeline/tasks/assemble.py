"""assemble: segments become the file, inside S3 where that is possible."""

from __future__ import annotations

import hashlib
import logging
import re
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from tempfile import TemporaryFile

import msgspec

from ..adapters.bucket import MultipartUpload
from ..adapters.bucket.parts import MIN_PART, ByteRange, Copy, Gather, plan_parts
from ..adapters.redis.leases import Lease
from ..errors import Conflict, DamagedSegment, IllegalStep, NotFound, NotSupported, StoreDown, UploadGone
from ..exports.export import Export, File, Result
from ..exports.plan import Chunk, Plan
from ..exports.segments import SegmentRepository, segment_key
from ..exports.volumes import SegmentEntry, index_name
from ..pdf.assembly import About, Assembly
from ..pdf.segment_index import SegmentIndex
from ..pdf.tail_bound import TailBound
from ..services import Services
from . import join
from .join import FinishedFile, Volume, check_counts, result
from .render import NEAR
from .segment_cache import SegmentCache

log = logging.getLogger(__name__)
COPIES_AT_ONCE = 4
LOOK_SECONDS = 0.5
Piece = tuple[Chunk, int, int]


def assemble(s: Services, export: Export, cut: Plan, segments: list[Piece], lease: Lease) -> Result | None:
    """Join all segments and the tail by a multipart upload, once for each volume; the files are there when this
    returns. None when time is nearly over and volumes are left: those that are made are kept.

    Every segment is asked for by the ETag under which its index was read, which stands for the bytes whose hash
    the bucket checked when they were stored. Raises DamagedSegment, after dropping what was damaged, and aborts the
    upload whenever it does not complete.
    """
    keys = [segment_key(export.id, chunk.number, first, pages) for chunk, first, pages in segments]
    with SegmentCache(s.segments) as shelf:
        return _assembled(s, export, cut, keys, shelf, lease)


def _assembled(
    s: Services, export: Export, cut: Plan, keys: list[str], shelf: SegmentCache, lease: Lease
) -> Result | None:
    began = time.monotonic()
    inventory = TailBound()
    found = list(_found(s.segments, keys, shelf, inventory))
    check_counts(inventory.totals, export.records)

    def indexes(members: range) -> Iterator[SegmentIndex]:
        for i in members:
            index = shelf.index(keys[i])
            if index.etag != found[i].etag:  # what was joined, or will be, is another object
                raise DamagedSegment(f"{keys[i]} was stored again while it was joined.")
            yield index

    about, name = About(export.name, export.created_at, export.id), file_name(export)
    made: list[FinishedFile] = []
    work = False
    for volume in join.volumes(cut.volumes, found, inventory, indexes, about, name):
        if work and time.monotonic() - began > NEAR * s.settings.soft_time_limit:
            return None
        members = found[volume.members.start : volume.members.stop]
        key = _key(export, volume, members)
        there = s.bucket.head(key) if volume.place else None
        if there is None:
            before = sum(segment.size for segment in found[: volume.members.start])
            size = _join(s, export, key, volume, members, shelf, lease, before, inventory.totals.size)
            work = True
        made.append(join.made(volume, key, there.size if there else size, cut.volumes.bytes))
    index = _index(s, export, about, made) if len(made) > 1 else None
    return result(inventory, made, index, indexes(range(len(keys))), cut.warnings)


def _join(
    s: Services, export: Export, key: str, volume: Volume, members: list[SegmentEntry], shelf: SegmentCache,
    lease: Lease, before: int, total: int,
) -> int:  # fmt: skip
    """Make one file from segments; its size, which was seen to be right."""
    for left in s.bucket.uploads(key):
        left.abort()
    upload = s.bucket.begin_upload(key)
    try:
        joining = _Joining(s, export, upload, lease, members, shelf, before, total)
        size = joining.run(volume.assembly)
        upload.complete()
    except BaseException:
        upload.abort()
        raise
    seen = s.bucket.head(key)
    if seen is None or seen.size != size:
        raise StoreDown(f"The file of export {export.id} is not in the bucket as it was written.")
    log.info(
        "export %s: %d segments became %d bytes; %d bytes passed through",
        export.id, len(members), size, joining.through,
    )  # fmt: skip
    return size


def _key(export: Export, volume: Volume, members: list[SegmentEntry]) -> str:
    """Where a file is kept. A volume's key follows from what is in it, so that one that is there is right."""
    folder = f"exports/{export.id}/result/"
    if volume.place is None:
        return folder + ascii_name(volume.name)
    held = [(segment.key, segment.etag) for segment in members]
    digest = hashlib.sha256(msgspec.json.encode([export.name, volume.place, held])).hexdigest()[:16]
    return f"{folder}{digest}-{ascii_name(volume.name)}"


def _index(s: Services, export: Export, about: About, made: list[FinishedFile]) -> File:
    """Write the index of the volumes."""
    name = index_name(file_name(export))
    key = f"exports/{export.id}/result/{ascii_name(name)}"
    with TemporaryFile() as file:
        pages = join.write_index(file, about, made)
        size = file.tell()
        file.seek(0)
        s.bucket.put(key, file, content_type="application/pdf")
    return File(key, name, size, 0, pages)


def _found(
    stored: SegmentRepository, keys: list[str], shelf: SegmentCache, inventory: TailBound
) -> Iterator[SegmentEntry]:
    """Every segment. One that does not go on where the one before ended is dropped: it belongs to a segment
    that was dropped and came back another."""
    chunk = slot = -1
    for key in keys:
        index = shelf.index(key)
        if index.first_slot != (slot if index.chunk == chunk else 0):
            stored.drop(key)
            raise DamagedSegment(f"{key} does not fit behind the segment before it; it is rendered again.")
        chunk, slot = index.chunk, index.stop_slot
        yield SegmentEntry(index.chunk, index.size, index.pages, inventory.take(index), key, index.etag)


class _Joining:
    """One file: one pass over the parts. What passes through is held a few MiB at a time.

    `before` are bytes of the `total` that were joined in earlier files.
    """

    def __init__(
        self,
        s: Services,
        export: Export,
        upload: MultipartUpload,
        lease: Lease,
        segments: list[SegmentEntry],
        shelf: SegmentCache,
        before: int,
        total: int,
    ) -> None:
        self._s = s
        self._export = export
        self._upload = upload
        self._lease = lease
        self._segments = segments
        self._shelf = shelf
        self._total = total
        self._done = before
        self._part = self.through = 0
        self._waiting = bytearray()
        self._looked = time.monotonic()

    def run(self, assembly: Assembly) -> int:
        """Upload every part, segments then tail; the size of the file."""
        with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
            copies = []
            try:
                for part in plan_parts(segment.size for segment in self._segments):
                    if isinstance(part, Copy):
                        self._flush()
                        copies.append(pool.submit(self._copy, self._next(), part.range))
                    else:
                        self._gather(part)
                for copy in copies:
                    copy.result()
                    self._look()
            finally:
                pool.shutdown(cancel_futures=True)
        size = sum(segment.size for segment in self._segments)
        for piece in assembly.tail():
            size += len(piece)
            self._waiting += piece
            if len(self._waiting) >= MIN_PART:
                self._flush()
            self._look()
        self._flush()
        return size

    def _copy(self, number: int, what: ByteRange) -> None:
        segment = self._segments[what.source]
        try:
            with self._sound(segment.key):
                self._upload.copy(number, segment.key, what.start, what.stop, segment.etag)
        except NotSupported:
            self._carry(number, what)
        self._done += what.size

    def _carry(self, number: int, what: ByteRange) -> None:
        """The same by way of this machine's disk, for stores that cannot copy a part."""
        with TemporaryFile() as file:
            for block in self._read(what):
                file.write(block)
            file.seek(0)
            self._upload.write(number, file)

    def _gather(self, part: Gather) -> None:
        for what in part.ranges:
            for block in self._read(what):
                self._waiting += block
            self._done += what.size
            self._look()
        if len(self._waiting) >= MIN_PART:  # the last ones may be fewer, and wait for the tail
            self._flush()

    def _read(self, what: ByteRange) -> Iterator[bytes]:
        segment = self._segments[what.source]
        kept = self._shelf.body(segment.key, what.start, what.stop)
        if kept is not None:
            self.through += len(kept)
            yield kept
            return
        with self._sound(segment.key):
            for block in self._s.bucket.read(segment.key, what.start, what.stop, segment.etag):
                self.through += len(block)
                yield block

    def _flush(self) -> None:
        if self._waiting:
            self._upload.write(self._next(), self._waiting)
            self._waiting = bytearray()

    def _next(self) -> int:
        self._part += 1
        return self._part

    def _look(self) -> None:
        """Now and then tell the progress, keep the lease, and stop when the export was ended meanwhile."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        self._s.redis.progress.note_bytes(self._export.id, self._done, self._total)
        self._s.redis.leases.renew(self._lease, self._s.settings.lease_seconds)
        if self._s.exports.load(self._export.id).state.over:
            raise IllegalStep(f"Export {self._export.id} was ended while it was assembled.")

    @contextmanager
    def _sound(self, key: str) -> Iterator[None]:
        """A segment that is gone, or is not the object its index speaks of, is dropped."""
        try:
            yield
        except UploadGone:
            raise
        except (Conflict, NotFound) as error:
            self._s.segments.drop(key)
            raise DamagedSegment(f"{key} is not what its index says; it is rendered again.") from error


def file_name(export: Export) -> str:
    """What the person's file is called: title and day."""
    title = "".join(c if c.isalnum() or c in " -_." else " " for c in export.name)
    day = time.strftime("%Y-%m-%d", time.gmtime(export.created_at))
    return f"{' '.join(title.split())[:80] or 'document'} {day}.pdf"


def ascii_name(name: str) -> str:
    """The same for a key: letters, digits and dashes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", plain).strip("-.") or "document.pdf"
