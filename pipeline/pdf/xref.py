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
WAITING = 1 << 18  # rows that wait at most: 2 MiB
READ = 1 << 16  # bytes
LEVEL = 2  # of compression: 6 takes seven times as long for a fifth less, a thousandth of a file of tables


class CrossReference:
    """Offsets by object number, set in any order. `size` is one more than the highest number so far."""

    def __init__(self, size: int) -> None:
        self.size = size
        with TemporaryFile() as file:  # sparse; the map keeps it open
            file.truncate(ROW * (MAX_OBJECT + 1))
            self._map = mmap.mmap(file.fileno(), 0)
        self._singles = 0
        self._waiting: list[tuple[range, array[int]]] = []
        self._store(range(1), [0xFFFF])  # object 0 heads the list of free objects

    def set(self, number: int, offset: int) -> None:
        """Set where one object begins."""
        self.place()
        self.size = max(self.size, check_number(number) + 1)
        self._store(range(number, number + 1), [_in_use(offset)])
        self._singles += 1
        if self._singles % ROWS_AT_ONCE == 0:
            self._release_memory()

    def set_all(self, numbers: range, offsets: Sequence[int], base: int) -> None:
        """Set where the objects of a segment begin, which itself begins at `base`; -1 is an object written later.

        Raises DamagedSegment when two segments use the same numbers; at the latest in `place`.
        """
        if not numbers:
            return
        self.size = max(self.size, check_number(numbers[-1]) + 1)
        first = _in_use(base)
        rows = array("Q", [first + (at << 16) if at >= 0 else 0 for at in offsets])  # as _in_use, in half the time
        self._waiting.append((numbers, rows))
        if sum(len(rows) for _, rows in self._waiting) >= WAITING:
            self.place()

    def place(self) -> None:
        """Put the rows of segments that wait into the table: those of neighbours, which lie side by side, together.

        Alone, each row of a segment among hundreds is in another memory page.
        """
        waiting, self._waiting = self._waiting, []
        for i in range(0, max((len(rows) for _, rows in waiting), default=0), ROWS_AT_ONCE):
            for numbers, rows in waiting:
                if some := rows[i : i + ROWS_AT_ONCE]:
                    self._store(numbers[i : i + ROWS_AT_ONCE], some, new=True)
            self._release_memory()

    def stream(self, entries: bytes) -> Stream:
        """Return the stream of all rows; `entries` are those of the trailer.

        They are compressed into a file, since the length comes first and they are not kept in memory.
        """
        self.place()
        with TemporaryFile() as file:
            file.writelines(self._compressed())
            file.flush()
            length = file.tell()
            rows = mmap.mmap(file.fileno(), length)  # keeps it open

        def read() -> Iterator[bytes]:
            for at in range(0, length, READ):
                yield rows[at : at + READ]
                rows.madvise(mmap.MADV_DONTNEED)

        return Stream(b"/Type/XRef/Size %d/W[1 5 2]%s/Filter/FlateDecode" % (self.size, entries), length, read)

    def _compressed(self) -> Iterator[bytes]:
        deflate = zlib.compressobj(LEVEL)
        end = self.size * ROW
        for at in range(0, end, ROWS_AT_ONCE * ROW):
            yield deflate.compress(self._map[at : min(at + ROWS_AT_ONCE * ROW, end)])
            self._release_memory()
        yield deflate.flush()

    def _store(self, numbers: range, values: Sequence[int], *, new: bool = False) -> None:
        rows = array("Q", values)
        if sys.byteorder == "little":
            rows.byteswap()
        step = slice(numbers.start, numbers.stop, numbers.step)
        with memoryview(self._map) as whole, whole.cast("Q") as table, table[step] as lane:
            if new and lane.tobytes().strip(b"\0"):
                raise DamagedSegment(f"Two segments use the same object numbers, from {numbers.start} on.")
            lane[:] = rows

    def _release_memory(self) -> None:
        self._map.madvise(mmap.MADV_DONTNEED)


def _in_use(offset: int) -> int:
    """Return a row of type 1, with generation 0."""
    return 1 << 56 | offset << 16
