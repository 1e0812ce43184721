"""Groups of rows and their exact totals, carried from page to page as a small state."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import reduce
from hashlib import sha256
from itertools import pairwise
from typing import Literal

import msgspec

from ...pdf.fonts.characters import printable
from .cells import Cells
from .csv_rows import Row
from .formats import EXACT, NumberWriter
from .words import Words

MAX_KEY = 200  # characters of a group's name that are kept; a longer one ends in its hash
SHORTENED = re.compile(r"… [0-9a-f]{12}\Z")
Kind = Literal["brought", "heading", "subtotal", "total", "carried"]
GroupKeys = tuple[str, ...]  # the names of a row's groups, outermost first


class Subtotal(msgspec.Struct, frozen=True, array_like=True):
    """An open group, or the whole document: its rows so far, and the total of each summed column."""

    key: str
    rows: int
    sums: tuple[Decimal, ...]


OpenGroups = tuple[Subtotal, ...]
"""The whole document, then each open group, outermost first. Empty behind the last row."""


class Band(msgspec.Struct, frozen=True):
    """A line across the table that is no row. It stands before the row with index `before` of its page."""

    before: int
    kind: Kind
    level: int
    words: str
    note: str = ""
    sums: tuple[Decimal, ...] = ()
    continued: bool = False


class Level(msgspec.Struct, frozen=True):
    """A column that makes groups: its index in an input row, and what its cells show."""

    source: int
    title: str
    page_break: bool
    cells: Cells | None


class Sum(msgspec.Struct, frozen=True):
    """A summed column: its index in an input row, and how its totals are written."""

    source: int
    cells: Cells
    writer: NumberWriter


class Grouping(msgspec.Struct, frozen=True):
    """What a table groups by and sums, and the words for it."""

    levels: tuple[Level, ...]
    sums: tuple[Sum, ...]
    carry: bool
    words: Words

    @property
    def plain(self) -> bool:
        """True if nothing stands between rows."""
        return not self.levels and not self.sums

    def opening(self) -> OpenGroups:
        """The state before the first row."""
        return (self._empty(""),)

    def keys(self, rows: Sequence[Row]) -> list[GroupKeys]:
        """The names of the groups that each row belongs to."""
        if not self.levels:
            return [()] * len(rows)
        return list(zip(*(self._names(level, rows) for level in self.levels), strict=True))

    def still_open(self, keys: Sequence[GroupKeys], last: int | None) -> list[int]:
        """How many groups are still open behind each row.

        Behind the last row it is `last`, -1 if the document ends there. With None the last row is left out:
        the row that follows is not read yet.
        """
        depth = len(self.levels)
        if not depth:
            return [0] * (len(keys) - 1) if last is None else [0] * (len(keys) - 1) + [last]
        found = [depth if one == two else common_levels(one, two) for one, two in pairwise(keys)]
        return found if last is None else [*found, last]

    def bands(
        self,
        state: OpenGroups,
        still_open: Sequence[int],
        keys: Callable[[int], GroupKeys],
        added: Callable[[int, int], Sequence[Decimal]],
    ) -> tuple[list[Band], OpenGroups]:
        """Return the bands between the rows of a page, and the groups that are open behind it.

        `keys` returns the names of a row's groups, `added` the sum of each summed column over some of the rows.
        """
        depth, start = len(self.levels), 0
        groups, bands = list(state), list(self.continued(state))
        for stop in _run_ends(still_open, depth):  # rows start to stop are in the same groups: one sum for all
            for level in range(len(groups) - 1, depth):
                key = keys(start)[level]
                bands.append(Band(start, "heading", level, key, self.levels[level].title))
                groups.append(self._empty(key))
            groups = _with_rows(groups, stop - start, added(start, stop))
            stay = still_open[stop - 1]
            bands += self._closing_bands(groups, stay, stop)
            del groups[stay + 1 :]  # at -1, the end of the document, the document's own subtotal too
            start = stop
        if self.carry and groups:
            bands.append(Band(start, "carried", 0, self.words.carried, sums=groups[0].sums))
        return bands, tuple(groups)

    def added(self, rows: Sequence[Row]) -> Callable[[int, int], Sequence[Decimal]]:
        """Return what sums up the summed columns of some of these rows."""
        return lambda start, stop: [
            total(s.cells.numbers([row[s.source] for row in rows[start:stop]])) for s in self.sums
        ]

    def continued(self, state: OpenGroups) -> Iterator[Band]:
        """The bands that a page begins with: the sum brought forward, and the headings of groups that go on."""
        if self.carry and state[0].rows:
            yield Band(0, "brought", 0, self.words.brought, sums=state[0].sums)
        for level, subtotal in enumerate(state[1:]):
            note = " · ".join(filter(None, [self.levels[level].title, self.words.continued]))
            yield Band(0, "heading", level, subtotal.key, note, continued=True)

    def _closing_bands(self, groups: Sequence[Subtotal], stay: int, before: int) -> Iterator[Band]:
        """Subtotals of the groups that end, innermost first; at the end of the document the total."""
        if not self.sums:
            return
        for level in range(len(groups) - 2, max(stay, 0) - 1, -1):
            subtotal = groups[level + 1]
            words = f"{self.words.total} {subtotal.key}"
            yield Band(before, "subtotal", level, words, sums=subtotal.sums)
        if stay < 0:
            yield Band(before, "total", 0, self.words.total, sums=groups[0].sums)

    def shown(self, sums: Sequence[Decimal]) -> tuple[str, ...]:
        """The totals of the summed columns as they are written."""
        return tuple(s.writer.show(value) for s, value in zip(self.sums, sums, strict=True))

    def _empty(self, key: str) -> Subtotal:
        return Subtotal(key, 0, (Decimal(0),) * len(self.sums))

    def _names(self, level: Level, rows: Sequence[Row]) -> list[str]:
        texts = [row[level.source] for row in rows]
        shown = level.cells.texts(texts) if level.cells else texts
        names = {text: _name(text) for text in set(shown)}  # rows are sorted by groups, so few differ
        return list(map(names.__getitem__, shown))


def _with_rows(groups: Sequence[Subtotal], rows: int, added: Sequence[Decimal]) -> list[Subtotal]:
    return [Subtotal(group.key, group.rows + rows, tuple(map(EXACT.add, group.sums, added))) for group in groups]


def common_levels(one: GroupKeys, two: GroupKeys) -> int:
    """Return how many groups two rows have in common, from the outermost on."""
    return next((i for i, (a, b) in enumerate(zip(one, two, strict=True)) if a != b), len(one))


def total(values: Sequence[Decimal]) -> Decimal:
    """Return the exact sum."""
    return reduce(EXACT.add, values, Decimal(0))


def _run_ends(still_open: Sequence[int], depth: int) -> list[int]:
    """The indexes behind which a group ends, and the end of the page."""
    ends = [number for number, stay in enumerate(still_open, 1) if stay < depth]
    if not ends or ends[-1] < len(still_open):
        ends.append(len(still_open))
    return ends


def _name(text: str) -> str:
    """Return a group's name as it is printed: texts that look the same make one group."""
    name = printable(text) or "-"
    return name if len(name) <= MAX_KEY else name[:MAX_KEY] + "… " + sha256(name.encode()).hexdigest()[:12]


def is_shortened(words: str) -> bool:
    """Return whether these words lack the end of a group's name."""
    return SHORTENED.search(words) is not None
