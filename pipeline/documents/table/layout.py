"""Where everything stands on a page of a table; pure. Points, from the bottom left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from unicodedata import is_normalized

from ...pdf.fonts import FontChain
from ...pdf.page import printable
from .cells import Cells
from .columns import PlacedColumn
from .fits import SLACK, fitting
from .groups import Kind
from .rows import Row

LEADING = 1.3  # line to line, in font sizes
ROW_PADDING = 0.45  # above and below the text of a row together, in font sizes
FOOTER = 2.4  # height of the line for the page number, in font sizes
# Heights of the lines between rows, in rows; headings by their level.
HEIGHTS = {"brought": 1.0, "carried": 1.0, "subtotal": 1.1, "total": 1.35}
HEADINGS = (1.9, 1.5)


@dataclass(frozen=True)
class Layout:
    """A page: where rows may stand, and how high they are.

    `cells` are what the columns show instead of what came, by place; `summed` the places that have sums.
    `head` is the height of the title block on the first page, `between` the most that lines between rows
    may take on a page of one row; both in points.
    """

    places: tuple[PlacedColumn, ...]
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
        return self.size * (lines * LEADING + ROW_PADDING)

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
        return self.margin + (self.size * FOOTER if self.numbered else 0)

    def room(self, page: int) -> float:
        """Points of height for rows, below the column titles."""
        return self.top(page) - self.row_height() - self.bottom()

    @cached_property
    def safe(self) -> tuple[int, ...]:
        """So many ASCII characters fit each column, whichever they are."""
        widest = max(self.advances.values())
        return tuple(int(place.inside / widest - SLACK) for place in self.places)

    @cached_property
    def max_lines(self) -> int:
        """A row is never higher than the first page; a longer cell is cut with an ellipsis."""
        return max(1, int(((self.room(0) - self.between) / self.size - ROW_PADDING) / LEADING))

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
        return self.face.wrap(text, self.size, width, self.max_lines)


def units(points: float) -> int:
    """Thousandths of a point: sums of them do not depend on the order."""
    return round(points * 1000)


def size_that_fits(face: FontChain, text: str, size: float, width: float) -> float:
    """The size at which a text fits: a sum is written smaller rather than cut."""
    return min(size, size * width / max(face.width(text, size), 0.001))
