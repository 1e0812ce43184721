"""A page of rows as a content stream, written directly: 0.3 ms where a canvas takes 5 (see docs/benchmarks.md)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from operator import sub

from ...pdf.objects import number
from ...pdf.page import Page, printable
from .layout import LEADING, PADDING, TITLE, Layout, Place, Sheet

GREY = b"0.75 G"
STRIPE = b"0.955 g"
HEAD = b"0.88 g"
ASCENT = 1.18  # from the top of a row to its first baseline, in font sizes
SHAPES = 10_000
_DIGITS = str.maketrans("123456789", "000000000")


class TablePen:
    """Draws pages of one layout. Knows the number shapes it has met: there are few."""

    def __init__(self, layout: Layout, stripes: bool) -> None:
        self._layout = layout
        self._stripes = stripes
        self._known: dict[float, dict[str, float]] = defaultdict(dict)  # column -> shape -> where it begins
        self._rulings: dict[tuple[bool, int], bytes] = {}
        self._begin = b"/F1 %s Tf %s TL" % (number(layout.size), number(layout.row_height()))
        self._titles = [
            layout.face.fit(printable(place.title), layout.size, place.width - 2 * PADDING)
            for place in layout.places
        ]

    def draw(self, page: Page, first: bool, title: str, sheet: Sheet) -> None:
        """The column titles, the rows, and the lines between them."""
        top = self._layout.top(0 if first else 1)
        if first and self._layout.titled:
            self._write_title(page, top, title)
        if sheet.columns is not None:
            if (first, sheet.count) not in self._rulings:
                self._rulings[first, sheet.count] = self._ruling(self._edges(top, sheet.lines))
            page.write(self._rulings[first, sheet.count], ())
            columns = [[title, *texts] for title, texts in zip(self._titles, sheet.columns, strict=True)]
            for place, texts in zip(self._layout.places, columns, strict=True):
                page.write(self._whole_column(place, texts, top), texts)
            return
        edges = self._edges(top, sheet.lines)
        page.write(self._ruling(edges), ())
        for edge, row in zip(edges, [[[title] for title in self._titles], *sheet.cells], strict=False):
            for place, lines in zip(self._layout.places, row, strict=True):
                page.write(self._cell(place, lines, edge), lines)

    def _write_title(self, page: Page, top: float, title: str) -> None:
        layout, size = self._layout, self._layout.size * TITLE
        fitted = layout.face.fit(printable(title), size, layout.right - layout.margin)
        page.text(layout.margin, top + size * 0.6, size, fitted)

    def _edges(self, top: float, lines: Sequence[int]) -> list[float]:
        heights = [self._layout.row_height(), *map(self._layout.row_height, lines)]
        return [top, *(top - height for height in accumulate(heights))]

    def _whole_column(self, place: Place, texts: Sequence[str], top: float) -> bytes:
        """All cells of a column, one line each; ' goes to the next line and shows (ISO 32000-1, 9.4.3)."""
        layout = self._layout
        y = top - layout.size * ASCENT + layout.row_height()
        spelled = layout.face.spell_all(texts)
        if spelled is None:
            return self._line_by_line(place, texts, y)
        if place.align == "left":
            x = place.x + PADDING
            return b"BT %s %.2f %.2f Td(%s)' ET" % (self._begin, x, y, b")'(".join(spelled))
        xs = self._starts(place, texts)
        steps = map(sub, xs, [0.0, *xs])
        body = b"".join([b" %.2f 0 Td(%s)'" % pair for pair in zip(steps, spelled, strict=True)])
        return b"BT %s 0 %.2f Td%s ET" % (self._begin, y, body)

    def _line_by_line(self, place: Place, texts: Sequence[str], y: float) -> bytes:
        """A column with text that is not plain, see Face."""
        layout = self._layout
        xs = self._starts(place, texts)
        steps = map(sub, xs, [0.0, *xs])
        body = b"".join(
            [
                b" %.2f 0 Td T* %s" % (step, layout.face.show(text, layout.size))
                for step, text in zip(steps, texts, strict=True)
            ]
        )
        return b"BT %s 0 %.2f Td%s ET" % (self._begin, y, body)

    def _cell(self, place: Place, lines: Sequence[str], edge: float) -> bytes:
        """The lines of one cell."""
        layout = self._layout
        y = edge - layout.size * ASCENT
        parts = []
        for i, (x, text) in enumerate(zip(self._starts(place, lines), lines, strict=True)):
            shown = layout.face.show(text, layout.size)
            parts.append(b"BT %s %.2f %.2f Td%s ET" % (self._begin, x, y - i * layout.size * LEADING, shown))
        return b"\n".join(parts)

    def _starts(self, place: Place, texts: Sequence[str]) -> list[float]:
        """Where texts begin so that they are aligned in their column, to a hundredth of a point."""
        layout = self._layout
        if place.align == "left":
            return [place.x + PADDING] * len(texts)
        # Where all digits are as wide, one number of a shape is measured for all.
        joined = "\n".join(texts)
        shapes = (joined.translate(_DIGITS) if layout.face.even_digits else joined).split("\n")
        known = self._known[place.x]
        if len(known) > SHAPES:
            known.clear()
        for shape in set(shapes) - known.keys():
            free = place.width - 2 * PADDING - layout.face.width(shape, layout.size)
            known[shape] = round(place.x + PADDING + free * (1.0 if place.align == "right" else 0.5), 2)
        return [known[shape] for shape in shapes]

    def _ruling(self, edges: Sequence[float]) -> bytes:
        """Stripes, then one path for all lines."""
        layout = self._layout
        left, right = layout.places[0].x, layout.right
        parts = [b"q %s" % HEAD, _bar(left, right, edges[0], edges[1])]
        if self._stripes:
            parts.append(STRIPE)
            parts += [_bar(left, right, edges[i], edges[i + 1]) for i in range(2, len(edges) - 1, 2)]
        parts.append(b"0.4 w %s" % GREY)
        parts += [b"%.2f %.2f m %.2f %.2f l" % (left, y, right, y) for y in edges]
        xs = [*(place.x for place in layout.places), right]
        parts += [b"%.2f %.2f m %.2f %.2f l" % (x, edges[0], x, edges[-1]) for x in xs]
        return b"\n".join([*parts, b"S Q"])


def _bar(left: float, right: float, top: float, bottom: float) -> bytes:
    return b"%.2f %.2f %.2f %.2f re f" % (left, bottom, right - left, top - bottom)
