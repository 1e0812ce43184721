"""Rows from bytes, each with the offset behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal

import msgspec

from .csv_rows import END_OF_FILE, CsvRows, Row
from .lines import LineReader

if TYPE_CHECKING:
    from .json_rows import JsonRows

SURPLUS = "Rows have more fields than titles; the extra fields are in the last column"
BLANK_SURPLUS = "Rows have more fields than titles; the extra fields are empty and left out"
SHORT = "Rows have fewer fields than titles; the columns behind them are empty"


class InputFormat(msgspec.Struct, frozen=True):
    """How to read the bytes of an input. `fields` are the names of its columns."""

    kind: Literal["csv", "jsonl"]
    encoding: str
    delimiter: str
    fields: tuple[str, ...]
    begin: int  # offset behind the line of titles


class RowReader:
    """Rows as texts, each with the offset behind it. Blank lines are left out.

    A short row is filled up. Fields beyond the last column are joined to it, unless all of them are empty. `note`
    is told of both, with the index of the row among those that are taken. `cut`: the blocks may end within a row,
    which is left out.
    """

    def __init__(
        self,
        blocks: Iterable[bytes],
        start: int,
        format: InputFormat,
        note: Callable[[int, str], None] | None = None,
        cut: bool = False,
    ) -> None:
        self._lines = LineReader(blocks, start, format.encoding)
        self._format = format
        self._note = note
        if format.kind == "csv":
            self._source: CsvRows | JsonRows = CsvRows(self._lines, format.delimiter, cut)
        else:
            from .json_rows import JsonRows

            self._source = JsonRows(self._lines, format.fields)

    def take(self, count: int) -> list[tuple[Row, int]]:
        """Return the next `count` rows, fewer at the end."""
        taken: list[tuple[Row, int]] = []
        while (wanted := count - len(taken)) > 0:
            rows, lines = self._source.take(wanted)
            if not rows:
                break
            ends = self._lines.ends(lines)
            plain = set(map(len, rows)) == {len(self._format.fields)} and rows[-1] != END_OF_FILE
            if plain and not self._source.repaired:
                taken += zip(rows, ends, strict=True)
            else:
                taken += self._fitted(zip(rows, lines, ends, strict=True), len(taken))
        return taken

    def is_text(self, row: int, value: str) -> bool:
        """Return whether a value of a row of the last ones is text in the input; JSON has numbers too."""
        return self._source.is_text(row, value)

    def _fitted(self, found: Iterable[tuple[Row, int, int]], before: int) -> Iterator[tuple[Row, int]]:
        """Rows with as many fields as titles, without blank lines and the sign of DOS for the end of a file."""
        width, number = len(self._format.fields), before
        for row, line, end in found:
            if row and row != END_OF_FILE:
                if self._note and len(row) != width:
                    surplus = SURPLUS if any(map(str.strip, row[width:])) else BLANK_SURPLUS
                    self._note(number, surplus if len(row) > width else SHORT)
                if self._note and (how := self._source.repaired.get(line)):
                    self._note(number, how)
                number += 1
                yield (row if len(row) == width else fitted(row, width, self._format.delimiter)), end


def fitted(row: Row, width: int, delimiter: str) -> Row:
    """Return a row with `width` fields from one that has more or fewer."""
    if len(row) < width:
        return row + [""] * (width - len(row))
    if not any(map(str.strip, row[width:])):
        return row[:width]
    return [*row[: width - 1], delimiter.join(row[width - 1 :])]
