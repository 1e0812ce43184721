"""The cross-reference stream (ISO 32000-1, 7.5.8): where each object of the file begins.

The objects of a chunk are every K-th row, so rows arrive in no order. They are in a temporary file of which at
most a few MiB are in memory at a time, however many objects there are.
"""

from __future__ import annotations

import mmap
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile

from ..errors import DamagedSegment
from .numbering import MAX_OBJECT, check_number
from .objects import Stream

ROW = 8  # bytes: 1 of type, 5 of offset (files up to 1 TiB), 2 of generation
ROWS_AT_ONCE = 1024  # each may be in its own memory page: 4 MiB


class CrossReference:
    """Offsets by object number, set in any order. `size` is one more than the highest number so far."""

    def __init__(self, size: int) -> None:
        self.size = size
        with TemporaryFile() as file:  # sparse; the map keeps it open
            file.truncate(ROW * (MAX_OBJECT + 1))
            self._map = mmap.mmap(file.fileno(), 0)
        self._singles = 0
        self._store(range(1), [0xFFFF])  # object 0 heads the list of free objects

    def set(self, number: int, offset: int) -> None:
        """Set where one object begins."""
        self.size = max(self.size, check_number(number) + 1)
        self._store(range(number, number + 1), [_in_use(offset)])
        self._singles += 1
        if self._singles % ROWS_AT_ONCE == 0:
            self._release_memory()

    def set_all(self, numbers: range, offsets: Sequence[int], base: int) -> None:
        """Set where the objects of a segment begin, which itself begins at `base`; -1 is an object written later.

        Raises DamagedSegment when two segments use the same numbers.
        """
        if not numbers:
            return
        self.size = max(self.size, check_number(numbers[-1]) + 1)
        for i in range(0, len(numbers), ROWS_AT_ONCE):
            some = offsets[i : i + ROWS_AT_ONCE]
            self._store(
                numbers[i : i + ROWS_AT_ONCE], [_in_use(base + at) if at >= 0 else 0 for at in some], new=True
            )
            self._release_memory()

    def stream(self, entries: bytes) -> Stream:
        """Return the stream of all rows; `entries` are those of the trailer.

        The rows are compressed twice, since the length comes first and is not kept in memory.
        """
        length = sum(map(len, self._compressed()))
        return Stream(
            b"/Type/XRef/Size %d/W[1 5 2]%s/Filter/FlateDecode" % (self.size, entries), length, self._compressed
        )

    def _compressed(self) -> Iterator[bytes]:
        deflate = zlib.compressobj()
        end = self.size * ROW
        for at in range(0, end, ROWS_AT_ONCE * ROW):
            yield deflate.compress(self._map[at : min(at + ROWS_AT_ONCE * ROW, end)])
            self._release_memory()
        yield deflate.flush()

    def _store(self, numbers: range, values: list[int], *, new: bool = False) -> None:
        rows = array("Q", values)
        if sys.byteorder == "little":
            rows.byteswap()
        step = slice(numbers.start, numbers.stop, numbers.step)
        with memoryview(self._map) as whole, whole.cast("Q") as table, table[step] as lane:
            if new and any(lane):
                raise DamagedSegment(f"Two segments use the same object numbers, from {numbers.start} on.")
            lane[:] = rows

    def _release_memory(self) -> None:
        self._map.madvise(mmap.MADV_DONTNEED)


def _in_use(offset: int) -> int:
    """Return a row of type 1, with generation 0."""
    return 1 << 56 | offset << 16
