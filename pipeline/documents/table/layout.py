"""Where everything stands on a page of a table; pure. Points, from the bottom left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Literal
from unicodedata import is_normalized

from ...errors import InvalidRequest
from ...pdf.fonts import Face
from ...pdf.page import printable
from .reading import Row, RowReader

PADDING = 2.2  # left and right of a cell
LEADING = 1.3  # line to line, in font sizes
AIR = 0.45  # above and below the text of a row together, in font sizes
TITLE = 1.8  # size of the document's title, in font sizes
FOOT = 2.4  # height of the line for the page number, in font sizes
NARROWEST = 3.0  # of a column, in font sizes
NUMBER = re.compile(r"[-+(]?[$€£]?\s?\d[\d.,' ]*\s?[%)]?")
Align = Literal["left", "right", "center"]


@dataclass(frozen=True)
class Place:
    """A column as it is drawn: where it stands in an input row, and on the page."""

    source: int
    title: str
    x: float
    width: float
    align: Align


@dataclass(frozen=True)
class Wish:
    """A column as it was asked for; `width` in points, None to be measured."""

    source: int
    title: str
    width: float | None
    align: Align | Literal["auto"]


@dataclass(frozen=True)
class Sheet:
    """The rows of a page, and the byte behind them.

    Most pages have rows of one line each and are kept as `columns` of texts; any other as `cells`: for each
    row the lines of each cell.
    """

    count: int
    behind: int
    columns: Sequence[Sequence[str]] | None
    cells: Sequence[Sequence[Sequence[str]]]

    @property
    def lines(self) -> list[int]:
        """How many lines each row has."""
        return [max(map(len, row)) for row in self.cells] if self.columns is None else [1] * self.count


@dataclass(frozen=True)
class Layout:
    """A page: where rows may stand, and how high they are."""

    places: tuple[Place, ...]
    width: float
    height: float
    margin: float
    size: float
    titled: bool
    numbered: bool
    face: Face

    @property
    def right(self) -> float:
        """The right edge of the last column."""
        return self.places[-1].x + self.places[-1].width

    def row_height(self, lines: int = 1) -> float:
        """Height of a row with so many lines of text."""
        return self.size * (lines * LEADING + AIR)

    def top(self, page: int) -> float:
        """Where the column titles begin: lower on the first page, which bears the document's title."""
        head = self.size * TITLE * 1.6 if self.titled and page == 0 else 0
        return self.height - self.margin - head

    def bottom(self) -> float:
        """Where rows must end."""
        return self.margin + (self.size * FOOT if self.numbered else 0)

    def room(self, page: int) -> float:
        """Points of height for rows, below the column titles."""
        return self.top(page) - self.row_height() - self.bottom()

    @cached_property
    def safe(self) -> tuple[int, ...]:
        """So many ASCII characters fit each column, whichever they are."""
        widest = max(self._advances.values())
        return tuple(int((place.width - 2 * PADDING) / widest) for place in self.places)

    @cached_property
    def most_lines(self) -> int:
        """A row is never higher than the first page; a longer cell is cut with an ellipsis."""
        return max(1, int((self.room(0) / self.size - AIR) / LEADING))

    def rows_on(self, page: int) -> int:
        """How many rows of one line a page holds."""
        return max(1, _units(self.room(page)) // _units(self.row_height()))

    def columns(self, rows: Sequence[Row]) -> Sequence[Sequence[str]] | None:
        """The columns to be drawn of rows that surely have one line each; None when one may have more."""
        turned = list(zip(*rows, strict=True))
        columns = [turned[place.source] for place in self.places]
        fit = all(
            self._fits(column, place, safe)
            for column, place, safe in zip(columns, self.places, self.safe, strict=True)
        )
        return columns if fit else None

    def _fits(self, column: Sequence[str], place: Place, safe: int) -> bool:
        joined, room = "".join(column), place.width - 2 * PADDING
        if not joined.isprintable():
            return False
        if joined.isascii():
            longest = max(map(len, column))
            if longest <= safe:
                return True
            if longest * max(map(self._advances.__getitem__, set(joined))) <= room:  # of what is really there
                return True
        elif not is_normalized("NFC", joined):
            return False
        return all(
            (len(text) <= safe and text.isascii()) or self.face.width(text, self.size) <= room for text in column
        )

    @cached_property
    def _advances(self) -> dict[str, float]:
        """The width of each ASCII character."""
        return {chr(code): self.face.width(chr(code), self.size) for code in range(32, 127)}

    def cells(self, row: Row) -> list[list[str]]:
        """The lines of each cell of a row."""
        return [self._broken(printable(row[place.source]), place.width - 2 * PADDING) for place in self.places]

    def _broken(self, text: str, width: float) -> list[str]:
        if self.face.width(text, self.size) <= width:
            return [text]
        return self.face.wrap(text, self.size, width, self.most_lines)


def sheets(reader: RowReader, layout: Layout, first: int) -> Iterator[Sheet]:
    """Put rows on pages, from page `first` on. What a page holds depends only on the row it begins with
    and those behind, so planning and drawing agree."""
    waiting: list[tuple[Row, int]] = []
    for number in count(first):
        most = layout.rows_on(number)
        waiting += reader.take(most - len(waiting))
        if not waiting:
            return
        sheet = _sheet(waiting, layout, number)
        yield sheet
        del waiting[: sheet.count]


def _sheet(waiting: Sequence[tuple[Row, int]], layout: Layout, number: int) -> Sheet:
    """The first page of the rows that wait."""
    rows = [row for row, _ in waiting]
    if columns := layout.columns(rows):
        return Sheet(len(rows), waiting[-1][1], columns, ())
    left = _units(layout.room(number))
    cells: list[list[list[str]]] = []
    for row in rows:
        laid = layout.cells(row)
        left -= _units(layout.row_height(max(map(len, laid))))
        if left < 0 and cells:
            break
        cells.append(laid)
    whole = len(cells)
    return Sheet(whole, waiting[whole - 1][1], layout.columns(rows[:whole]), cells)


def _units(points: float) -> int:
    """Thousandths of a point: sums of them do not depend on the order."""
    return round(points * 1000)


def placed(
    wishes: Sequence[Wish], sample: Sequence[Row], width: float, x: float, size: float, face: Face
) -> tuple[Place, ...]:
    """Columns that fill a width: as wide as their sample needs, the widest narrowed until all fit."""
    if len(wishes) * NARROWEST * size > width:
        most = int(width / (NARROWEST * size))
        raise InvalidRequest(
            f"{len(wishes)} columns do not fit this page; {most} would.",
            field="columns",
            advice="Choose columns, turn the paper, or take a smaller font.",
        )
    needed = [wish.width or _needed(wish, sample, size, face) for wish in wishes]
    widths = _shared(needed, width, NARROWEST * size)
    found = []
    for wish, wide in zip(wishes, widths, strict=True):
        align = wish.align if wish.align != "auto" else _align(wish, sample)
        found.append(Place(wish.source, wish.title, round(x, 2), round(wide, 2), align))
        x += wide
    return tuple(found)


def _needed(wish: Wish, sample: Sequence[Row], size: float, face: Face) -> float:
    texts = [wish.title, *(printable(row[wish.source]) for row in sample)]
    return max(face.width(text, size) for text in texts) + 2 * PADDING + 0.5


def _shared(needed: list[float], width: float, least: float) -> list[float]:
    """Widths that sum up to `width`: none above a common limit when space is short, all grown when not."""
    wanted = [max(least, value) for value in needed]
    if sum(wanted) > width:
        low, high = least, max(wanted)
        for _ in range(50):
            limit = (low + high) / 2
            low, high = (low, limit) if sum(min(limit, value) for value in wanted) > width else (limit, high)
        wanted = [min(low, value) for value in wanted]
    return [value * width / sum(wanted) for value in wanted]


def _align(wish: Wish, sample: Sequence[Row]) -> Align:
    """Numbers stand at the right."""
    texts = [row[wish.source].strip() for row in sample if row[wish.source].strip()]
    return "right" if texts and all(NUMBER.fullmatch(text) for text in texts) else "left"
