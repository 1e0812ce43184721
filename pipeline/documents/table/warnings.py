"""What planning notes while it reads every row: warnings for people, and groups for the summary.

Its memory is bounded: a few row numbers for each column, as many groups as the summary has lines, and a number for
each of MAX_KNOWN groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ...pdf.fonts.characters import printable
from ...pdf.tally import Remarks
from .broken_cells import Fault
from .cells import Cells
from .groups import MAX_KEY, Band, is_shortened
from .layout import Layout
from .pagination import PageRows
from .title_block import TitleBlock

MAX_KNOWN = 100_000  # groups that are remembered to notice when one begins again: about 10 MB
MAX_BOOKMARKS = 100_000  # for groups; each is an object of the file, and PDF readers load all of them

RETURN = "Groups begin again after they ended, each time as a group of its own"


class GroupEntry(msgspec.Struct, array_like=True):
    """A group in the summary. `page` counts from 0, without the pages of the summary."""

    level: int
    words: str
    page: int
    rows: int = 0
    sums: tuple[str, ...] = ()


@dataclass(frozen=True)
class WatchedColumn:
    """A formatted or summed column: its name, and its index in an input row."""

    name: str
    source: int
    cells: Cells
    summed: bool


class SurveyNotes:
    """Looks at every page once. Keeps the first `room` groups."""

    def __init__(self, layout: Layout, watched: Sequence[WatchedColumn], room: int, remarks: Remarks) -> None:
        self._layout = layout
        self._watched = watched
        self._room = room
        self._remarks = remarks
        self._open: list[tuple[GroupEntry, int]] = []  # with the number of rows before it
        self._known: set[int] = set()  # hashes of the names of groups, each with those around it
        self.groups = 0
        self.entries: list[GroupEntry] = []
        self.totals: tuple[str, ...] = ()

    def look_at_titles(self, block: TitleBlock) -> None:
        """Note what is cut of the title block and of the titles of columns."""
        for text in block.cut:
            self._remarks.add(f"{text} is cut, since it is too long")
        for place, title in zip(self._layout.places, self._layout.titles, strict=True):
            if title != printable(place.title):
                self._remarks.add(f"The title of column {place.name} is cut, since it is too long")

    def look(self, page_rows: PageRows, page: int, before: int) -> None:
        """Note what is on a page. `before` is the number of rows on the pages before it."""
        self._look_for_failures(page_rows, before)
        self._look_for_cuts(page_rows, before)
        for band in page_rows.bands:
            self._look_at(band, page, before + band.before)

    def finish(self, rows: int) -> None:
        """Close the groups that are open behind the last row."""
        self._close(0, rows)
        if self.groups > MAX_BOOKMARKS:
            self._remarks.add(f"Of {self.groups} groups, the first {MAX_BOOKMARKS} have bookmarks")
        if len(self._known) == MAX_KNOWN:
            self._remarks.add(f"Whether a group begins again was checked for the first {MAX_KNOWN:,} groups only")

    def _look_for_failures(self, page_rows: PageRows, before: int) -> None:
        for column in self._watched:
            if column.cells.failed:
                for number, row in enumerate(page_rows.rows, before + 1):
                    if not column.cells.understood(row[column.source]):
                        self._remarks.add(_failure(column), f"row {number}")

    def _look_for_cuts(self, page_rows: PageRows, before: int) -> None:
        for row, cells in page_rows.broken.items():
            for i, cell in cells.items():
                if cell.fault is not Fault.NONE:
                    name = self._layout.places[i].name
                    self._remarks.add(cell.fault.value.format(name), f"row {before + row + 1}")

    def _look_at(self, band: Band, page: int, rows: int) -> None:
        if band.kind == "heading" and not band.continued:
            self._close(band.level, rows)
            entry = GroupEntry(band.level, band.words, page)
            self._open.append((entry, rows))
            self._look_for_return(rows)
            self.groups += 1
            if is_shortened(band.words):
                self._remarks.add(f"Names of groups are cut behind {MAX_KEY} characters", f"row {rows + 1}")
            if len(self.entries) < self._room:
                self.entries.append(entry)
        elif band.kind == "subtotal":
            self._open[band.level][0].sums = band.sums
        elif band.kind == "total":
            self.totals = band.sums

    def _look_for_return(self, rows: int) -> None:
        """Note that the innermost open group was open before: the rows are not sorted."""
        group = hash(tuple(entry.words for entry, _ in self._open))
        if group in self._known:
            self._remarks.add(f"{RETURN}; sort the rows by the columns of group_by", f"row {rows + 1}")
        elif len(self._known) < MAX_KNOWN:
            self._known.add(group)

    def _close(self, level: int, rows: int) -> None:
        for entry, before in self._open[level:]:
            entry.rows = rows - before
        del self._open[level:]


def _failure(column: WatchedColumn) -> str:
    left_out = " and left out of the total" if column.summed else ""
    return (
        f"Cells of column {column.name!r} that are not {column.cells.writer.noun} are shown as they are{left_out}"
    )
