"""The first records of a listing, so that a page can be previewed without reading all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ...exports.plan import Listing
from . import MAX_LINE, Inputs, OpenInput, T

MOST = MAX_LINE + 1  # bytes that are read: more than any line has, and than a table measures its columns by
SECONDS = 2.0  # for records that are made while they are read: of a query, of pictures with several frames
CELL_LINES = 100  # of a cell of CSV that the cut may fall into


@dataclass(frozen=True)
class Head:
    """The first records, and whether they are all there are."""

    data: bytes
    whole: bool


@dataclass(frozen=True)
class FirstRecords:
    """Inputs whose listing, of any name, is in memory. Sources are read as ever."""

    inputs: Inputs
    data: bytes

    def check(self, source: str) -> None:
        self.inputs.check(source)

    def open(self, source: str) -> BinaryIO:
        return self.inputs.open(source)

    def each(self, items: Iterable[T], source: Callable[[T], str]) -> Generator[tuple[T, OpenInput], None, None]:
        return self.inputs.each(items, source)

    def find(self, listing: str) -> Listing:
        return Listing(listing, len(self.data), "first")

    def pinned(self, listing: Listing) -> FirstRecords:  # noqa: ARG002  # there is one version
        return self

    def blocks(self, listing: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:  # noqa: ARG002  # any
        return iter([block] if (block := self.data[start:stop]) else [])


def head_of(pieces: Iterable[bytes]) -> Head:
    """Return the first records of a listing, up to MOST bytes; fewer when they take SECONDS."""
    data, until = bytearray(), time.monotonic() + SECONDS
    for piece in pieces:
        data += piece
        if len(data) >= MOST or time.monotonic() > until:
            return Head(_complete(bytes(data)), whole=False)
    return Head(bytes(data), whole=True)


def _complete(data: bytes) -> bytes:
    """Return the records that are whole, up to a line feed that ends one.

    In a cell of CSV, an odd number of quotation marks is before a line feed. If that is so for the last CELL_LINES,
    the last one counts. Data without a line feed are returned as they are: too long for a record.
    """
    if (last := data.rfind(b"\n")) < 0:
        return data
    cut = last
    for _ in range(CELL_LINES):
        if not data.count(b'"', 0, cut) % 2:
            return data[: cut + 1]
        if (cut := data.rfind(b"\n", 0, cut)) < 0:
            break
    return data[: last + 1]
