"""Which rows stand on which page.

A page depends only on the groups that are open before it, its first row and the rows behind that. So planning,
which reads all rows, and drawing, which begins anywhere, find the same pages.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, count, islice, repeat, takewhile
from typing import Protocol

import msgspec
from msgspec.structs import replace

from ...errors import InvalidRequest
from .broken_cells import Cell
from .csv_rows import Row
from .fits import CellTexts
from .groups import Band, Grouping, Kind, OpenGroups
from .layout import Layout, units
from .rows import RowReader

Waiting = Sequence[tuple[Row, int]]  # rows that are not on a page yet, each with the offset behind it
Broken = dict[int, dict[int, Cell]]  # cells of several lines and the like, by row and column


class PageRows(msgspec.Struct, frozen=True):
    """The rows of a page, the offset of the next row, and the groups that are open there.

    `columns` are the texts of all cells; they are drawn as they are, on one line, apart from the cells in `broken`.
    `bands` stand between the rows; `rows` are the rows of the input.
    """

    count: int
    behind: int
    columns: Sequence[Sequence[str]]
    broken: Broken
    rows: Sequence[Row]
    bands: Sequence[Band] = ()
    state: OpenGroups = ()

    @property
    def lines(self) -> list[int]:
        """How many lines each row has."""
        lines = [1] * self.count
        for row, cells in self.broken.items():
            lines[row] = line_count(cells)
        return lines


class Paginator(Protocol):
    """Puts rows on a page. It needs to see `ahead` rows more than fit."""

    ahead: int

    def fitting(self, heights: Iterable[int], still_open: Sequence[int], page: int, state: OpenGroups) -> int:
        """Returns how many rows of these heights fit a page: at least one. `still_open`: see Grouping."""

    def page_rows(self, waiting: Waiting, page: int, state: OpenGroups, last: int | None) -> PageRows:
        """Returns the first page of the rows that wait. `last`: see Grouping.still_open."""


def paginate(
    reader: RowReader, layout: Layout, paginator: Paginator, first: int, state: OpenGroups, after: OpenGroups
) -> Iterator[PageRows]:
    """Yields page after page from number `first` on.

    `state` are the groups open before the first row, `after` those open behind the last one.
    """
    waiting: list[tuple[Row, int]] = []
    for page in count(first):
        wanted = layout.rows_on(page) + paginator.ahead
        waiting += reader.take(wanted - len(waiting))
        if not waiting:
            return
        page_rows = paginator.page_rows(waiting, page, state, None if len(waiting) == wanted else len(after) - 1)
        yield page_rows
        state = page_rows.state
        del waiting[: page_rows.count]


class PlainPaginator:
    """Rows, one below the other."""

    ahead = 0

    def __init__(self, texts: CellTexts) -> None:
        self._texts = texts

    def page_rows(self, waiting: Waiting, page: int, state: OpenGroups, last: int | None) -> PageRows:  # noqa: ARG002  # of Paginator
        rows = [row for row, _ in waiting]
        columns = self._texts.columns(rows)
        odd = self._texts.odd_cells(columns)
        if not odd:
            return PageRows(len(rows), waiting[-1][1], columns, {}, rows)
        broken = Broken()
        whole = self.fitting(break_rows(columns, odd, self._texts, broken), (), page, state)
        return _page_rows(waiting, whole, columns, broken)

    def fitting(self, heights: Iterable[int], still_open: Sequence[int], page: int, state: OpenGroups) -> int:  # noqa: ARG002  # of Paginator
        room = units(self._texts.layout.room(page))
        return max(1, len(list(takewhile(room.__ge__, accumulate(heights)))))


class BandHeights:
    """Heights of the bands that belong to a row, in units.

    An index is the number of groups that are open: before the row in `above`, behind it in `below`.
    """

    def __init__(self, layout: Layout, grouping: Grouping) -> None:
        self._layout = layout
        self._levels = len(grouping.levels)
        stays = range(self._levels + 1)
        self.above = [self._each_level("heading", stay) for stay in stays]
        self.below = [self._each_level("subtotal", stay) if grouping.sums else 0 for stay in stays]
        self.below.append(self.below[0] + (self.of("total") if grouping.sums else 0))  # [-1]: the document's end
        self.carried = self.of("carried") if grouping.carry else 0

    @property
    def most(self) -> float:
        """Points that bands may take on a page of one row."""
        return (2 * self.carried + self.above[0] + self.below[-1]) / 1000

    def of(self, kind: Kind, level: int = 0) -> int:
        return units(self._layout.band_height(kind, level))

    def _each_level(self, kind: Kind, stay: int) -> int:
        """Of all levels but the `stay` outermost."""
        return sum(self.of(kind, level) for level in range(stay, self._levels))


class GroupedPaginator:
    """Rows with bands between them. A row shares a page with the headings before it and the totals behind it."""

    ahead = 1

    def __init__(self, texts: CellTexts, grouping: Grouping) -> None:
        self._texts = texts
        self._grouping = grouping
        self._heights = BandHeights(texts.layout, grouping)
        levels = grouping.levels
        self._breaks = [any(level.page_break for level in levels[stay:]) for stay in range(len(levels) + 1)]

    def page_rows(self, waiting: Waiting, page: int, state: OpenGroups, last: int | None) -> PageRows:
        layout = self._texts.layout
        rows = [row for row, _ in waiting]
        keys = self._grouping.keys(rows)
        still_open = self._grouping.still_open(keys, last)
        candidates = rows[: len(still_open)]
        columns, broken = self._texts.columns(candidates), Broken()
        odd = self._texts.odd_cells(columns)
        row_height = units(layout.row_height())
        heights = break_rows(columns, odd, self._texts, broken) if odd else repeat(row_height)
        whole = self.fitting(heights, still_open, page, state)
        added = self._grouping.added(rows)
        bands, behind = self._grouping.bands(state, still_open[:whole], keys.__getitem__, added)
        return _page_rows(waiting, whole, columns, broken, bands, behind)

    def fitting(self, heights: Iterable[int], still_open: Sequence[int], page: int, state: OpenGroups) -> int:
        """Returns how many rows fit a page, at least one.

        A row brings the headings of groups that begin with it and the totals of groups that end behind it.
        Unless the document ends there, the sum carried forward must fit as well; it stands once, at the end of
        the page, so it is not taken off for every row.
        """
        above, below, carried = self._heights.above, self._heights.below, self._heights.carried
        left = units(self._texts.layout.room(page)) - sum(
            self._heights.of(band.kind, band.level) for band in self._grouping.continued(state)
        )
        if not self._grouping.levels:
            return self._fitting_without_levels(heights, still_open, left)
        open_before, whole = len(state) - 1, 0
        for row_height, stay in zip(heights, still_open, strict=False):
            needed = row_height + above[open_before] + below[stay]
            if whole and left < needed + (carried if stay >= 0 else 0):
                break
            left, open_before, whole = left - needed, stay, whole + 1
            if self._breaks[stay]:
                break
        return whole

    def _fitting_without_levels(self, heights: Iterable[int], still_open: Sequence[int], left: int) -> int:
        """Returns what `fitting` does, in a quarter of the time, if nothing stands between rows."""
        ends = list(islice(accumulate(heights), len(still_open)))
        whole = bisect_right(ends, left - self._heights.carried)
        if still_open[-1] < 0 and whole >= len(ends) - 1:  # then the total follows, and no sum is carried forward
            whole = len(ends) - (left < ends[-1] + self._heights.below[-1])
        return max(1, whole)


def keep_band_room(layout: Layout, grouping: Grouping) -> Layout:
    """Returns the layout with room for all bands around a single row. InvalidRequest if a row does not fit."""
    needed = 0 if grouping.plain else BandHeights(layout, grouping).most
    if layout.room(0) < needed + layout.row_height():
        raise InvalidRequest(
            "The first page is too low for a row with its title, headings and totals.",
            field="font_size",
            advice="Take a smaller font, larger paper, fewer lines of text, or fewer groups.",
        )
    return replace(layout, band_room=needed)


def paginator_for(texts: CellTexts, grouping: Grouping) -> Paginator:
    """Returns what puts the rows of a table on pages."""
    return PlainPaginator(texts) if grouping.plain else GroupedPaginator(texts, grouping)


def line_count(cells: Mapping[int, Cell]) -> int:
    """Returns how many lines a row with these broken cells has."""
    return max(1, *[len(cell.lines) for cell in cells.values()])


def break_rows(
    columns: Sequence[Sequence[str]], odd: Mapping[int, Sequence[int]], texts: CellTexts, into: Broken
) -> Iterator[int]:
    """Break the odd cells of row after row into lines, put them into `into`, and yield the height of each row."""
    layout = texts.layout
    height = units(layout.row_height())
    for row in range(len(columns[0])):
        if row not in odd:
            yield height
            continue
        into[row] = {i: texts.broken(columns[i][row], i) for i in odd[row]}
        yield units(layout.row_height(line_count(into[row])))


def _page_rows(
    waiting: Waiting,
    whole: int,
    columns: Sequence[Sequence[str]],
    broken: Broken,
    bands: Sequence[Band] = (),
    state: OpenGroups = (),
) -> PageRows:
    """The first rows of those that wait."""
    return PageRows(
        whole,
        waiting[whole - 1][1],
        [column[:whole] for column in columns],
        {row: cells for row, cells in broken.items() if row < whole},
        [row for row, _ in waiting[:whole]],
        bands,
        state,
    )
