"""Which rows stand on which page.

A page depends only on the groups that are open before it, its first row and the rows behind that. So planning,
which reads all rows, and drawing, which begins anywhere, find the same pages.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, count, islice, takewhile
from typing import Protocol

import msgspec
from msgspec.structs import replace

from ...errors import InvalidRequest
from .fits import CellTexts
from .groups import Band, Grouping, Kind, OpenGroups
from .layout import Layout, units
from .row_texts import BATCH, RowTexts, row_texts
from .rows import RowReader

READ = 2 * BATCH  # rows read together while pages are drawn


class PageRows(msgspec.Struct, frozen=True):
    """The rows of a page, the bands between them, and the groups that are open behind it."""

    texts: RowTexts
    bands: Sequence[Band] = ()
    state: OpenGroups = ()

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.texts)


class Paginator(Protocol):
    """Puts rows on a page. It needs to see `ahead` rows more than fit."""

    ahead: int

    def fitting(self, heights: Iterable[int], still_open: Sequence[int], page: int, state: OpenGroups) -> int:
        """Return how many rows of these heights fit a page: at least one. `still_open`: see Grouping."""

    def page_rows(self, waiting: RowTexts, page: int, state: OpenGroups, last: int | None) -> PageRows:
        """Return the first page of the rows that wait. `last`: see Grouping.still_open."""


def paginate(
    reader: RowReader, texts: CellTexts, paginator: Paginator, first: int, state: OpenGroups, after: OpenGroups
) -> Iterator[PageRows]:
    """Yield page after page from number `first` on.

    `state` are the groups open before the first row, `after` those open behind the last one.
    """
    waiting, at = RowTexts([], [], [], []), 0
    for page in count(first):
        wanted = texts.layout.rows_on(page) + paginator.ahead
        if len(waiting) - at < wanted and (taken := reader.take(max(READ, wanted))):
            waiting, at = waiting.part(at).joined(row_texts([row for row, _ in taken], texts)), 0
        candidates = waiting.part(at, at + wanted)
        if not candidates.rows:
            return
        last = None if len(candidates) == wanted else len(after) - 1
        page_rows = paginator.page_rows(candidates, page, state, last)
        yield page_rows
        state = page_rows.state
        at += page_rows.count


class PlainPaginator:
    """Rows, one below the other."""

    ahead = 0

    def __init__(self, texts: CellTexts) -> None:
        self._layout = texts.layout

    def page_rows(self, waiting: RowTexts, page: int, state: OpenGroups, last: int | None) -> PageRows:  # noqa: ARG002  # of Paginator
        if not any(waiting.broken):
            return PageRows(waiting)
        return PageRows(waiting.part(0, self.fitting(self._layout.heights(waiting.lines), (), page, state)))

    def fitting(self, heights: Iterable[int], still_open: Sequence[int], page: int, state: OpenGroups) -> int:  # noqa: ARG002  # of Paginator
        room = units(self._layout.room(page))
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
        self._layout = texts.layout
        self._grouping = grouping
        self._heights = BandHeights(texts.layout, grouping)
        levels = grouping.levels
        self._breaks = [any(level.page_break for level in levels[stay:]) for stay in range(len(levels) + 1)]

    def page_rows(self, waiting: RowTexts, page: int, state: OpenGroups, last: int | None) -> PageRows:
        keys = self._grouping.keys(waiting.rows)
        still_open = self._grouping.still_open(keys, last)
        heights = self._layout.heights(waiting.lines[: len(still_open)])
        whole = self.fitting(heights, still_open, page, state)
        added = self._grouping.added(waiting.rows)
        bands, behind = self._grouping.bands(state, still_open[:whole], keys.__getitem__, added)
        return PageRows(waiting.part(0, whole), bands, behind)

    def fitting(self, heights: Iterable[int], still_open: Sequence[int], page: int, state: OpenGroups) -> int:
        """Return how many rows fit a page, at least one.

        A row brings the headings of groups that begin with it and the totals of groups that end behind it.
        Unless the document ends there, the sum carried forward must fit as well; it stands once, at the end of
        the page, so it is not taken off for every row.
        """
        above, below, carried = self._heights.above, self._heights.below, self._heights.carried
        left = units(self._layout.room(page)) - sum(
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
        """Return what `fitting` does, in a quarter of the time, if nothing stands between rows."""
        ends = list(islice(accumulate(heights), len(still_open)))
        whole = bisect_right(ends, left - self._heights.carried)
        if still_open[-1] < 0 and whole >= len(ends) - 1:  # then the total follows, and no sum is carried forward
            whole = len(ends) - (left < ends[-1] + self._heights.below[-1])
        return max(1, whole)


def keep_band_room(layout: Layout, grouping: Grouping) -> Layout:
    """Return the layout with room for all bands around a single row. InvalidRequest if a row does not fit."""
    needed = 0 if grouping.plain else BandHeights(layout, grouping).most
    if layout.room(0) < needed + layout.row_height():
        raise InvalidRequest(
            "The first page is too low for a row with its title, headings and totals.",
            field="font_size",
            advice="Take a smaller font, larger paper, fewer lines of text, or fewer groups.",
        )
    return replace(layout, band_room=needed)


def paginator_for(texts: CellTexts, grouping: Grouping) -> Paginator:
    """Return what puts the rows of a table on pages."""
    return PlainPaginator(texts) if grouping.plain else GroupedPaginator(texts, grouping)
