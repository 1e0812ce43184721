"""assemble: segments become the file, inside S3 where that is possible."""

from __future__ import annotations

import logging
import re
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from tempfile import TemporaryFile

from ..errors import (
    Conflict,
    DamagedSegment,
    IllegalStep,
    NotFound,
    NotSupported,
    StoreDown,
    UploadGone,
)
from ..export import Chunk, Export, Result
from ..ledger import Ledger, segment_key
from ..live import Lease
from ..parts import LEAST, Copy, Gather, Range, parts
from ..pdf.assembly import About, Assembly
from ..pdf.segment import Index
from ..rendering import check_counts, result
from ..services import Services
from ..settings import MIB
from ..store import Upload

log = logging.getLogger(__name__)
PART = 8 * MIB
COPIES_AT_ONCE = 4
LOOK_SECONDS = 0.5
Segment = tuple[Chunk, int, int]


def assemble(s: Services, export: Export, segments: list[Segment], lease: Lease) -> Result:
    """Join all segments and the tail by a multipart upload; the file is there when this returns.

    Every segment is asked for by the ETag in its index, which stands for the bytes whose hash the bucket
    checked when they were stored. Raises DamagedSegment, after dropping what was damaged, and aborts the
    upload whenever it does not complete.
    """
    keys = [segment_key(export.id, chunk.number, first, pages) for chunk, first, pages in segments]

    def indexes() -> Iterator[Index]:
        return (s.ledger.index(key) for key in keys)

    found = list(_found(s.ledger, keys, indexes()))
    assembly = Assembly(indexes, About(export.name, export.created_at, export.id))
    check_counts(assembly, export.records)
    name = file_name(export)
    key = f"exports/{export.id}/result/{ascii_name(name)}"
    for left in s.ledger.store.uploads(key):
        left.abort()
    upload = s.ledger.store.begin_upload(key)
    try:
        joining = _Joining(s, export, upload, lease, found)
        size = joining.run(assembly)
        upload.complete()
    except BaseException:
        upload.abort()
        raise
    seen = s.ledger.store.head(key)
    if seen is None or seen.size != size:
        raise StoreDown(f"The file of export {export.id} is not in the bucket as it was written.")
    log.info(
        "export %s: %d segments became %d bytes; %d bytes passed through",
        export.id, len(keys), size, joining.through,
    )  # fmt: skip
    return result(assembly, key, name, size, indexes(), s.ledger.plan(export.id).warnings)


def _found(ledger: Ledger, keys: list[str], indexes: Iterator[Index]) -> Iterator[tuple[str, int, str]]:
    """Key, size and ETag of each segment. One that does not go on where the one before ended is dropped:
    it belongs to a segment that was dropped and came back another."""
    chunk = slot = -1
    for key, index in zip(keys, indexes, strict=True):
        if index.first_slot != (slot if index.chunk == chunk else 0):
            ledger.drop_segment(key)
            raise DamagedSegment(f"{key} does not fit behind the segment before it; it is rendered again.")
        chunk, slot = index.chunk, index.stop_slot
        yield key, index.size, index.etag


class _Joining:
    """One pass over the parts. What passes through is held a few MiB at a time."""

    def __init__(
        self, s: Services, export: Export, upload: Upload, lease: Lease, segments: list[tuple[str, int, str]]
    ) -> None:
        self._s = s
        self._export = export
        self._upload = upload
        self._lease = lease
        self._segments = segments  # key, size, ETag
        self._total = sum(size for _, size, _ in segments)
        self._part = self._done = self.through = 0
        self._waiting = bytearray()
        self._looked = time.monotonic()

    def run(self, assembly: Assembly) -> int:
        """Upload every part, segments then tail; the size of the file."""
        with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
            copies = []
            try:
                for part in parts(size for _, size, _ in self._segments):
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
        size = self._total
        for piece in assembly.tail():
            size += len(piece)
            self._waiting += piece
            if len(self._waiting) >= PART:
                self._flush()
            self._look()
        self._flush()
        return size

    def _copy(self, number: int, what: Range) -> None:
        key, _, etag = self._segments[what.source]
        try:
            with self._sound(key):
                self._upload.copy(number, key, what.start, what.stop, etag)
        except NotSupported:
            self._carry(number, what)
        self._done += what.size

    def _carry(self, number: int, what: Range) -> None:
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
        if len(self._waiting) >= LEAST:  # the last ones may be fewer, and wait for the tail
            self._flush()

    def _read(self, what: Range) -> Iterator[bytes]:
        key, _, etag = self._segments[what.source]
        with self._sound(key):
            for block in self._s.ledger.store.read(key, what.start, what.stop, etag):
                self.through += len(block)
                yield block

    def _flush(self) -> None:
        if self._waiting:
            self._upload.write(self._next(), bytes(self._waiting))
            self._waiting.clear()

    def _next(self) -> int:
        self._part += 1
        return self._part

    def _look(self) -> None:
        """Now and then tell the progress, keep the lease, and stop when the export was ended meanwhile."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        self._s.live.note_bytes(self._export.id, self._done, self._total)
        self._s.live.renew(self._lease, self._s.settings.lease_seconds)
        if self._s.ledger.load(self._export.id).state.over:
            raise IllegalStep(f"Export {self._export.id} was ended while it was assembled.")

    @contextmanager
    def _sound(self, key: str) -> Iterator[None]:
        """A segment that is gone, or is not the object its index speaks of, is dropped."""
        try:
            yield
        except UploadGone:
            raise
        except (Conflict, NotFound) as error:
            self._s.ledger.drop_segment(key)
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
