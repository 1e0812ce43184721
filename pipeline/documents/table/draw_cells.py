"""Draws the cells of a page row after row: those of pages on which some have several lines or smaller print."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, repeat

from ...pdf.objects import number
from .broken_cells import Cell
from .columns import SHARES, PlacedColumn
from .layout import LEADING, Layout
from .pagination import Broken

Starts = Callable[[PlacedColumn, Sequence[str]], Sequence[float]]
"""Returns where texts of the table's font size begin."""


MAX_SIZES = 1000


class CellPen:
    """Draws cells one by one. All lines of a page are spelled in one call."""

    def __init__(self, layout: Layout, begin: bytes, starts: Starts) -> None:
        self._layout = layout
        self._starts = starts
        self._begins = Begins({layout.size: begin})

    def draw(
        self, columns: Sequence[Sequence[str]], broken: Broken, edges: Sequence[float]
    ) -> tuple[bytes, list[str]]:
        """Returns the operators of all cells, and the texts of their lines.

        `edges` are the upper ones of the rows.
        """
        cells: list[dict[int, Cell]] = [{} for _ in columns]
        for row, found in broken.items():
            for i, cell in found.items():
                cells[i][row] = cell
        lines = [
            [text.strip(" ") for text in column] if not some else list(_lines(column, some))
            for column, some in zip(columns, cells, strict=True)
        ]
        tops = [edge - self._layout.ascent for edge in edges]
        spelled = iter(self._layout.face.spell_all(list(chain.from_iterable(lines))))
        shown = []
        for place, some, column in zip(self._layout.places, cells, lines, strict=True):
            operators = self._column(place, column, some, tops, [next(spelled) for _ in column])
            shown.append(list(_by_cell(operators, some, len(tops))) if some else operators)
        return b"\n".join(chain.from_iterable(zip(*shown, strict=True))), list(chain.from_iterable(lines))

    def _column(
        self,
        place: PlacedColumn,
        lines: Sequence[str],
        cells: Mapping[int, Cell],
        tops: Sequence[float],
        spelled: Sequence[bytes | None],
    ) -> list[bytes]:
        """Returns the operators of each line of a column."""
        sizes = list(self._sizes(cells, len(tops))) if cells else [self._layout.size] * len(lines)
        ys = list(self._baselines(tops, cells)) if cells else tops
        begins = [self._begins[size] for size in sizes]
        shown = [
            self._layout.face.show_others(text, size) if glyphs is None else b"(%b)Tj" % glyphs
            for text, glyphs, size in zip(lines, spelled, sizes, strict=True)
        ]
        if place.align == "left":
            x = b" %.2f" % place.left
            return [
                b"BT %b%b %.2f Td%b ET" % (begin, x, y, text)
                for begin, y, text in zip(begins, ys, shown, strict=True)
            ]
        xs = self._aligned(place, lines, sizes)
        return [
            b"BT %b %.2f %.2f Td%b ET" % (begin, x, y, text)
            for begin, x, y, text in zip(begins, xs, ys, shown, strict=True)
        ]

    def _aligned(self, place: PlacedColumn, lines: Sequence[str], sizes: Sequence[float]) -> Iterator[float]:
        """Where lines begin that are not at the left."""
        face, usual = self._layout.face, self._layout.size
        share = SHARES[place.align]
        for line, size, start in zip(lines, sizes, self._starts(place, lines), strict=True):
            free = place.inside - face.width(line, size) if size != usual else 0
            yield start if size == usual else place.left + free * share

    def _sizes(self, cells: Mapping[int, Cell], rows: int) -> Iterator[float]:
        for row in range(rows):
            cell = cells.get(row)
            if cell is None:
                yield self._layout.size
            else:
                yield from repeat(cell.size, len(cell.lines))

    def _baselines(self, tops: Sequence[float], cells: Mapping[int, Cell]) -> Iterator[float]:
        """How high the lines of a column stand."""
        leading = self._layout.size * LEADING
        for row, y in enumerate(tops):
            if row in cells:
                yield from [y - i * leading for i in range(len(cells[row].lines))]
            else:
                yield y


class Begins(dict[float, bytes]):
    """The operators that set the font in a size; there are few sizes on a page."""

    def __missing__(self, size: float) -> bytes:
        begin = b"/F1 %s Tf" % number(size)
        if len(self) < MAX_SIZES:
            self[size] = begin
        return begin


def _lines(column: Sequence[str], cells: Mapping[int, Cell]) -> Iterator[str]:
    for row, text in enumerate(column):
        if row in cells:
            yield from cells[row].lines
        else:
            yield text.strip(" ")


def _by_cell(operators: Sequence[bytes], cells: Mapping[int, Cell], rows: int) -> Iterator[bytes]:
    at = 0
    for row in range(rows):
        count = len(cells[row].lines) if row in cells else 1
        yield b"\n".join(operators[at : at + count])
        at += count
