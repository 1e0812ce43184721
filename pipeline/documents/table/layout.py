"""Where everything stands on a page of a table; pure. Points, from the bottom left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from unicodedata import is_normalized

from ...errors import InvalidRequest
from ...pdf.fonts import FontChain
from ...pdf.page import printable
from .cells import Cells
from .groups import Kind
from .reading import Row
from .surely import SLACK, fitting

PADDING = 2.2  # left and right of a cell
LEADING = 1.3  # line to line, in font sizes
AIR = 0.45  # above and below the text of a row together, in font sizes
FOOT = 2.4  # height of the line for the page number, in font sizes
NARROWEST = 3.0  # of a column, in font sizes
NUMBER = re.compile(r"[-+(]?[$€£]?\s?\d[\d.,' ]*\s?[%)]?")
# Heights of the lines between rows, in rows; headings by their level.
HEIGHTS = {"brought": 1.0, "carried": 1.0, "subtotal": 1.1, "total": 1.35}
HEADINGS = (1.9, 1.5)
Align = Literal["left", "right", "center"]


@dataclass(frozen=True)
class Place:
    """A column as it is drawn: where it stands in an input row, and on the page."""

    source: int
    title: str
    x: float
    width: float
    align: Align

    @property
    def inside(self) -> float:
        """Points for text, between the paddings."""
        return self.width - 2 * PADDING


@dataclass(frozen=True)
class Wish:
    """A column as it was asked for; `width` in points, None to be measured. `texts` are a sample of it."""

    source: int
    title: str
    width: float | None
    align: Align | Literal["auto"]
    texts: Sequence[str]


@dataclass(frozen=True)
class Layout:
    """A page: where rows may stand, and how high they are.

    `cells` are what the columns show instead of what came, by place; `summed` the places that have sums.
    `head` is the height of the title block on the first page, `between` the most that lines between rows
    may take on a page of one row; both in points.
    """

    places: tuple[Place, ...]
    cells: tuple[Cells | None, ...]
    summed: tuple[int, ...]
    width: float
    height: float
    margin: float
    size: float
    head: float
    numbered: bool
    face: FontChain
    between: float = 0

    @property
    def right(self) -> float:
        """The right edge of the last column."""
        return self.places[-1].x + self.places[-1].width

    def row_height(self, lines: int = 1) -> float:
        """Height of a row with so many lines of text."""
        return self.size * (lines * LEADING + AIR)

    @cached_property
    def words(self) -> tuple[float, float]:
        """Where the words of a sum stand: the left and right edge of the widest gap between sums."""
        gaps, left = [], self.places[0].x
        for i in self.summed:
            gaps.append((left, self.places[i].x))
            left = self.places[i].x + self.places[i].width
        return max([*gaps, (left, self.right)], key=lambda gap: gap[1] - gap[0])

    def band_height(self, kind: Kind, level: int) -> float:
        """Height of a line between rows."""
        rows = HEADINGS[min(level, len(HEADINGS) - 1)] if kind == "heading" else HEIGHTS[kind]
        return rows * self.row_height()

    def top(self, page: int) -> float:
        """Where the column titles begin: lower on the first page, which bears the document's title."""
        return self.height - self.margin - (self.head if page == 0 else 0)

    def bottom(self) -> float:
        """Where rows must end."""
        return self.margin + (self.size * FOOT if self.numbered else 0)

    def room(self, page: int) -> float:
        """Points of height for rows, below the column titles."""
        return self.top(page) - self.row_height() - self.bottom()

    @cached_property
    def safe(self) -> tuple[int, ...]:
        """So many ASCII characters fit each column, whichever they are."""
        widest = max(self.advances.values())
        return tuple(int(place.inside / widest - SLACK) for place in self.places)

    @cached_property
    def most_lines(self) -> int:
        """A row is never higher than the first page; a longer cell is cut with an ellipsis."""
        return max(1, int(((self.room(0) - self.between) / self.size - AIR) / LEADING))

    def rows_on(self, page: int) -> int:
        """How many rows of one line a page holds."""
        return max(1, units(self.room(page)) // units(self.row_height()))

    def columns(self, rows: Sequence[Row]) -> Sequence[Sequence[str]] | None:
        """The columns to be drawn of rows that surely have one line each; None when one may have more."""
        turned = list(zip(*rows, strict=True))
        columns: list[Sequence[str]] = [turned[place.source] for place in self.places]
        for i in self._formatted:
            columns[i] = self._shown(i, columns[i])
        fit = all(self._fits(column, i) for i, column in enumerate(columns))
        return columns if fit else None

    def _fits(self, column: Sequence[str], i: int) -> bool:
        joined, safe = "".join(column), self.safe[i]
        if not joined.isprintable():
            return False
        if joined.isascii():
            if max(map(len, column)) <= safe or self._sure[i].fullmatch("\n".join(column)):
                return True
        elif not is_normalized("NFC", joined):
            return False
        room = self.places[i].inside
        return all(
            (len(text) <= safe and text.isascii()) or self.face.width(text, self.size) <= room for text in column
        )

    @cached_property
    def _sure(self) -> list[re.Pattern[str]]:
        """For each column, lines that surely fit it."""
        end = r"(?:\n|\Z)"
        found = [fitting(place.inside, self.advances, self.advances.keys(), 0, end) for place in self.places]
        return [re.compile(f"(?:{text})+") for text in found]

    @cached_property
    def advances(self) -> dict[str, float]:
        """The width of each ASCII character."""
        return {chr(code): self.face.width(chr(code), self.size) for code in range(32, 127)}

    def lines(self, row: Row) -> list[list[str]]:
        """The lines of each cell of a row."""
        return [
            self._broken(printable(text), place.inside)
            for text, place in zip(self.texts(row), self.places, strict=True)
        ]

    def texts(self, row: Row) -> list[str]:
        """What each cell of a row shows."""
        texts = [row[place.source] for place in self.places]
        for i in self._formatted:
            (texts[i],) = self._shown(i, [texts[i]])
        return texts

    @cached_property
    def _formatted(self) -> tuple[int, ...]:
        return tuple(i for i, cells in enumerate(self.cells) if cells)

    def _shown(self, i: int, texts: Sequence[str]) -> list[str]:
        cells = self.cells[i]
        return cells.texts(texts) if cells else list(texts)

    def _broken(self, text: str, width: float) -> list[str]:
        if self.face.width(text, self.size) <= width:
            return [text]
        return self.face.wrap(text, self.size, width, self.most_lines)


def units(points: float) -> int:
    """Thousandths of a point: sums of them do not depend on the order."""
    return round(points * 1000)


def placed(wishes: Sequence[Wish], width: float, x: float, size: float, face: FontChain) -> tuple[Place, ...]:
    """Columns that fill a width: as wide as their sample needs, the widest narrowed until all fit."""
    if len(wishes) * NARROWEST * size > width:
        most = int(width / (NARROWEST * size))
        raise InvalidRequest(
            f"{len(wishes)} columns do not fit this page; {most} would.",
            field="columns",
            advice="Choose columns, turn the paper, or take a smaller font.",
        )
    needed = [wish.width or _needed(wish, size, face) for wish in wishes]
    widths = _shared(needed, width, NARROWEST * size)
    found = []
    for wish, wide in zip(wishes, widths, strict=True):
        align = wish.align if wish.align != "auto" else _align(wish.texts)
        found.append(Place(wish.source, wish.title, round(x, 2), round(wide, 2), align))
        x += wide
    return tuple(found)


def _needed(wish: Wish, size: float, face: FontChain) -> float:
    return max(face.width(printable(text), size) for text in (wish.title, *wish.texts)) + 2 * PADDING + 0.5


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


def _align(texts: Sequence[str]) -> Align:
    """Numbers stand at the right."""
    filled = [text.strip() for text in texts if text.strip()]
    return "right" if filled and all(NUMBER.fullmatch(text) for text in filled) else "left"


def shrunk(face: FontChain, text: str, size: float, width: float) -> float:
    """The size at which a text fits: a sum is written smaller rather than cut."""
    return min(size, size * width / max(face.width(text, size), 0.001))
