"""What paginating must know of rows: where they end, how high they are, their groups, their numbers.

A table is measured range by range, in any order and by several processes; one pass over the measures finds the
pages (`paging.py`). A row takes six bytes, and eight more for each summed column; stored, about a third of that.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import accumulate, repeat
from operator import itemgetter

import msgspec

from .formats import EXACT
from .groups import GroupKeys, total
from .read_rows import Batch
from .warnings import Repeated, with_rows

MOST_ROWS = 131_072  # of a measure: mostly all rows of a range, since reading one takes as long as 1,000 pages
LONGEST = 2**63 - 1  # of an integer in `units`


class Numbers(msgspec.Struct, frozen=True, array_like=True):
    """The numbers of some rows in a summed column.

    Mostly all have as many decimals: then `units` has them as integers, times 10 to the power of `exponent`.
    Otherwise `values` has them, None for a cell without a number.
    """

    exponent: int = 0
    units: bytes = b""
    values: list[Decimal | None] = []

    @classmethod
    def of(cls, values: list[Decimal | None]) -> Numbers:
        """Return the numbers of rows."""
        numbers = [each for each in values if each is not None]
        if len(numbers) < len(values) or not all(map(numbers[0].same_quantum, numbers)):
            return cls(values=values)
        exponent = int(numbers[0].as_tuple().exponent)
        units = list(map(int, map(EXACT.scaleb, numbers, repeat(-exponent))))
        if max(map(abs, units)) > LONGEST:
            return cls(values=values)
        return cls(exponent, array("q", units).tobytes())

    def total(self, start: int, stop: int) -> Decimal:
        """Return the exact sum over some of the rows."""
        if self.values:
            return total([each for each in self.values[start:stop] if each is not None])
        units = memoryview(self.units).cast("q")[start:stop]
        return EXACT.scaleb(Decimal(sum(units)), self.exponent)

    def all(self) -> list[Decimal | None]:
        """Return the number of each row."""
        units = memoryview(self.units).cast("q")
        return self.values or [EXACT.scaleb(Decimal(each), self.exponent) for each in units]

    def behind(self, row: int) -> Numbers:
        """Return the numbers from a row on."""
        return Numbers(self.exponent, self.units[8 * row :], self.values[row:])

    def joined(self, later: Numbers) -> Numbers:
        """Return these numbers and those of the rows behind them."""
        if not self.units and not self.values:
            return later
        if self.units and later.units and self.exponent == later.exponent:
            return Numbers(self.exponent, self.units + later.units)
        return Numbers(values=self.all() + later.all())


class RowMeasure(msgspec.Struct, frozen=True, array_like=True):
    """Rows that follow each other. `starts` are the first, and those whose groups differ from the one before."""

    lengths: bytes = b""  # in the input, 32 bits each
    heights: bytes = b""  # in lines, 16 bits each
    starts: list[tuple[int, GroupKeys]] = []
    numbers: list[Numbers] = []
    remarks: list[Repeated] = []

    @property
    def count(self) -> int:
        return len(self.heights) // 2

    def encode(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> RowMeasure:
        return _decoder.decode(data)

    def joined(self, later: RowMeasure) -> RowMeasure:
        """Return these rows and those behind them, with the remarks of the latter."""
        if not self.count:
            return later
        pairs = zip(self.numbers, later.numbers, strict=True) if later.count else ()
        return RowMeasure(
            self.lengths + later.lengths,
            self.heights + later.heights,
            self.starts + [(self.count + row, keys) for row, keys in later.starts],
            [mine.joined(others) for mine, others in pairs] or self.numbers,
            later.remarks,
        )

    def behind(self, row: int) -> RowMeasure:
        """Return the rows from one on, without remarks."""
        at = bisect_right(self.starts, row, key=itemgetter(0)) - 1 if row < self.count else len(self.starts)
        return RowMeasure(
            self.lengths[4 * row :],
            self.heights[2 * row :],
            [(max(0, start - row), keys) for start, keys in self.starts[max(0, at) :]],
            [each.behind(row) for each in self.numbers],
        )


_decoder = msgspec.msgpack.Decoder(RowMeasure)


def measured_rows(batches: Iterable[Batch], start: int, stop: float) -> Iterator[tuple[int, RowMeasure]]:
    """Yield the rows that begin before byte `stop`, in pieces, each with the offset behind it.

    The first row begins at `start`.
    """
    piece = _Piece(start)
    for batch in batches:
        piece.add(batch, stop)
        if piece.end >= stop:
            break
        if piece.count >= MOST_ROWS:
            yield piece.end, piece.measure()
            piece = _Piece(piece.end)
    if piece.count:
        yield piece.end, piece.measure()


class _Piece:
    """Batches become a measure."""

    def __init__(self, start: int) -> None:
        self.end = start
        self._lengths, self._heights = array("I"), array("H")
        self._starts: list[tuple[int, GroupKeys]] = []
        self._last: GroupKeys | None = None
        self._numbers: list[list[Decimal | None]] = []
        self._remarks: dict[str, Repeated] = {}

    @property
    def count(self) -> int:
        return len(self._lengths)

    def add(self, batch: Batch, stop: float) -> None:
        """Add the rows of a batch that begin before byte `stop`."""
        before, lengths = self.count, batch.lengths
        if self.end + sum(lengths) > stop:
            begins = accumulate(lengths, initial=self.end)
            lengths = [each for begin, each in zip(begins, lengths, strict=False) if begin < stop]
        kept = len(lengths)
        self._lengths.extend(lengths)
        self._heights.extend(batch.heights[:kept])
        self.end += sum(lengths)
        for row, keys in enumerate(batch.keys[:kept], before):
            if keys != self._last:
                self._starts.append((row, keys))
                self._last = keys
        self._numbers = self._numbers or [[] for _ in batch.numbers]
        for column, values in zip(self._numbers, batch.numbers, strict=True):
            column += values[:kept]
        for row, words in sorted(set(batch.noted)):  # two columns may show the same cell
            if row < kept:
                self._note(before + row, words)

    def _note(self, row: int, words: str) -> None:
        known = self._remarks.get(words)
        self._remarks[words] = with_rows(known, Repeated(words, 1, (row,)))

    def measure(self) -> RowMeasure:
        return RowMeasure(
            self._lengths.tobytes(), self._heights.tobytes(), self._starts, list(map(Numbers.of, self._numbers)),
            list(self._remarks.values()),
        )  # fmt: skip
