"""Which rows stand on which page. What a page holds depends only on the state it begins with, the row it
begins with and those behind, so planning and drawing agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, repeat
from typing import Protocol

from ...errors import InvalidRequest
from .groups import Band, Grouping, Kind, OpenGroups
from .layout import Layout, units
from .rows import Row, RowReader

Waiting = Sequence[tuple[Row, int]]
CellLines = list[list[list[str]]]  # of the cells of each row


@dataclass(frozen=True)
class PageRows:
    """The rows of a page, and what stands behind it: the next byte, and the state there.

    Most pages have rows of one line each and are kept as `columns` of texts; any other as `cells`: for each
    row the lines of each cell. `bands` stand between the rows, which are also kept as they came.
    """

    count: int
    behind: int
    columns: Sequence[Sequence[str]] | None
    cells: CellLines
    rows: Sequence[Row]
    bands: Sequence[Band] = ()
    state: OpenGroups = ()

    @property
    def lines(self) -> list[int]:
        """How many lines each row has."""
        return [max(map(len, row)) for row in self.cells] if self.columns is None else [1] * self.count


class Paginator(Protocol):
    """How rows that wait become a page. `ahead` more rows than fit are looked at."""

    ahead: int

    def page_rows(self, waiting: Waiting, page: int, state: OpenGroups, last: int | None) -> PageRows:
        """The first page of the rows that wait. `last`: see Books.staying."""


def paginate(
    reader: RowReader, layout: Layout, paginator: Paginator, first: int, state: OpenGroups, after: OpenGroups
) -> Iterator[PageRows]:
    """Put rows on pages, from page `first` on, at which `state` is open; `after` is open behind the last row."""
    waiting: list[tuple[Row, int]] = []
    for page in count(first):
        most = layout.rows_on(page) + paginator.ahead
        waiting += reader.take(most - len(waiting))
        if not waiting:
            return
        page_rows = paginator.page_rows(waiting, page, state, None if len(waiting) == most else len(after) - 1)
        yield page_rows
        state = page_rows.state
        del waiting[: page_rows.count]


class PlainPaginator:
    """Rows, one below the other."""

    ahead = 0

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def page_rows(self, waiting: Waiting, page: int, state: OpenGroups, last: int | None) -> PageRows:  # noqa: ARG002  # of Paginator
        rows = [row for row, _ in waiting]
        if columns := self._layout.columns(rows):
            return PageRows(len(rows), waiting[-1][1], columns, [], rows)
        left = units(self._layout.room(page))
        cells: CellLines = []
        for height in break_rows(rows, self._layout, cells):
            left -= height
            if left < 0 and len(cells) > 1:
                cells.pop()
                break
        return _page_rows(waiting, len(cells), None, cells, self._layout)


class GroupedPaginator:
    """Rows with lines between them. A row stands on one page with the headings before it and the sums behind."""

    ahead = 1

    def __init__(self, layout: Layout, grouping: Grouping) -> None:
        self._layout = layout
        self._grouping = grouping
        depth = len(grouping.levels)
        total = self._height("total") if grouping.sums else 0
        self._above = [self._heights("heading", stay) for stay in range(depth + 1)]
        self._below = [self._heights("subtotal", stay) if grouping.sums else 0 for stay in range(depth + 1)]
        self._below.append(self._below[0] + total)  # [-1]: at the very end
        self._carried = self._height("carried") if grouping.carry else 0
        self._breaks = [any(level.page_break for level in grouping.levels[stay:]) for stay in range(depth + 1)]

    @property
    def most(self) -> float:
        """Points that the lines between rows may take on a page of one row."""
        return (2 * self._carried + self._above[0] + self._below[-1]) / 1000

    def page_rows(self, waiting: Waiting, page: int, state: OpenGroups, last: int | None) -> PageRows:
        rows = [row for row, _ in waiting]
        keys = self._grouping.keys(rows)
        staying = self._grouping.staying(keys, last)
        candidates = rows[: len(staying)]
        columns = self._layout.columns(candidates)
        cells: CellLines = []
        row = units(self._layout.row_height())
        heights = repeat(row) if columns else break_rows(candidates, self._layout, cells)
        whole = self._fitting(heights, staying, state, units(self._layout.room(page)))
        bands, behind = self._grouping.bands(state, rows[:whole], keys, staying[:whole])
        page_rows = _page_rows(waiting, whole, columns, cells[:whole], self._layout)
        return replace(page_rows, bands=bands, state=behind)

    def _fitting(self, heights: Iterable[int], staying: Sequence[int], state: OpenGroups, room: int) -> int:
        """How many rows fit a page, one at least."""
        left = room - sum(self._height(band.kind, band.level) for band in self._grouping.head(state))
        opened, whole = len(state) - 1, 0
        for height, stay in zip(heights, staying, strict=False):
            height += self._above[opened] + self._below[stay]
            if whole and left < height + (self._carried if stay >= 0 else 0):
                break
            left, opened, whole = left - height, stay, whole + 1
            if self._breaks[stay]:
                break
        return whole

    def _height(self, kind: Kind, level: int = 0) -> int:
        return units(self._layout.band_height(kind, level))

    def _heights(self, kind: Kind, stay: int) -> int:
        """Of the headings or subtotals of all groups but the `stay` outermost."""
        return sum(self._height(kind, level) for level in range(stay, len(self._grouping.levels)))


def paginator(layout: Layout, grouping: Grouping) -> tuple[Layout, Paginator]:
    """How the rows of a table are put on pages; a single row is made to fit with all lines around it."""
    plain = not grouping.levels and not grouping.sums
    most = 0 if plain else GroupedPaginator(layout, grouping).most
    if layout.room(0) < most + layout.row_height():
        raise InvalidRequest(
            "The first page is too low for a row with its title, headings and totals.",
            field="font_size",
            advice="Take a smaller font, larger paper, fewer lines of text, or fewer groups.",
        )
    if plain:
        return layout, PlainPaginator(layout)
    layout = replace(layout, between=most)
    return layout, GroupedPaginator(layout, grouping)


def break_rows(rows: Iterable[Row], layout: Layout, into: CellLines) -> Iterator[int]:
    """Break the cells of one row after the other into lines; the heights of the rows."""
    for row in rows:
        into.append(layout.lines(row))
        yield units(layout.row_height(max(map(len, into[-1]))))


def _page_rows(
    waiting: Waiting, whole: int, columns: Sequence[Sequence[str]] | None, cells: CellLines, layout: Layout
) -> PageRows:
    """The first rows of those that wait; those that stay may have one line each although not all had."""
    rows = [row for row, _ in waiting[:whole]]
    columns = [column[:whole] for column in columns] if columns else layout.columns(rows)
    return PageRows(whole, waiting[whole - 1][1], columns, cells, rows)
