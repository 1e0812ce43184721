"""Rows of a CSV, with line breaks in quotes."""

from __future__ import annotations

import csv
from itertools import islice

from ..inputs import MAX_LINE
from .lines import BadLine, LineReader

Row = list[str]
MISQUOTED = "Text follows a closing quote; it is joined to its cell"
DOUBLE_QUOTES = 'Write a quote that belongs to the text twice: "12"" pipe". Or remove it.'
UNEXPECTED_END = "unexpected end of data"  # what Python's csv says of a quote that does not close
csv.field_size_limit(MAX_LINE)


class CsvRows:
    """Rows of a CSV. Raises BadLine for a quote that does not close.

    Text behind a closing quote is joined to its cell, if the row has one line. Otherwise the quote that closed may
    have been meant to open another cell, so this is an error.
    """

    def __init__(self, lines: LineReader, delimiter: str, cut: bool = False) -> None:
        self._lines = lines
        self._cut = cut  # the text is a sample that may end within a row
        self._delimiter = delimiter
        self._reader = csv.reader(lines, delimiter=delimiter, strict=True)
        self._last = 0  # number of the last line of the last row
        self.misquoted: set[int] = set()  # lines with text behind a closing quote, of the last rows

    def take(self, count: int) -> tuple[list[Row], list[int]]:
        """Return the next `count` rows, and the number of the last line of each."""
        rows: list[Row] = []
        lines: list[int] = []
        reader, more = self._reader, True
        self.misquoted.clear()
        while more:
            try:
                for row in islice(reader, count - len(rows)):
                    rows.append(row)
                    lines.append(reader.line_num)
                more = False
            except csv.Error as error:  # the reader goes on with the next line
                if self._cut and UNEXPECTED_END in str(error):
                    break
                rows.append(self._misquoted_row(lines[-1] if lines else self._last, error))
                lines.append(reader.line_num)
        self._last = lines[-1] if lines else self._last
        return rows, lines

    def is_text(self, row: int, value: str) -> bool:  # noqa: ARG002  # as JsonRows
        """True: a CSV has nothing else."""
        return True

    def _misquoted_row(self, before: int, error: csv.Error) -> Row:
        first, last = before + 1, self._reader.line_num
        if first == last and UNEXPECTED_END not in str(error):
            self.misquoted.add(last)
            return next(csv.reader([self._lines.text(last)], delimiter=self._delimiter))
        within = f" within {last - before:,} lines" if last > first else ""
        raise BadLine(
            self._lines.start(first), f" has a quote that opens a cell and does not close{within}.", DOUBLE_QUOTES
        )


def whole_row(text: str, delimiter: str) -> Row | None:
    """Return the row of a line; None if it is not one whole row, or needs repair."""
    try:
        rows = list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None
