"""What a document may read: a listing and the sources it names, wherever they are."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from io import SEEK_CUR, SEEK_END, SEEK_SET, RawIOBase
from typing import BinaryIO, Protocol, TypeVar

from typing_extensions import Buffer

from ...errors import InputChanged, InvalidRequest
from ...exports.plan import Listing

INPUTS = "inputs/"  # the only part of the bucket that a request may name
SENT = "inputs/sent/"  # where commands put what they send; it expires, the rest of inputs/ belongs to its owner
BLOCK = 256 * 1024
LINE_MOST = 64 * 1024

T = TypeVar("T")
OpenInput = Callable[[], BinaryIO]
"""Waits for an input and gives it; raises what `open` raises."""


class Inputs(Protocol):
    """What a document may read."""

    def check(self, source: str) -> None:
        """Raise InvalidRequest or RefusedAddress when a source could never be read; nothing is sent."""

    def open(self, source: str) -> BinaryIO:
        """A seekable copy of one input; UnreadableSource when there is none."""

    def each(self, items: Iterable[T], source: Callable[[T], str]) -> Generator[tuple[T, OpenInput], None, None]:
        """Every item with its input, in order; what takes time to come is loaded ahead."""

    def look(self, listing: str) -> Listing | None:
        """A listing as it is now; None when there is none."""

    def pinned(self, listing: Listing) -> Inputs:
        """The same inputs, which give this version of a listing and raise InputChanged when it is gone."""

    def blocks(self, listing: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes of a listing between two places, a block at a time."""


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


def lines(inputs: Inputs, listing: str, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The lines of a listing between two bytes, each with the byte at which it begins; blank ones are left out."""
    at, rest = start, b""
    for block in inputs.blocks(listing, start, stop):
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
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
