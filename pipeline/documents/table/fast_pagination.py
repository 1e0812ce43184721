"""Where the pages of a plain table begin, found out without reading its cells.

Most rows of most tables are ASCII, and short enough for their columns whatever characters they are made of.
One regular expression runs over those, many times faster than they are read; any other row is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from math import inf
from typing import cast

from ...errors import InvalidRequest
from .fits import CellTexts, fitting, run
from .layout import Layout
from .pagination import PageRows, PlainPaginator, paginate
from .rows import CsvRows, InputFormat, RowReader, SurplusFields

LOOKAHEAD = 64 * 1024  # bytes in which the rows of a page are looked for
SLICE_BYTES = 8 * 1024  # bytes that are decoded at once when pages are read after all
FIRST_STRETCH = 16  # pages that are read when one has to be; twice as many when the next has to be, too
MAX_ODD_ROWS = 3  # rows of a page that may have to be read
QUOTE = '"'


class FastPagination:
    """The pages of a CSV whose rows stand one below the other as they came, without lines between them.

    Of a page that was not read, the page_rows says only how many rows it has and where it ends.
    """

    def __init__(
        self, blocks: Iterable[bytes], format: InputFormat, texts: CellTexts, surplus: SurplusFields
    ) -> None:
        self._blocks = iter(blocks)
        self._format = format
        self._texts = texts
        self._layout = layout = texts.layout
        self._surplus = surplus
        self._data = b""
        self._start = self._at = format.begin  # the byte of the input at which the data begins; the next page
        self._plain = re.compile(b"(?:%s){0,%d}+" % (plain_row(format, layout), layout.rows_on(1)))

    def __iter__(self) -> Iterator[PageRows]:
        pages, more, rows, stretch = 0, True, 0, FIRST_STRETCH
        while more:
            more, found = False, self._fast_page(pages)
            for page_rows in found or self._read(pages, rows, stretch):
                yield page_rows
                pages, more, rows, self._at = pages + 1, True, rows + page_rows.count, page_rows.behind
            stretch = FIRST_STRETCH if found else 2 * stretch

    def _grow(self) -> bool:
        """Have more of the input in the data, and nothing before the next page."""
        block = next(self._blocks, b"")
        self._data, self._start = self._data[self._at - self._start :] + block, self._at
        return bool(block)

    def _fast_page(self, page: int) -> list[PageRows]:
        """The next page, if all its rows are there and need one line each."""
        while self._start + len(self._data) - self._at < LOOKAHEAD and self._grow():
            pass
        most = self._layout.rows_on(page)
        stop = self._behind(self._at - self._start, most)
        return [PageRows(most, self._start + stop, (), [], [])] if stop else []

    def _behind(self, at: int, rows: int) -> int | None:
        """Where in the data so many rows of one line end; None when one may need more, or is not there."""
        for _ in range(MAX_ODD_ROWS + 1):
            stop = cast(re.Match[bytes], self._plain.match(self._data, at)).end()  # it matches nothing, at least
            lines = self._data.count(b"\n", at, stop)
            if lines >= rows:
                return stop if lines == rows else _after(self._data, at, rows)
            at, rows = self._data.find(b"\n", stop) + 1, rows - lines - 1
            if not at or not self._has_one_line(self._data[stop:at]):
                return None
            if not rows:
                return at
        return None

    def _has_one_line(self, line: bytes) -> bool:
        """Whether this is a whole row, and surely drawn in one line."""
        try:
            rows, lines = CsvRows([line.decode(self._format.encoding), ""], self._format.delimiter).take(1)
        except (UnicodeDecodeError, InvalidRequest):
            return False  # it is read again, and said where
        if lines != [1] or len(rows[0]) != len(self._format.fields):
            return False
        return self._texts.one_line_columns(rows) is not None

    def _read(self, page: int, rows: int, stretch: int) -> Iterator[PageRows]:
        """The next pages, before which so many rows were given; none at the end."""
        reader = RowReader(self._slices(), self._at, self._format, self._surplus, rows)
        return islice(paginate(reader, self._layout, PlainPaginator(self._texts), page, (), ()), stretch)

    def _slices(self) -> Iterator[bytes]:
        """The input from the next page on; asked for more, while `_at` goes from page to page."""
        at = self._at
        while at < self._start + len(self._data) or self._grow():
            piece = self._data[at - self._start : at - self._start + SLICE_BYTES]
            yield piece
            at += len(piece)


def can_paginate_fast(format: InputFormat) -> bool:
    """Whether rows can be told by their bytes: not where what stands before decides what a byte means."""
    told = format.delimiter.isascii() and format.delimiter not in '"\r\n'
    return format.kind == "csv" and told and not format.encoding.startswith("iso2022")


def plain_row(format: InputFormat, layout: Layout) -> bytes:
    """A regular expression for rows of which every cell surely has one line, in quotes or not."""
    room = [inf] * len(format.fields)
    for place in layout.places:
        room[place.source] = min(room[place.source], place.inside)
    advances, delimiter = layout.advances, format.delimiter
    least = 1 if len(room) == 1 else 0  # a blank line is no row
    end = rf"(?={re.escape(delimiter)}|\r?\n)"
    cells = []
    for points, alike in groupby(room):
        cell = (
            f'(?:"{run(points, advances, advances.keys() - {QUOTE}, 0)}"|'
            f"{fitting(points, advances, advances.keys() - {QUOTE, delimiter}, least, end)})"
        )
        more = len(list(alike)) - 1  # neighbours are written once: thousands may be left out of the pages
        cells.append(cell + (f"(?:{re.escape(delimiter)}{cell}){{{more}}}+" if more else ""))
    return (re.escape(delimiter).join(cells) + r"\r?\n").encode()


def _after(data: bytes, at: int, lines: int) -> int:
    for _ in range(lines):
        at = data.index(b"\n", at) + 1
    return at
