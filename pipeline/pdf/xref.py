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
from io import DEFAULT_BUFFER_SIZE
from tempfile import TemporaryFile

from ..errors import DamagedSegment
from .numbering import MAX_OBJECT, check_number
from .objects import Stream

ROW = 8  # bytes: 1 of type, 5 of offset (files up to 1 TiB), 2 of generation
PAGE_ROWS = mmap.PAGESIZE // ROW
AT_ONCE = PAGE_ROWS * mmap.PAGESIZE  # bytes, 2 MiB: of PAGE_ROWS rows each may have a page of its own


class CrossReference:
    """Offsets by object number, set in any order. `size` is one more than the highest number so far."""

    def __init__(self, size: int) -> None:
        self.size = size
        with TemporaryFile() as file:  # sparse; the map keeps it open
            file.truncate(ROW * MAX_OBJECT + ROW)
            self._map = mmap.mmap(file.fileno(), 0)
        self._page: int | None = None  # of the object that was set last
        self._waiting: list[tuple[range, int]] = []  # numbers of segments; where in `_rows` theirs begin
        self._rows = array("Q")
        self._store(range(1), [0xFFFF])  # object 0 heads the list of free objects

    def set(self, number: int, offset: int) -> None:
        """Set where one object begins."""
        self.place()
        self.size = max(self.size, check_number(number) + 1)
        page = number // PAGE_ROWS
        if page != self._page:
            self._page = page
            self._release_memory()
        self._store(range(number, number + 1), [_in_use(offset)])

    def set_all(self, numbers: range, offsets: Sequence[int], base: int) -> None:
        """Set where the objects of a segment begin, which itself begins at `base`; -1 is an object written later.

        Raises DamagedSegment when two segments use the same numbers; at the latest in `place`.
        """
        if not numbers:
            return
        self.size = max(self.size, check_number(numbers[-1]) + 1)
        first = _in_use(base)
        self._waiting.append((numbers, len(self._rows)))
        self._rows.extend([first + (at << 16) if at >= 0 else 0 for at in offsets])  # as _in_use, in half the time
        if ROW * len(self._rows) >= AT_ONCE:
            self.place()

    def place(self) -> None:
        """Put the rows of segments that wait into the table: those of neighbours, which lie side by side, together.

        Alone, each row of a segment among hundreds is in another memory page.
        """
        if not self._waiting:
            return
        waiting, rows, self._waiting, self._rows = self._waiting, self._rows, [], array("Q")
        for i in range(0, max(len(numbers) for numbers, _ in waiting), PAGE_ROWS):
            for numbers, begin in waiting:
                if some := numbers[i : i + PAGE_ROWS]:
                    self._store(some, rows[begin + i : begin + i + len(some)], new=True)
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
            for at in range(0, length, DEFAULT_BUFFER_SIZE):
                yield rows[at : at + DEFAULT_BUFFER_SIZE]
                rows.madvise(mmap.MADV_DONTNEED)

        return Stream(b"/Type/XRef/Size %d/W[1 5 2]%s/Filter/FlateDecode" % (self.size, entries), length, read)

    def _compressed(self) -> Iterator[bytes]:
        deflate = zlib.compressobj(zlib.Z_BEST_SPEED)  # 2 to 6 take up to six times as long, and save nothing
        with memoryview(self._map) as whole, whole[: ROW * self.size] as rows:
            for at in range(0, len(rows), DEFAULT_BUFFER_SIZE):
                yield deflate.compress(rows[at : at + DEFAULT_BUFFER_SIZE])
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
