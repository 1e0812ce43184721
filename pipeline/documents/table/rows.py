"""Rows from bytes, each with the offset behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ...pdf.tally import Remarks
from .csv_rows import MISQUOTED, CsvRows, Row
from .json_rows import JsonRows
from .lines import LineReader

SURPLUS = "Rows have more fields than titles; the extra fields are in the last column"
SHORT = "Rows have fewer fields than titles; the columns behind them are empty"


@dataclass(frozen=True)
class InputFormat:
    """How to read the bytes of an input. `fields` are the names of its columns."""

    kind: str  # "csv" or "jsonl"
    encoding: str
    delimiter: str
    fields: tuple[str, ...]
    begin: int  # offset behind the line of titles


class RowReader:
    """Rows as texts, each with the offset behind it. Blank lines are left out.

    A short row is filled up. Fields beyond the last column are joined to it. Both are noted.
    `given` is the number of rows before the first one, for row numbers in messages. `cut`: the blocks may end
    in the middle of a row, which is left out.
    """

    def __init__(
        self,
        blocks: Iterable[bytes],
        start: int,
        format: InputFormat,
        notes: RowNotes | None = None,
        given: int = 0,
        cut: bool = False,
    ) -> None:
        self._lines = LineReader(blocks, start, format.encoding)
        self._format = format
        self._given = given
        self._notes = notes or RowNotes(Remarks())
        if format.kind == "csv":
            self._source: CsvRows | JsonRows = CsvRows(self._lines, format.delimiter, cut)
        else:
            self._source = JsonRows(self._lines, format.fields)

    def take(self, count: int) -> list[tuple[Row, int]]:
        """Returns the next `count` rows, fewer at the end."""
        taken: list[tuple[Row, int]] = []
        while (wanted := count - len(taken)) > 0:
            rows, lines = self._source.take(wanted)
            if not rows:
                break
            ends = self._lines.ends(lines)
            if set(map(len, rows)) == {len(self._format.fields)} and not self._source.misquoted:
                taken += zip(rows, ends, strict=True)
            else:
                taken += self._fitted(zip(rows, lines, ends, strict=True), len(taken))
        self._given += len(taken)
        return taken

    def _fitted(self, found: Iterable[tuple[Row, int, int]], before: int) -> Iterator[tuple[Row, int]]:
        """Rows with as many fields as titles, without blank lines."""
        width = len(self._format.fields)
        number = self._given + before
        for row, line, end in found:
            if row:
                number += 1
                if len(row) != width:
                    self._notes.note(SURPLUS if len(row) > width else SHORT, number)
                if line in self._source.misquoted:
                    self._notes.note(MISQUOTED, number)
                yield (row if len(row) == width else fitted(row, width, self._format.delimiter)), end


@dataclass
class RowNotes:
    """Counts rows that needed repair."""

    remarks: Remarks
    _last: dict[str, int] = field(default_factory=dict)

    def note(self, words: str, row: int) -> None:
        """Count a row. Rows come in order; one that is read twice is counted once."""
        if row > self._last.get(words, 0):
            self._last[words] = row
            self.remarks.add(words, f"row {row}")


def fitted(row: Row, width: int, delimiter: str) -> Row:
    """Returns a row with `width` fields from one that has more or fewer."""
    if len(row) < width:
        return row + [""] * (width - len(row))
    return [*row[: width - 1], delimiter.join(row[width - 1 :])]
