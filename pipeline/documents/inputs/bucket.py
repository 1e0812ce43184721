"""Inputs of an export: listings and sources in the bucket, and sources on the web.

Sources are copied into spooled temporary files, in memory up to 1 MiB and on disk above it, so memory does not
depend on their size.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, TypeVar, cast

from ...adapters.bucket import Bucket
from ...adapters.https import Fetcher
from ...errors import Conflict, InvalidRequest, NotFound, ReadFailed, UnreadableSource
from ...exports import frozen
from ...exports.plan import Listing
from ...exports.uploads import UPLOADS, is_foreign
from ...settings import MIB
from . import BLOCK, INPUTS, OpenInput, changed

MAX_SOURCE = 128 * MIB
IN_MEMORY = 1 * MIB
TRIES = 3
DOUBTED = 3  # sources that stayed missing; then the bucket is believed at once, or a thousand would take minutes
AHEAD = 4
# Control characters, line breaks, surrogates, noncharacters. Not `isprintable`: it depends on the version of Python
# and refuses spaces that do not break.
_NO_TEXT = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")

T = TypeVar("T")


class BucketInputs:
    """Reads keys below inputs/, the export's own listing, and https URLs.

    Of files that callers handed in, only those of `owner`: for every other owner they do not exist.
    """

    def __init__(
        self, bucket: Bucket, fetcher: Fetcher, pin: Listing | None = None, last_block: LastBlock | None = None,
        owner: str | None = None,
    ) -> None:  # fmt: skip
        self._bucket = bucket
        self._fetcher = fetcher
        self._owner = owner
        self._pin = pin
        self._last_block = last_block or LastBlock(bucket)
        self._missing = 0

    def of(self, owner: str) -> BucketInputs:
        """Return the same inputs, with what this owner handed in."""
        return BucketInputs(self._bucket, self._fetcher, self._pin, self._last_block, owner)

    def check(self, source: str) -> None:
        if "://" in source:
            self._fetcher.check(source)
        elif not (source.startswith(INPUTS) and _is_plain(source)):
            raise InvalidRequest(f"{source!r} is neither a key below {INPUTS} nor an https URL.", field="source")
        elif self._is_foreign(source):
            raise InvalidRequest(f"There is no {source} in the bucket.", field="source")

    def open(self, source: str) -> BinaryIO:
        for attempt in range(1, TRIES + 1):
            try:
                return self._copy(source)
            except UnreadableSource as error:
                if attempt == TRIES or not error.retry:
                    raise
            except NotFound as error:
                if attempt == TRIES or self._missing >= DOUBTED:
                    self._missing += 1
                    raise UnreadableSource(f"There is no {source} in the bucket.") from error
            time.sleep(0.2 * attempt)
        raise AssertionError("the last attempt returns or raises")

    def each(self, items: Iterable[T], source: Callable[[T], str]) -> Generator[tuple[T, OpenInput], None, None]:
        with closing(_load_ahead(items, lambda item: self.open(source(item)))) as loaded:
            for item, loading in loaded:
                yield item, loading.result

    def find(self, listing: str) -> Listing | None:
        if frozen.is_pieces(listing):
            return frozen.find(self._bucket, listing)
        entry = None if self._is_foreign(listing) else self._bucket.head(listing)
        if entry is None and listing.startswith(INPUTS):  # it was there when the export was requested
            raise _missing(listing)
        return Listing(listing, entry.size, entry.etag) if entry else None

    def pinned(self, listing: Listing) -> BucketInputs:
        return BucketInputs(self._bucket, self._fetcher, listing, self._last_block, self._owner)

    def blocks(self, listing: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        seen = self._pin if self._pin and self._pin.key == listing else self.find(listing)
        if seen is None:
            raise _missing(listing)
        return self._read(seen, start, seen.size if stop is None else min(stop, seen.size))

    def _read(self, seen: Listing, start: int, stop: int) -> Iterator[bytes]:
        try:
            yield from self._last_block.read(seen, start, stop)
        except NotFound as error:
            raise _missing(seen.key) from error
        except Conflict as error:
            raise changed(seen) from error

    def _is_foreign(self, key: str) -> bool:
        return key.startswith(UPLOADS) and (self._owner is None or is_foreign(key, self._owner))

    def _copy(self, source: str) -> BinaryIO:
        file = cast(BinaryIO, SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115  # the caller closes it
        try:
            self._fill(file, source)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    def _fill(self, file: BinaryIO, source: str) -> None:
        if "://" in source:
            self._fetcher.fetch(source, file)
            return
        if self._is_foreign(source):
            raise NotFound(f"There is no {source} in the bucket.")
        self._bucket.download(source, file, MAX_SOURCE)


class LastBlock:
    """Caches the block of a listing that was read last.

    Small chunks lie side by side in one block, and a request to the bucket takes longer than drawing one. The
    block belongs to one version of the listing, so it is never out of date.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._reader = frozen.PieceReader(bucket)
        self._seen: tuple[Listing, int, bytes] | None = None

    def read(self, listing: Listing, start: int, stop: int) -> Iterator[bytes]:
        """Yield bytes `start` to `stop` of a listing, a block at a time."""
        if stop - start >= BLOCK:
            yield from self._reader.read(listing, start, stop)
        elif start < stop:
            begin, data = self._block(listing, start, stop)
            yield data[start - begin : stop - begin]

    def _block(self, listing: Listing, start: int, stop: int) -> tuple[int, bytes]:
        seen = self._seen  # read once: another thread may replace it meanwhile
        if seen and seen[0] == listing and seen[1] <= start and stop <= seen[1] + len(seen[2]):
            return seen[1], seen[2]
        end = min(start + BLOCK, listing.size)
        data = b"".join(self._reader.read(listing, start, end))
        self._seen = listing, start, data
        return start, data


def _missing(listing: str) -> ReadFailed:
    advice = "Store it there, and request the export again."
    return ReadFailed(f"There is no {listing} in the bucket.", field="listing", advice=advice)


def _is_plain(key: str) -> bool:
    """Return whether every store takes this key: at most 1,024 bytes of text, no empty, `.` or `..` step.

    Odd spaces and format characters are text: file names of screenshots have them.
    """
    steps = key.split("/")
    return not _NO_TEXT.search(key) and len(key.encode()) <= 1024 and not {".", "..", ""} & set(steps)


def _load_ahead(
    items: Iterable[T], load: Callable[[T], BinaryIO]
) -> Generator[tuple[T, Future[BinaryIO]], None, None]:
    """Load up to AHEAD items in threads while earlier ones are drawn. The order is kept."""
    waiting: deque[tuple[T, Future[BinaryIO]]] = deque()
    with ThreadPoolExecutor(AHEAD) as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(load, item)))
                if len(waiting) == AHEAD:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            _discard(loading for _, loading in waiting)


def _discard(loaded: Iterable[Future[BinaryIO]]) -> None:
    """Close inputs that were loaded but are not used."""
    for loading in loaded:
        if not loading.cancel() and not loading.exception():
            loading.result().close()
