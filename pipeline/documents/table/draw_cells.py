"""Draws the cells of a page row after row: those of pages on which some have several lines or smaller print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, repeat

from ...pdf.objects import number
from .broken_cells import BrokenColumn
from .columns import SHARES, PlacedColumn
from .layout import LEADING, Layout
from .row_texts import RowTexts

Starts = Callable[[PlacedColumn, Sequence[str]], Sequence[float]]
"""Return where texts of the table's font size begin."""
MAX_HEADS = 10_000


class CellPen:
    """Draws cells, each line as a text object of its own, so that readers copy row after row.

    All lines of a page are spelled in one call.
    """

    def __init__(self, layout: Layout, begin: bytes, starts: Starts) -> None:
        self._layout = layout
        self._starts = starts
        self._heads = Heads(layout.size, begin)

    def draw(self, texts: RowTexts, edges: Sequence[float]) -> tuple[bytes, list[str]]:
        """Return the operators of all cells, and the texts of their lines.

        `edges` are the upper ones of the rows.
        """
        columns = list(map(_lines, texts.columns, texts.broken))
        lines = list(chain.from_iterable(columns))
        spelled = iter(self._layout.face.spell_all(lines))
        levels = list(self._levels(texts.lines, edges))
        firsts = [level[0] for level in levels]
        shown: list[Sequence[bytes]] = []
        for place, column, broken in zip(self._layout.places, columns, texts.broken, strict=True):
            glyphs = islice(spelled, len(column))
            if broken:
                shown.append(list(self._broken_column(place, column, broken, levels, glyphs)))
            else:
                shown.append(self._column(place, column, [], firsts, glyphs))
        return b"\n".join(chain.from_iterable(zip(*shown, strict=True))), lines

    def _broken_column(
        self,
        place: PlacedColumn,
        lines: Sequence[str],
        broken: BrokenColumn,
        levels: Sequence[Sequence[bytes]],
        spelled: Iterable[bytes | None],
    ) -> Iterator[bytes]:
        """Yield the operators of each cell of a column in which some have several lines."""
        usual, counts = self._layout.size, [len(cell.lines) if cell else 1 for cell in broken]
        each = [cell.size if cell else usual for cell in broken]
        sizes = list(chain.from_iterable(map(repeat, each, counts))) if set(each) != {usual} else []
        ys = list(chain.from_iterable(map(islice, levels, counts)))
        shown = iter(self._column(place, lines, sizes, ys, spelled))
        return (b"\n".join(islice(shown, count)) for count in counts)

    def _column(
        self,
        place: PlacedColumn,
        lines: Sequence[str],
        sizes: Sequence[float],
        ys: Sequence[bytes],
        spelled: Iterable[bytes | None],
    ) -> list[bytes]:
        """Return the operators of each line of a column. Without `sizes`, all have the table's."""
        heads, all_sizes = self._column_heads(place, lines, sizes), sizes or repeat(self._layout.size)
        return [
            b"%b%b Td(%b)Tj ET" % (head, y, glyphs) if glyphs is not None else self._other(head, y, line, size)
            for head, y, glyphs, line, size in zip(heads, ys, spelled, lines, all_sizes, strict=False)
        ]

    def _other(self, head: bytes, y: bytes, line: str, size: float) -> bytes:
        return b"%b%b Td%b ET" % (head, y, self._layout.face.show_others(line, size))

    def _column_heads(self, place: PlacedColumn, lines: Sequence[str], sizes: Sequence[float]) -> Iterable[bytes]:
        """The operators before the height of each line of a column."""
        heads, usual = self._heads, self._layout.size
        if place.align == "left":
            return [heads[size, place.left] for size in sizes] if sizes else repeat(heads[usual, place.left])
        xs = self._aligned(place, lines, sizes) if sizes else self._starts(place, lines)
        return map(heads.__getitem__, zip(sizes or repeat(usual), xs, strict=False))

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


def _lines(column: Sequence[str], broken: BrokenColumn) -> list[str]:
    """Return the lines of all cells of a column."""
    if not broken:
        return list(column)
    each = [cell.lines if cell else [text] for text, cell in zip(column, broken, strict=True)]
    return list(chain.from_iterable(each))
