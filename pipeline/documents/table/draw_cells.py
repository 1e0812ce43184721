"""Draws the cells of a page row after row: those of pages on which some have several lines or smaller print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from typing import TypeVar

from ...pdf.objects import number
from .broken_cells import BrokenColumn
from .columns import SHARES, PlacedColumn
from .layout import LEADING, Layout
from .row_texts import RowTexts

T = TypeVar("T")
CellLines = Sequence[Sequence[str]]
"""The lines of each cell of a column."""
Starts = Callable[[PlacedColumn, Sequence[str]], Sequence[float]]
"""Returns where texts of the table's font size begin."""
MAX_HEADS = 10_000
FIELDS = 5  # of the operators of a line


class CellPen:
    """Draws cells, each line as a text object of its own, so that readers copy row after row.

    All lines of a page are spelled in one call, and their operators joined in another.
    """

    def __init__(self, layout: Layout, begin: bytes, starts: Starts) -> None:
        self._layout = layout
        self._starts = starts
        self._heads = Heads(layout.size, begin)

    def draw(self, texts: RowTexts, edges: Sequence[float]) -> tuple[bytes, list[str]]:
        """Returns the operators of all cells, and the texts of their lines.

        `edges` are the upper ones of the rows.
        """
        cells = list(map(_lines, texts.columns, texts.broken))
        heads = map(self._column_heads, self._layout.places, cells, texts.broken)
        levels = list(self._levels(texts.lines, edges))
        firsts = [level[:1] for level in levels]
        ys = [
            [level[: len(some)] for level, some in zip(levels, column, strict=True)] if broken else firsts
            for column, broken in zip(cells, texts.broken, strict=True)
        ]
        lines = _row_after_row(cells)
        spelled = self._layout.face.spell_all(lines)
        if None in spelled:
            sizes = _row_after_row(map(self._sizes, cells, texts.broken))
            spelled, before, behind = list(map(self._shown, lines, spelled, sizes)), b" Td", b" ET\n"
        else:
            before, behind = b" Td(", b")Tj ET\n"
        return _joined(_row_after_row(heads), _row_after_row(ys), before, spelled, behind), lines

    def _shown(self, text: str, glyphs: bytes | None, size: float) -> bytes:
        return self._layout.face.show_others(text, size) if glyphs is None else b"(%b)Tj" % glyphs

    def _sizes(self, cells: CellLines, broken: BrokenColumn) -> Iterable[Sequence[float]]:
        """Returns the font size of each line of each cell of a column."""
        usual = self._layout.size
        if not broken:
            return repeat([usual], len(cells))
        return [[cell.size if cell else usual] * len(lines) for cell, lines in zip(broken, cells, strict=True)]

    def _column_heads(
        self, place: PlacedColumn, cells: CellLines, broken: BrokenColumn
    ) -> Iterable[Sequence[bytes]]:
        """Returns the operators before the height of each line of each cell of a column."""
        heads, usual = self._heads, self._layout.size
        if place.align == "left":
            head = heads[usual, place.left]
            if not broken:
                return repeat([head], len(cells))
            each = [heads[cell.size, place.left] if cell else head for cell in broken]
            return [[one] * len(lines) for one, lines in zip(each, cells, strict=True)]
        lines = list(chain.from_iterable(cells))
        if not broken:
            return zip(map(heads.__getitem__, zip(repeat(usual), self._starts(place, lines), strict=False)))
        sizes = list(chain.from_iterable(self._sizes(cells, broken)))
        found = map(heads.__getitem__, zip(sizes, self._aligned(place, lines, sizes), strict=True))
        return [list(islice(found, len(some))) for some in cells]

    def _aligned(self, place: PlacedColumn, lines: Sequence[str], sizes: Sequence[float]) -> Iterator[float]:
        """Where lines begin that are not at the left."""
        face, usual = self._layout.face, self._layout.size
        share = SHARES[place.align]
        for line, size, start in zip(lines, sizes, self._starts(place, lines), strict=True):
            free = place.inside - face.width(line, size) if size != usual else 0
            yield start if size == usual else place.left + free * share

    def _levels(self, lines: Sequence[int], edges: Sequence[float]) -> Iterator[list[bytes]]:
        """How high the lines of each row stand."""
        ascent, leading = self._layout.ascent, self._layout.size * LEADING
        tops = [edge - ascent for edge in edges]
        ys = [y - i * leading for y, count in zip(tops, lines, strict=True) for i in range(count)]
        written = iter((b"%.2f " * len(ys) % tuple(ys)).split())
        return (list(islice(written, count)) for count in lines)


class Heads(dict[tuple[float, float], bytes]):
    """The operators that begin a text object, by its font size and its place from the left; few differ."""

    def __init__(self, usual: float, begin: bytes) -> None:
        super().__init__()
        self._usual = usual
        self._begin = begin

    def __missing__(self, key: tuple[float, float]) -> bytes:
        if len(self) > MAX_HEADS:
            self.clear()
        size, x = key
        begin = self._begin if size == self._usual else b"/F1 %s Tf" % number(size)
        self[key] = head = b"BT %b %.2f " % (begin, x)
        return head


def _lines(column: Sequence[str], broken: BrokenColumn) -> CellLines:
    """Returns the lines of each cell of a column."""
    texts = list(zip([text.strip(" ") for text in column]))
    return [cell.lines if cell else text for cell, text in zip(broken, texts, strict=True)] if broken else texts


def _row_after_row(columns: Iterable[Iterable[Sequence[T]]]) -> list[T]:
    """Returns what the lines of all cells have, given by column and cell."""
    return list(chain.from_iterable(chain.from_iterable(zip(*columns, strict=True))))


def _joined(
    heads: list[bytes], ys: list[bytes], before: bytes, shown: Sequence[bytes | None], behind: bytes
) -> bytes:
    count = len(heads)
    parts: list[bytes] = [b""] * (FIELDS * count)
    for i, field in enumerate((heads, ys, [before] * count, shown, [behind] * count)):
        parts[i::FIELDS] = field  # type: ignore[assignment]  # none of `shown` is None
    return b"".join(parts)[:-1]
