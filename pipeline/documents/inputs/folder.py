"""Inputs on this machine, for rendering without services."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from io import BufferedReader, BytesIO, FileIO
from pathlib import Path
from stat import S_ISLNK, S_ISREG
from typing import BinaryIO, TypeVar

from ...errors import InvalidRequest, UnreadableSource
from ...exports.plan import Listing
from ...settings import MIB
from . import BLOCK, OpenInput, changed

MAX_IN_MEMORY = 8 * MIB  # a file up to this size is read at once; one is open at a time
_STEPS = ("", ".", "..")

T = TypeVar("T")


class FolderInputs:
    """Reads a listing file whose sources are paths below one folder."""

    def __init__(self, folder: Path, pin: Listing | None = None) -> None:
        self._folder = folder.resolve()
        self._pin = pin
        self._last: tuple[str, str | None] = "", str(self._folder)  # of the last source: folder, real path

    def check(self, source: str) -> None:
        self._path(source)

    def open(self, source: str) -> BinaryIO:
        path = self._path(source)
        try:
            return _opened(path)
        except (OSError, ValueError) as error:  # ValueError: a null character
            why = getattr(error, "strerror", None) or error  # without the path: it is printed on the page
            raise UnreadableSource(f"{source!r} cannot be opened: {why}.") from error

    def _path(self, source: str) -> str:
        """Return the real path of a source. InvalidRequest for a URL, and for a path outside the folder.

        Links are followed first. Sources come folder by folder, so a folder is resolved once, and a file only
        if it is a link.
        """
        if "://" in source:
            raise InvalidRequest(
                f"{source.split('?')[0]} is a URL, but a rendering without services reads files only.",
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
        """Return the path with links followed, None if it is outside the folder."""
        real = Path(os.path.realpath(self._folder / source))  # resolve() of Python 3.11 fails for a loop of links
        return str(real) if real.is_relative_to(self._folder) else None

    def each(self, items: Iterable[T], source: Callable[[T], str]) -> Generator[tuple[T, OpenInput], None, None]:
        for item in items:
            yield item, partial(self.open, source(item))

    def find(self, listing: str) -> Listing | None:
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
    except (OSError, ValueError):  # opening it tells the reason
        return False


def _opened(path: str) -> BinaryIO:
    """Open a file; read all of a small one at once."""
    file = FileIO(path, opener=_without_waiting)
    stat = os.fstat(file.fileno())
    size = stat.st_size
    if not S_ISREG(stat.st_mode):
        file.close()
        raise OSError(None, "it is not a file")
    if size > MAX_IN_MEMORY:
        return BufferedReader(file)
    with file:
        return BytesIO(file.read(size))


def _without_waiting(path: str, flags: int) -> int:
    """Open a pipe without waiting for its other end."""
    return os.open(path, flags | os.O_NONBLOCK)


def _file(path: str, stat: os.stat_result) -> Listing:
    return Listing(path, stat.st_size, f"{stat.st_ino}-{stat.st_mtime_ns}")
