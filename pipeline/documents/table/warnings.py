"""What planning notes while it reads every row: warnings for people, and groups for the summary.

Its memory is bounded: a few row numbers for each column, as many groups as the summary has lines, and a number for
each of MAX_KNOWN groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import msgspec

from ...pdf.fonts.characters import printable
from ...pdf.tally import EXAMPLES, Remark, Remarks
from .cells import Cells
from .groups import MAX_KEY, Band, Grouping, is_shortened
from .layout import Layout
from .title_block import TitleBlock

MAX_KNOWN = 100_000  # groups that are remembered to notice when one begins again: about 10 MB
MAX_BOOKMARKS = 100_000  # for groups; each is an object of the file, and PDF readers load all of them

RETURN = "Groups begin again after they ended, each time as a group of its own"
SHORTENED = f"Names of groups are cut behind {MAX_KEY} characters"


class Repeated(msgspec.Struct, frozen=True, array_like=True):
    """A remark about rows: how often it was made, and the first rows."""

    words: str
    times: int
    rows: tuple[int, ...]


class GroupEntry(msgspec.Struct, array_like=True):
    """A group in the summary. `page` counts from 0, without the pages of the summary."""

    level: int
    words: str
    page: int
    rows: int = 0
    sums: tuple[str, ...] = ()


class OpenEntry(msgspec.Struct, array_like=True):
    """An open group: its name, the number of rows before it, and which entry it is; None if it is not listed."""

    words: str
    before: int
    entry: int | None


class NotesSoFar(msgspec.Struct, array_like=True):
    """What was noted so far. `known` are hashes of the names of groups, each with those around it."""

    remarks: dict[str, Repeated] = {}
    open: list[OpenEntry] = []
    known: set[int] = set()
    groups: int = 0
    entries: list[GroupEntry] = []
    totals: tuple[str, ...] = ()


class WatchedColumn(msgspec.Struct, frozen=True):
    """A formatted or summed column: its name, and its index in an input row."""

    name: str
    source: int
    cells: Cells
    summed: bool
    unsure: bool  # whether points are decimal marks
    comma: bool  # whether the format says that commas are

    @property
    def failure(self) -> str:
        """The remark about cells that cannot be read."""
        left_out = " and left out of the total" if self.summed else ""
        return (
            f"Cells of column {self.name!r} that are not {self.cells.writer.noun} are shown as they are{left_out}"
        )

    @property
    def rounding(self) -> str:
        """The remark about cells that lose digits."""
        return f"Numbers of column {self.name!r} are rounded; say by `decimals` in its format how many are shown"

    @property
    def pointed(self) -> str:
        """The remark about numbers of JSON, which have a decimal point, where a comma was given as the mark."""
        return f"Numbers of column {self.name!r} have a point in JSON, but the mark of its format is a comma"

    @property
    def doubt(self) -> str:
        """What is noted of cells whose point may stand between thousands."""
        return f"doubt {self.source}"

    @property
    def proof(self) -> str:
        """What is noted of a cell that proves that points are decimal marks."""
        return f"proof {self.source}"

    @property
    def guess(self) -> str:
        """The remark about cells in doubt, if nothing in the column proves how to read them."""
        return (
            f"Points in column {self.name!r} are read as decimal marks, but may stand between thousands "
            "(1.234 or 1234); say which by `mark` in the column's format"
        )


class SurveyNotes:
    """Notes remarks and groups, in the order of the rows. Keeps the first `room` groups."""

    def __init__(
        self, layout: Layout, grouping: Grouping, watched: Sequence[WatchedColumn], room: int, now: NotesSoFar
    ) -> None:
        self._layout = layout
        self._grouping = grouping
        self._watched = watched
        self._room = room
        self._now = now

    def repeat(self, remarks: Iterable[Repeated], before: int) -> None:
        """Note remarks about rows with `before` rows before them."""
        for each in remarks:
            numbers = tuple(before + row + 1 for row in each.rows)
            known = self._now.remarks.get(each.words)
            self._now.remarks[each.words] = with_rows(known, Repeated(each.words, each.times, numbers))

    def look(self, band: Band, page: int, rows: int) -> None:
        """Note a band of a page, with `rows` rows before it."""
        now = self._now
        if band.kind == "heading" and not band.continued:
            self._close(band.level, rows)
            listed = len(now.entries) < self._room
            now.open.append(OpenEntry(band.words, rows, len(now.entries) if listed else None))
            self._look_for_return(rows)
            now.groups += 1
            if is_shortened(band.words):
                self.repeat([Repeated(SHORTENED, 1, (rows,))], 0)
            if listed:
                now.entries.append(GroupEntry(band.level, band.words, page))
        elif band.kind == "subtotal":
            if (entry := now.open[band.level].entry) is not None:
                now.entries[entry].sums = self._grouping.shown(band.sums)
        elif band.kind == "total":
            now.totals = self._grouping.shown(band.sums)

    def finish(self, rows: int, block: TitleBlock, remarks: Remarks) -> None:
        """Close the groups that are open behind the last row, and add all that was noted to the remarks."""
        now = self._now
        self._close(0, rows)
        self._add_titles(block, remarks)
        self._decide_doubts()
        for each in sorted(now.remarks.values(), key=lambda each: (each.rows[0], each.words)):
            remarks.extend([Remark(each.words, each.times, tuple(f"row {row}" for row in each.rows))])
        if now.groups > MAX_BOOKMARKS:
            remarks.add(f"Of {now.groups} groups, the first {MAX_BOOKMARKS} have bookmarks")
        if len(now.known) == MAX_KNOWN:
            remarks.add(f"Whether a group begins again was checked for the first {MAX_KNOWN:,} groups only")

    def _add_titles(self, block: TitleBlock, remarks: Remarks) -> None:
        """Add what is cut of the title block and of the titles of columns."""
        for text in block.cut:
            remarks.add(f"{text} is cut, since it is too long")
        for place, title in zip(self._layout.places, self._layout.titles, strict=True):
            if title != printable(place.title):
                remarks.add(f"The title of column {place.name} is cut, since it is too long")

    def _decide_doubts(self) -> None:
        """Keep a remark about points in doubt if no cell of the column proves what they are."""
        noted = self._now.remarks
        for column in self._watched:
            doubt, proof = noted.pop(column.doubt, None), noted.pop(column.proof, None)
            if doubt and not proof:
                noted[column.guess] = Repeated(column.guess, doubt.times, doubt.rows)

    def _look_for_return(self, rows: int) -> None:
        """Note that the innermost open group was open before: the rows are not sorted."""
        known, names = self._now.known, "\n".join(each.words for each in self._now.open)
        group = int.from_bytes(blake2b(names.encode(), digest_size=8).digest())
        if group in known:
            self.repeat([Repeated(f"{RETURN}; sort the rows by the columns of group_by", 1, (rows,))], 0)
        elif len(known) < MAX_KNOWN:
            known.add(group)

    def _close(self, level: int, rows: int) -> None:
        for each in self._now.open[level:]:
            if each.entry is not None:
                self._now.entries[each.entry].rows = rows - each.before
        del self._now.open[level:]


def with_rows(known: Repeated | None, later: Repeated) -> Repeated:
    """Return a remark with what was found later."""
    if known is None:
        return later
    return Repeated(known.words, known.times + later.times, (known.rows + later.rows)[:EXAMPLES])
