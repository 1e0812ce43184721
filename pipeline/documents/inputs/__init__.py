"""What a document may read: a listing of records, and the sources that records name."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Generator, Iterable, Iterator
from io import SEEK_CUR, SEEK_END, SEEK_SET, RawIOBase
from typing import BinaryIO, Protocol, TypeVar

from typing_extensions import Buffer

from ...errors import InputChanged, InvalidRequest
from ...exports.plan import Listing
from ...settings import MIB

PICTURES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".dib",
    ".avif", ".heic", ".heif",
)  # fmt: skip
"""Of the names of picture files; only what is in a file says whether it can be read."""
INPUTS = "inputs/"  # the only part of the bucket that a request may name
SENT = "inputs/sent/"  # where commands put what they send; it expires, the rest of inputs/ belongs to its owner
BLOCK = 256 * 1024
MAX_LINE = 1 * MIB  # bytes of a line, for all that write or read a listing

T = TypeVar("T")
OpenInput = Callable[[], BinaryIO]
"""Waits until an input is loaded and returns it; raises what `Inputs.open` raises."""


class Inputs(Protocol):
    """Reads a listing and the sources that its records name."""

    def check(self, source: str) -> None:
        """Raise InvalidRequest or RefusedAddress for a source that may not be read. Sends nothing."""

    def open(self, source: str) -> BinaryIO:
        """Return a seekable copy of one source. Raises UnreadableSource."""

    def each(self, items: Iterable[T], source: Callable[[T], str]) -> Generator[tuple[T, OpenInput], None, None]:
        """Yield every item with its source, in order. Slow sources are loaded ahead."""

    def find(self, listing: str) -> Listing | None:
        """Return the current version of a listing, None if there is none. ReadFailed if it was there before."""

    def pinned(self, listing: Listing) -> Inputs:
        """Return the same inputs on this version of the listing. They raise InputChanged when it is gone."""

    def blocks(self, listing: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of a listing from `start` to `stop`, a block at a time."""


def changed(listing: Listing) -> InputChanged:
    """Return the error for a listing whose bytes differ from those that were counted."""
    return InputChanged(f"The listing {listing.key} was replaced while the document was being made.")


class RangeFile(RawIOBase):
    """One version of a listing as a seekable file. It reads ranges and keeps no bytes."""

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
        target = memoryview(into)
        begin, stop = self._at, min(self._at + len(target), self._listing.size)
        for block in self._inputs.blocks(self._listing.key, begin, stop):
            target[self._at - begin : self._at - begin + len(block)] = block
            self._at += len(block)
        return self._at - begin


def lines(inputs: Inputs, listing: str, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a listing from byte `start` to `stop`, each with the offset of its first byte.

    Blank lines and a byte order mark are left out. Raises InvalidRequest for a line that is not UTF-8, or is over
    MAX_LINE bytes.
    """
    try:
        for at, line in split(inputs.blocks(listing, start, stop), start):
            if not line.isascii():
                line.decode()
            yield at, line
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"Line {line_number(inputs, listing, at):,} of the listing is not UTF-8: "
            f"its byte {error.start + 1} is {line[error.start]:02X}.",
            field="listing",
            advice="Save the listing in UTF-8.",
        ) from None


def line_number(inputs: Inputs, listing: str, at: int) -> int:
    """Return the number of the line at a byte of a listing. Reads all that is before it."""
    return 1 + sum(block.count(b"\n") for block in inputs.blocks(listing, 0, at))


def split(blocks: Iterable[bytes], start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of blocks that begin at byte `start`, as `lines` does, of any encoding."""
    return ((at, line) for at, line in _lines(blocks, start) if line.strip())


def _lines(blocks: Iterable[bytes], start: int) -> Iterator[tuple[int, bytes]]:
    at, rest = start, b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            _check_length(line, at)
            yield _unmarked(at, line)
            at += len(line) + 1
        _check_length(rest, at)
    yield _unmarked(at, rest)


def _unmarked(at: int, line: bytes) -> tuple[int, bytes]:
    """Return the first line of a listing without its byte order mark."""
    if at or not line.startswith(BOM_UTF8):
        return at, line
    return len(BOM_UTF8), line.removeprefix(BOM_UTF8)


def _check_length(line: bytes, at: int) -> None:
    if len(line) > MAX_LINE:
        raise InvalidRequest(
            f"The line at byte {at} is longer than {MAX_LINE // MIB} MiB.",
            field="listing",
            advice="Send JSON lines, with one record on each line.",
        )
