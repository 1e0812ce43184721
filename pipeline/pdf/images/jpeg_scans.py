"""Damage in the middle of a JPEG that shows without decoding it: lost restart markers, and long runs of zeros.

Where a disk or a download lost a block, zeros often stand in its place. Coded data have no such runs, unless a code
of zeros alone ends a block: of blank scans, whose tables were made for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ..objects import Block

if TYPE_CHECKING:
    import re

DAMAGED = "The data of a JPEG are damaged in the middle, so parts of the picture may be wrong"
UNFINISHED = "A progressive JPEG lacks scans before its end, so it is coarser than it was, or pale"

BLOCK = 256 * 1024  # bytes that are read at once
_RESTART = rb"\xff[\xd0-\xd7]"
_ZEROS = bytes(512)  # a sector; 170 blocks of the smallest patterns
_FEW = bytes(3)
_STEP = len(_ZEROS) // len(_FEW)  # bytes apart: three in a row lie within a sector, wherever that begins
OVERLAP = len(_ZEROS)  # of blocks that are looked at one after the other
_AC = 0x10  # class of a Huffman table, in the upper half of its first byte
_END_OF_BLOCK = 0

Read = Callable[[int, int], Block]


class Scan(NamedTuple):
    """Where the coded data of a scan are, its components (blocks of a unit across and down), and what holds for it.

    `interval` is the number of units between restart markers, 0 for none; `tables` are the bodies of the segments
    DHT before it; `zeros` says that a sector of the data has nothing else.
    """

    begin: int
    end: int
    components: Sequence[tuple[int, int]]
    interval: int
    tables: Sequence[bytes]
    zeros: bool


def has_zeros(data: bytes, begin: int, end: int) -> bool:
    """Return whether a sector of zeros is in data[begin:end]. Few bytes are looked at, unless these are zeros."""
    return _FEW in data[begin:end:_STEP] and data.find(_ZEROS, begin, end) >= 0


def is_damaged(read: Read, scan: Scan, size: tuple[int, int], most: tuple[int, int], progressive: bool) -> bool:
    """Return whether a scan of a picture of this size cannot be whole; `most` are the largest sampling factors."""
    if scan.interval and not _restarts_in_order(read, scan, _units(scan, size, most)):
        return True
    return scan.zeros and not progressive and not _zeros_are_blank(scan)


def _units(scan: Scan, size: tuple[int, int], most: tuple[int, int]) -> int:
    """Return how many units (A.2) a scan has: blocks, where it has one component."""
    one = scan.components[0] if len(scan.components) == 1 else (1, 1)
    several = len(scan.components) > 1
    across, down = (
        -(-(length if several else -(-length * factor // limit)) // (8 * limit if several else 8))
        for length, factor, limit in zip(size, one, most, strict=True)
    )
    return across * down


def _restarts_in_order(read: Read, scan: Scan, units: int) -> bool:
    """Return whether the restart markers are all there: RST0 to RST7 in turn (B.2.1). One more may end the scan."""
    found = b"".join(marker[1:] for block in _blocks(read, scan) for marker in compiled(_RESTART).findall(block))
    due = -(-units // scan.interval) - 1
    return (
        due <= len(found) <= due + 1 and found == (bytes(range(0xD0, 0xD8)) * (len(found) // 8 + 1))[: len(found)]
    )


def _zeros_are_blank(scan: Scan) -> bool:
    """Return whether the code of zeros alone ends a block: for any component, or for all where they alternate."""
    ends = [first == _END_OF_BLOCK for kind, first in _first_symbols(scan.tables) if kind & _AC]
    return (all if len(scan.components) > 1 else any)(ends)


def _first_symbols(tables: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Yield the class and number of each table, and the symbol of its first code, which is all zeros (C.2)."""
    for body in tables:
        at = 0
        while at + 17 < len(body):
            yield body[at], body[at + 17]
            at += 17 + sum(body[at + 1 : at + 17])


def _blocks(read: Read, scan: Scan) -> Iterator[bytes]:
    """Yield the coded data. No marker lies across two blocks."""
    at = scan.begin
    while at < scan.end and (block := bytes(read(at, min(BLOCK, scan.end - at)))):
        yield block
        at += len(block) - (block[-1] == 0xFF and len(block) > 1)


@cache
def compiled(pattern: bytes) -> re.Pattern[bytes]:
    """Return a pattern of RE2, which takes 0.12 ms a megabyte, the module re four times that.

    It is imported at the first JPEG: that takes 18 ms and 5 MB.
    """
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes
    found: re.Pattern[bytes] = re2.compile(pattern, options)
    return found
