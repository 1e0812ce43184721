"""Where records and pictures come from: the bucket and the web, or a folder.

Inputs are copied into spooled temporary files: small ones stay in memory, large ones lie on the disk, so
what is held does not depend on what is sent.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, BytesIO, FileIO, RawIOBase
from pathlib import Path
from stat import S_ISLNK
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Protocol, TypeVar, cast

from typing_extensions import Buffer

from .errors import Conflict, InputChanged, InvalidRequest, NotFound, UnreadableSource
from .fetcher import Fetcher
from .plan import Listing
from .settings import MIB
from .store import Store

INPUTS = "inputs/"  # the only part of the bucket that a request may name
LINE_MOST = 64 * 1024
BLOCK = 256 * 1024
SOURCE_MOST = 128 * MIB
IN_MEMORY = 1 * MIB
_STEPS = ("", ".", "..")
HELD = 8 * MIB  # of a file on this machine, where one is open at a time
TRIES = 3

T = TypeVar("T")
R = TypeVar("R")
Opened = Callable[[], BinaryIO]
"""Waits for an input and gives it; raises what `open` raises."""


class Inputs(Protocol):
    """What a document may read."""

    def check(self, source: str) -> None:
        """Raise InvalidRequest or RefusedAddress when a source could never be read; nothing is sent."""

    def open(self, source: str) -> BinaryIO:
        """A seekable copy of one input; UnreadableSource when there is none."""

    def each(self, items: Iterable[T], source: Callable[[T], str]) -> Generator[tuple[T, Opened], None, None]:
        """Every item with its input, in order; what takes time to come is loaded ahead."""

    def look(self, listing: str) -> Listing | None:
        """A listing as it is now; None when there is none."""

    def pinned(self, listing: Listing) -> Inputs:
        """The same inputs, which give this version of a listing and raise InputChanged when it is gone."""

    def blocks(self, listing: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes of a listing between two places, a block at a time."""

    def lines(self, listing: str, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """The lines of a listing between two bytes, each with the byte at which it begins."""


class Window:
    """The block of a listing that was read last, and what is read of it again without asking the bucket.

    Chunks that are small lie side by side in a block, and a call of the bucket costs more than drawing one. What
    was read belongs to one version of the listing, and so never grows old.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: tuple[Listing, int, bytes] | None = None

    def read(self, listing: Listing, start: int, stop: int) -> Iterator[bytes]:
        """Bytes start..stop of a listing, a block at a time."""
        if stop - start >= BLOCK:
            yield from self._store.read(listing.key, start, stop, listing.version)
        elif start < stop:
            begin, data = self._block(listing, start, stop)
            yield data[start - begin : stop - begin]

    def _block(self, listing: Listing, start: int, stop: int) -> tuple[int, bytes]:
        seen = self._seen  # once: other threads may read something else meanwhile
        if seen and seen[0] == listing and seen[1] <= start and stop <= seen[1] + len(seen[2]):
            return seen[1], seen[2]
        end = min(start + BLOCK, listing.size)
        data = b"".join(self._store.read(listing.key, start, end, listing.version))
        self._seen = listing, start, data
        return start, data


class BucketInputs:
    """Inputs of an export: keys below inputs/ (or the export's own listing), and https URLs."""

    def __init__(
        self, store: Store, fetcher: Fetcher, pin: Listing | None = None, window: Window | None = None
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._pin = pin
        self._window = window or Window(store)

    def check(self, source: str) -> None:
        if "://" in source:
            self._fetcher.check(source)
        elif not (source.startswith(INPUTS) and _is_plain(source)):
            raise InvalidRequest(f"{source!r} is neither a key below {INPUTS} nor an https URL.", field="source")

    def open(self, source: str) -> BinaryIO:
        for attempt in range(1, TRIES + 1):
            file = cast(BinaryIO, SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115  # the caller closes it
            try:
                self._copy(source, file)
            except UnreadableSource as error:
                file.close()
                if attempt == TRIES or not error.retry:
                    raise
                time.sleep(0.2 * attempt)
            except BaseException:
                file.close()
                raise
            else:
                file.seek(0)
                return file
        raise AssertionError("unreachable")

    def each(self, items: Iterable[T], source: Callable[[T], str]) -> Generator[tuple[T, Opened], None, None]:
        with closing(ahead(items, lambda item: self.open(source(item)))) as loaded:
            for item, loading in loaded:
                yield item, loading.result

    def look(self, listing: str) -> Listing | None:
        entry = self._store.head(listing)
        return Listing(listing, entry.size, entry.etag) if entry else None

    def pinned(self, listing: Listing) -> BucketInputs:
        return BucketInputs(self._store, self._fetcher, listing, self._window)

    def blocks(self, listing: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        seen = self._pin if self._pin and self._pin.key == listing else self.look(listing)
        if seen is None:
            raise InvalidRequest(f"There is no listing {listing} in the bucket.", field="listing")
        return self._read(seen, start, seen.size if stop is None else min(stop, seen.size))

    def _read(self, seen: Listing, start: int, stop: int) -> Iterator[bytes]:
        try:
            yield from self._window.read(seen, start, stop)
        except (Conflict, NotFound) as error:
            raise changed(seen) from error

    def lines(self, listing: str, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        return numbered_lines(self.blocks(listing, start, stop), start)

    def _copy(self, source: str, into: BinaryIO) -> None:
        if "://" in source:
            self._fetcher.fetch(source, into)
            return
        try:
            self._store.download(source, into, SOURCE_MOST)
        except NotFound as error:
            raise UnreadableSource(f"There is no {source} in the bucket.") from error


def _is_plain(key: str) -> bool:
    """Whether a store takes this key as it is: no control characters, no . or .. on the way, 1,024 bytes."""
    steps = key.split("/")
    return key.isprintable() and len(key.encode()) <= 1024 and not {".", "..", ""} & set(steps)


class FolderInputs:
    """Inputs on this machine: a listing file whose sources are paths below one folder."""

    def __init__(self, folder: Path, pin: Listing | None = None) -> None:
        self._folder = folder.resolve()
        self._pin = pin
        self._last: tuple[str, str | None] = ("", str(self._folder))  # a folder of sources, and where it is

    def check(self, source: str) -> None:
        self._path(source)

    def open(self, source: str) -> BinaryIO:
        path = self._path(source)
        try:
            return _opened(path)
        except (OSError, ValueError) as error:  # ValueError: a null character
            why = getattr(error, "strerror", None) or error  # not the whole path: this is printed in the document
            raise UnreadableSource(f"{source!r} cannot be opened: {why}.") from error

    def _path(self, source: str) -> str:
        """Where a source really is; InvalidRequest when that is on the web, or outside the folder through links.

        Sources come folder by folder: a folder is looked up once, and a file only when it is a link.
        """
        if "://" in source:
            raise InvalidRequest(
                f"{source.split('?')[0]} is a URL; a rendering without services reads files only.",
                field="source",
                advice="Use submit, or download the file.",
            )
        above, name = os.path.split(source)
        if above != self._last[0]:
            self._last = above, self._real(above)
        path = f"{self._last[1]}{os.sep}{name}" if self._last[1] else None
        if path is None or name in _STEPS or _is_link(path):
            path = self._real(source)
        if path is None:
            raise InvalidRequest(f"{source} is outside {self._folder}.", field="source")
        return path

    def _real(self, source: str) -> str | None:
        """Where links lead; None when that is outside."""
        real = (self._folder / source).resolve()
        return str(real) if real.is_relative_to(self._folder) else None

    def each(self, items: Iterable[T], source: Callable[[T], str]) -> Generator[tuple[T, Opened], None, None]:
        for item in items:
            yield item, partial(self.open, source(item))

    def lines(self, listing: str, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        return numbered_lines(self.blocks(listing, start, stop), start)

    def look(self, listing: str) -> Listing | None:
        return _file(listing, Path(listing).stat()) if Path(listing).is_file() else None

    def pinned(self, listing: Listing) -> FolderInputs:
        return FolderInputs(self._folder, listing)

    def blocks(self, listing: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        with Path(listing).open("rb") as file:
            seen = _file(listing, os.fstat(file.fileno()))
            if self._pin and self._pin.key == listing and self._pin != seen:
                raise changed(seen)
            file.seek(start)
            left = (seen.size if stop is None else stop) - start
            while block := file.read(min(BLOCK, left)):
                left -= len(block)
                yield block


def _is_link(path: str) -> bool:
    try:
        return S_ISLNK(os.lstat(path).st_mode)
    except (OSError, ValueError):  # whoever opens it says why
        return False


def _opened(path: str) -> BinaryIO:
    """A file; when it is not large, its bytes, read at one go."""
    file = FileIO(path)
    size = os.fstat(file.fileno()).st_size
    if size > HELD:
        return BufferedReader(file)
    with file:
        return BytesIO(file.read(size))


def _file(path: str, stat: os.stat_result) -> Listing:
    return Listing(path, stat.st_size, f"{stat.st_ino}-{stat.st_mtime_ns}")


def changed(listing: Listing) -> InputChanged:
    """The error about a listing that has other bytes than the ones that were counted."""
    return InputChanged(f"The listing {listing.key} was replaced or removed while the document was being made.")


class RangeFile(RawIOBase):
    """One version of a listing as a file that can be read anywhere, by ranges; nothing of it is kept."""

    def __init__(self, inputs: Inputs, listing: Listing) -> None:
        self._inputs = inputs.pinned(listing)
        self._listing = listing
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self._at = offset + {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: self._listing.size}[whence]
        return self._at

    def readinto(self, into: Buffer) -> int:
        view = memoryview(into)
        begin, stop = self._at, min(self._at + len(view), self._listing.size)
        for block in self._inputs.blocks(self._listing.key, begin, stop):
            view[self._at - begin : self._at - begin + len(block)] = block
            self._at += len(block)
        return self._at - begin


def numbered_lines(blocks: Iterable[bytes], start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Cut a stream of blocks into lines, each with the byte at which it begins; blank ones are left out."""
    at, rest = start, b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            _check_length(line, at)
            if line.strip():
                yield at, line
            at += len(line) + 1
        _check_length(rest, at)
    if rest.strip():
        yield at, rest


def _check_length(line: bytes, at: int) -> None:
    if len(line) > LINE_MOST:
        raise InvalidRequest(
            f"The line at byte {at} is longer than {LINE_MOST} bytes; is this JSON lines?", field="listing"
        )


def ahead(items: Iterable[T], load: Callable[[T], R], depth: int = 4) -> Generator[tuple[T, Future[R]], None, None]:
    """Load a few items in threads while earlier ones are drawn; order is kept, at most `depth` wait."""
    waiting: deque[tuple[T, Future[R]]] = deque()
    with ThreadPoolExecutor(depth) as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(load, item)))
                if len(waiting) == depth:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            _discard(future for _, future in waiting)


def _discard(futures: Iterable[Future[R]]) -> None:
    """Close what was loaded and is not wanted any more."""
    for future in futures:
        if not future.cancel() and not future.exception():
            close = getattr(future.result(), "close", None)
            if close:
                close()
