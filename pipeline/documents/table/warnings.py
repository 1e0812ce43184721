"""What planning notes while it reads every row: warnings for people, and groups for the summary.

Its memory is bounded: a few row numbers for each column, as many groups as the summary has lines, and a number for
each of MAX_KNOWN groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ...pdf.page import printable
from ...pdf.tally import Remarks
from .cells import Cells
from .fits import CellTexts
from .groups import Band
from .pagination import PageRows

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

    def __init__(self, texts: CellTexts, watched: Sequence[WatchedColumn], room: int, remarks: Remarks) -> None:
        self._texts = texts
        self._watched = watched
        self._room = room
        self._remarks = remarks
        self._open: list[tuple[GroupEntry, int]] = []  # with the number of rows before it
        self._known: set[int] = set()  # hashes of the names of groups, each with those around it
        self.groups = 0
        self.entries: list[GroupEntry] = []
        self.totals: tuple[str, ...] = ()

    def look(self, page_rows: PageRows, page: int, before: int) -> None:
        """Note what is on a page. `before` is the number of rows on the pages before it."""
        self._look_for_failures(page_rows, before)
        if page_rows.columns is None:
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
        for number, (row, cells) in enumerate(zip(page_rows.rows, page_rows.cells, strict=True), before + 1):
            for i, (text, lines) in enumerate(zip(self._texts.texts(row), cells, strict=True)):
                if "".join(lines).replace(" ", "") != printable(text).replace(" ", ""):
                    title = self._texts.layout.places[i].title
                    self._remarks.add(f"Cells of column {title!r} are too long and end with …", f"row {number}")

    def _look_at(self, band: Band, page: int, rows: int) -> None:
        if band.kind == "heading" and not band.continued:
            self._close(band.level, rows)
            entry = GroupEntry(band.level, band.words, page)
            self._open.append((entry, rows))
            self._look_for_return(rows)
            self.groups += 1
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
