"""Rows of a CSV, with line breaks in quotes."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from ...settings import MIB
from ..inputs import MAX_LINE
from .lines import BadLine, LineReader

Row = list[str]
MISQUOTED = "Text follows a closing quote; it is joined to its cell"
BACKSLASHED = 'Quotes have a backslash before them (\\"), not a second quote; they are read as quotes'
UNSPACED = "Spaces stand before a quote that opens a cell; they are left out"
SPACED = "Cells begin with a space and a quote, in rows of several lines; both are read as text"
DOUBLE_QUOTES = 'Write a quote that belongs to the text twice, not with a backslash: "12"" pipe". Or remove it.'
SPACES_BEFORE = "Leave out spaces before it. "
UNEXPECTED_END = "unexpected end of data"  # what Python's csv says of a quote that does not close
TOO_LARGE = "field larger than field limit"
SPACES_AND_QUOTE = re.compile(' +"')
BACKSLASH_AND_QUOTE = re.compile(r'(?<!\\)((?:\\\\)*)\\"')
END_OF_FILE = ["\x1a"]  # a last line of programs of DOS: it is no row
csv.field_size_limit(MAX_LINE)


def read_leniently(lines: Iterable[str], delimiter: str) -> Iterator[Row]:
    """Return rows with all that is wrong repaired: spaces before quotes left out, text behind them joined."""
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != " ")


class CsvRows:
    """Rows of a CSV. Raises BadLine for a quote that does not close.

    Text behind a closing quote is joined to its cell, and spaces before an opening one are left out, if the row has
    one line. Otherwise the quote that closed may have been meant to open another cell, so this is an error.
    """

    def __init__(self, lines: LineReader, delimiter: str, cut: bool = False) -> None:
        self._lines = lines
        self._cut = cut  # the text is a sample that may end within a row
        self._delimiter = delimiter
        self._reader = csv.reader(lines, delimiter=delimiter, strict=True)
        self._last = 0  # number of the last line of the last row
        self.repaired: dict[int, str] = {}  # what was done to rows, by their last lines, of the last rows

    def take(self, count: int) -> tuple[list[Row], list[int]]:
        """Return the next `count` rows, and the number of the last line of each."""
        rows: list[Row] = []
        lines: list[int] = []
        reader, source, more = self._reader, self._lines, True
        self.repaired.clear()
        while more:
            try:
                for row in islice(reader, count - len(rows)):
                    rows.append(row)
                    if source.spaces_and_quotes and has_spaces_and_quote(row):
                        rows[-1] = self._spaced_row(row, lines[-1] if lines else self._last)
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

    def _misquoted_row(self, before: int, error: csv.Error, advice: str = "") -> Row:
        first, last = before + 1, self._reader.line_num
        if first == last and UNEXPECTED_END not in str(error):
            if (row := self._backslashed_row(self._lines.text(last))) is not None:
                self.repaired[last] = BACKSLASHED
                return row
            self.repaired[last] = MISQUOTED
            return next(read_leniently([self._lines.text(last)], self._delimiter))
        within = f" within {last - before:,} lines" if last > first else ""
        large = f", or a cell of more than {MAX_LINE // MIB} MiB" if TOO_LARGE in str(error) else ""
        words = f" has a quote that opens a cell and does not close{within}{large}."
        raise BadLine(self._lines.start(first), words, advice + DOUBLE_QUOTES)

    def _backslashed_row(self, text: str) -> Row | None:
        """Return the row of a line whose quotes have backslashes, as Spark, MySQL and Go write them; or None."""
        doubled = BACKSLASH_AND_QUOTE.sub(r'\1""', text)
        return whole_row(doubled, self._delimiter) if doubled != text else None

    def _spaced_row(self, row: Row, before: int) -> Row:
        """Return a row without spaces before quotes that open a cell, given as csv reads it: as text."""
        first, last = before + 1, self._reader.line_num
        lines = map(self._lines.text, range(first, last + 1))
        try:
            found = list(csv.reader(lines, delimiter=self._delimiter, strict=True, skipinitialspace=True))
        except csv.Error as error:
            if first == last:
                return self._misquoted_row(before, error, SPACES_BEFORE)
            found = []
        if len(found) == 1 and all(cell in found[0] for cell in row if SPACES_AND_QUOTE.match(cell)):
            return row  # spaces and quote are within quotes
        self.repaired[last] = UNSPACED if first == last else SPACED
        return found[0] if first == last else row


def whole_row(text: str, delimiter: str) -> Row | None:
    """Return the row of a line; None if it is not one whole row, or needs repair."""
    try:
        rows = list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    whole = len(rows) == 1 and rows[0] != END_OF_FILE
    return rows[0] if whole and not has_spaces_and_quote(rows[0]) else None


def has_spaces_and_quote(row: Row) -> bool:
    """Return whether a cell begins with spaces and a quote. In most rows none begins with a space."""
    return "\n " in "\n" + "\n".join(row) and any(map(SPACES_AND_QUOTE.match, row))
