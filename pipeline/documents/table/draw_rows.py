"""Draws pages of rows as content streams, in a tenth of the time of a canvas (see docs/benchmarks.md)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate, chain, pairwise
from operator import sub

import msgspec

from ...pdf.fonts.usage import FontUsage
from ...pdf.objects import number
from ...pdf.page import Page
from .columns import PlacedColumn
from .draw_bands import BandPen, bar
from .draw_cells import CellPen
from .draw_head import HeadPen
from .layout import Layout
from .logo import Logo
from .pagination import PageRows
from .setup import TableSetup
from .style import HAIRLINE, fill, stroke

SHAPES = 10_000
NOTHING = FontUsage()


class RowRun(msgspec.Struct, frozen=True):
    """Rows without a band between them: the number of the first one and all edges. Row 0 are the titles."""

    first: int
    edges: list[float]

    @property
    def shaded(self) -> Iterator[tuple[float, float]]:
        """Upper and lower edges of every other row."""
        begin = 2 if self.first == 0 else 1
        return zip(self.edges[begin:-1:2], self.edges[begin + 1 :: 2], strict=False)


class PageGeometry(msgspec.Struct, frozen=True):
    """A page without its texts.

    `top` is the upper edge of the first row, `tops` are those of the bands. `drops` has the index of each run's
    first row, and its distance from the run before. `ruling` are operators for stripes and lines.
    """

    top: float
    runs: list[RowRun]
    tops: list[float]
    drops: list[tuple[int, float]]
    ruling: bytes


class TablePen:
    """Draws the pages of one table. Caches the positions of numbers by their shape: there are few shapes."""

    def __init__(self, setup: TableSetup, logo: Logo | None, bookmarks: bool) -> None:
        self._layout = layout = setup.layout
        self._head = HeadPen(setup, logo)
        self._bookmarks = bookmarks  # one for each group
        self._bands = BandPen(layout, setup.grouping)
        self._known: dict[float, dict[str, float]] = defaultdict(dict)  # x of column -> shape -> where it begins
        self._steps = Steps()
        self._geometries: dict[object, PageGeometry] = {}
        self._begin = b"/F1 %s Tf %s TL" % (number(layout.size), number(layout.row_height()))
        self._cells = CellPen(layout, self._begin, self._starts)
        xs = [*(place.x for place in layout.places), layout.right]
        self._line = b"%s w %s" % (number(HAIRLINE), stroke(layout.look.line))
        self._across = b"%.2f %%.2f m %.2f %%.2f l\n" % (xs[0], xs[-1])
        self._down = b"\n".join([b"%.2f %%.2f m %.2f %%.2f l" % (x, x) for x in xs])

    def draw(self, page: Page, first: bool, page_rows: PageRows) -> None:
        """Draw what stands above the rows, the rows, and the bands between them."""
        geometry = self._geometry(first, page_rows)
        page.write_again(geometry.ruling, NOTHING)
        self._head.draw(page, first)
        for band, edge in zip(page_rows.bands, geometry.tops, strict=True):
            self._bands.draw(page, band, edge)
            if self._bookmarks and band.kind == "heading" and not band.continued:
                page.bookmark(band.words, band.level + 1, edge)
        texts = page_rows.texts
        if any(texts.broken):
            edges = [edge for run in geometry.runs for edge in run.edges[:-1]][1:]
            page.write(*self._cells.draw(texts, edges))
        else:
            self._write_columns(page, texts.columns, geometry)

    def _write_columns(self, page: Page, texts: Sequence[Sequence[str]], geometry: PageGeometry) -> None:
        shown = map(partial(self._whole_column, geometry), self._layout.places, texts, self._spelled(texts))
        page.write(b"\n".join(shown), chain.from_iterable(texts))

    def _spelled(self, columns: Sequence[Sequence[str]]) -> Iterator[Sequence[bytes | None]]:
        """Yield the glyphs of each column's texts, None for one that is not plain. All are spelled at once."""
        spelled = self._layout.face.spell_all(list(chain.from_iterable(columns)))
        at = 0
        for column in columns:
            yield spelled[at : at + len(column)]
            at += len(column)

    def _whole_column(
        self,
        geometry: PageGeometry,
        place: PlacedColumn,
        texts: Sequence[str],
        spelled: Sequence[bytes | None],
    ) -> bytes:
        """Return a column of cells with one line each. ' moves to the next line and shows (ISO 32000-1, 9.4.3).

        A drop before the n-th text leaves room for the bands there.
        """
        layout, drops = self._layout, geometry.drops
        y = geometry.top - layout.ascent + layout.row_height()
        plain = [glyphs for glyphs in spelled if glyphs is not None]
        if place.align == "left" and len(plain) == len(spelled):
            x = place.left
            for i, drop in reversed(drops):
                plain[i - 1] += b")' 0 %.2f Td(" % -drop + plain.pop(i)
            return b"BT %s %.2f %.2f Td(%s)' ET" % (self._begin, x, y, b")'(".join(plain))
        xs = self._starts(place, texts)
        steps = map(self._steps.__getitem__, map(sub, xs, [0.0, *xs]))
        if len(plain) == len(spelled):
            parts = [b"%b(%b)'" % pair for pair in zip(steps, plain, strict=True)]
        else:
            parts = [b"%b T* %b" % pair for pair in zip(steps, map(self._shown, texts, spelled), strict=True)]
        for i, drop in drops:
            parts[i] = b" 0 %.2f Td" % -drop + parts[i]
        return b"BT %s 0 %.2f Td%s ET" % (self._begin, y, b"".join(parts))

    def _shown(self, text: str, glyphs: bytes | None) -> bytes:
        face, size = self._layout.face, self._layout.size
        return face.show_others(text, size) if glyphs is None else b"(%s)Tj" % glyphs

    def _starts(self, place: PlacedColumn, texts: Sequence[str]) -> list[float]:
        """Return where aligned texts begin, to a hundredth of a point."""
        layout = self._layout
        if place.align == "left":
            return [place.left] * len(texts)
        shapes = layout.shapes("\n".join(texts)).split("\n")
        known = self._known[place.x]
        if len(known) > SHAPES:
            known.clear()
        for shape in set(shapes).difference(known):
            known[shape] = round(place.start(shape, layout.size, layout.face), 2)
        return [known[shape] for shape in shapes]

    def _geometry(self, first: bool, page_rows: PageRows) -> PageGeometry:
        """Return the geometry of a page. Pages of one-line rows with equal bands share it."""
        if any(page_rows.texts.broken):
            return self._built(first, page_rows)
        key = first, page_rows.count, tuple([(band.before, band.kind, band.level) for band in page_rows.bands])
        if key not in self._geometries:
            if len(self._geometries) > SHAPES // 10:
                self._geometries.clear()
            self._geometries[key] = self._built(first, page_rows)
        return self._geometries[key]

    def _built(self, first: bool, page_rows: PageRows) -> PageGeometry:
        layout = self._layout
        runs, tops = place_rows(layout, layout.top(0 if first else 1), page_rows)
        drops = [(below.first - 1, above.edges[-1] - below.edges[0]) for above, below in pairwise(runs)]
        beside_titles = len(runs[0].edges) > 2
        if not beside_titles:  # bands stand between the titles and the first row
            del drops[:1]
        top = runs[0].edges[1] if beside_titles or len(runs) == 1 else runs[1].edges[0]
        return PageGeometry(top, runs, tops, drops, self._ruling(runs))

    def _ruling(self, runs: Sequence[RowRun]) -> bytes:
        """Return the operators for stripes, then one path for all lines."""
        layout, look = self._layout, self._layout.look
        left, right = layout.places[0].x, layout.right
        parts = [b"q", self._head.ground(runs[0].edges[0], runs[0].edges[1])]
        if look.stripes:
            parts.append(fill(look.stripe))
            parts += [bar(left, right, *pair) for run in runs for pair in run.shaded]
        parts.append(self._line)
        if look.rules != "none":
            ys = [y for run in runs for y in run.edges][look.rules == "rows" :]
            parts.append((self._across * len(ys) % tuple([y for y in ys for _ in "ml"]))[:-1])
        if look.rules == "grid":
            columns = len(layout.places) + 1
            parts += [self._down % ((run.edges[0], run.edges[-1]) * columns) for run in runs]
        parts.append(b"S %s" % self._head.rule(runs[0].edges[1]))
        return b"\n".join([*parts, b"Q"])


class Steps(dict[float, bytes]):
    """Operators that move to the right; few differ, since texts of a shape begin at one place."""

    def __missing__(self, points: float) -> bytes:
        if len(self) > SHAPES:
            self.clear()
        self[points] = step = b" %.2f 0 Td" % points
        return step


def place_rows(layout: Layout, top: float, page_rows: PageRows) -> tuple[list[RowRun], list[float]]:
    """Return the runs of rows of a page, and the upper edges of the bands between them."""
    heights = [layout.row_height(), *map(layout.row_height, page_rows.texts.lines)]
    runs, tops, at = [], [], 0
    for band in page_rows.bands:
        if band.before + 1 > at:
            runs.append(RowRun(at, list(accumulate(heights[at : band.before + 1], sub, initial=top))))
            at, top = band.before + 1, runs[-1].edges[-1]
        tops.append(top)
        top -= layout.band_height(band.kind, band.level)
    if at < len(heights):
        runs.append(RowRun(at, list(accumulate(heights[at:], sub, initial=top))))
    return runs, tops
