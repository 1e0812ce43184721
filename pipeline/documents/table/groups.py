"""Groups of rows, and what they sum up to; exact, and carried from page to page as a small state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from hashlib import sha256
from itertools import pairwise
from typing import Literal

import msgspec

from ...pdf.page import printable
from .cells import Cells
from .formats import EXACT, NumberWriter
from .params import Words
from .rows import Row

MAX_KEY = 200  # characters of a group's name that are kept; a longer one ends in its hash
Kind = Literal["brought", "heading", "subtotal", "total", "carried"]


class Subtotal(msgspec.Struct, frozen=True, array_like=True):
    """What is open: the whole document, or a group. Its rows so far, and the sum of each summed column."""

    key: str
    rows: int
    sums: tuple[Decimal, ...]


OpenGroups = tuple[Subtotal, ...]
"""The document's account, then that of each open group, outermost first; empty behind the last row."""


@dataclass(frozen=True)
class Band:
    """A line across the table that is no row; it stands before the n-th row of its page."""

    before: int
    kind: Kind
    level: int
    words: str
    note: str = ""
    sums: tuple[str, ...] = ()
    continued: bool = False


@dataclass(frozen=True)
class Level:
    """A column that makes groups: where it stands in an input row, and how it is shown."""

    source: int
    title: str
    page_break: bool
    cells: Cells | None


@dataclass(frozen=True)
class Sum:
    """A column that is summed: where it stands in an input row, and how sums are written."""

    source: int
    cells: Cells
    writer: NumberWriter


@dataclass(frozen=True)
class Grouping:
    """What is grouped and summed in a table, and the words for it."""

    levels: tuple[Level, ...]
    sums: tuple[Sum, ...]
    carry: bool
    words: Words

    def opening(self) -> OpenGroups:
        """Before the first row."""
        return (self._empty(""),)

    def keys(self, rows: Sequence[Row]) -> list[tuple[str, ...]]:
        """The names of the groups that each row belongs to."""
        if not self.levels:
            return [()] * len(rows)
        return list(zip(*(self._names(level, rows) for level in self.levels), strict=True))

    def staying(self, keys: Sequence[tuple[str, ...]], last: int | None) -> list[int]:
        """How many groups stay open behind each row. Behind the last one it is `last` (-1: the document is
        over); None when nobody knows yet, and then the last row is left out."""
        depth = len(self.levels)
        found = [depth if one == two else _common_levels(one, two) for one, two in pairwise(keys)]
        return found if last is None else [*found, last]

    def bands(
        self, state: OpenGroups, rows: Sequence[Row], keys: Sequence[tuple[str, ...]], staying: Sequence[int]
    ) -> tuple[list[Band], OpenGroups]:
        """The lines between the rows of a page, and the state behind it."""
        depth, accounts, start = len(self.levels), list(state), 0
        bands = list(self.head(state))
        borders = [i for i, stay in enumerate(staying, 1) if stay < depth]
        for stop in borders if borders and borders[-1] == len(rows) else [*borders, len(rows)]:
            for level in range(len(accounts) - 1, depth):
                bands.append(Band(start, "heading", level, _title(keys[start][level]), self.levels[level].title))
                accounts.append(self._empty(keys[start][level]))
            accounts = self._add_rows(accounts, rows[start:stop])
            bands += self._closing_bands(accounts, staying[stop - 1], stop)
            del accounts[staying[stop - 1] + 1 :]
            start = stop
        if self.carry and accounts:
            bands.append(self._band(len(rows), "carried", 0, self.words.carried, accounts[0]))
        return bands, tuple(accounts)

    def head(self, state: OpenGroups) -> Iterator[Band]:
        """What a page begins with: the sum so far, and the groups that go on."""
        if self.carry and state[0].rows:
            yield self._band(0, "brought", 0, self.words.brought, state[0])
        for level, account in enumerate(state[1:]):
            note = " · ".join(filter(None, [self.levels[level].title, self.words.continued]))
            yield Band(0, "heading", level, _title(account.key), note, continued=True)

    def _closing_bands(self, accounts: Sequence[Subtotal], stay: int, before: int) -> Iterator[Band]:
        """Subtotals of the groups that end, innermost first; at the very end the total."""
        if not self.sums:
            return
        for level in range(len(accounts) - 2, max(stay, 0) - 1, -1):
            account = accounts[level + 1]
            words = f"{self.words.total} {_title(account.key)}"
            yield self._band(before, "subtotal", level, words, account)
        if stay < 0:
            yield self._band(before, "total", 0, self.words.total, accounts[0])

    def _band(self, before: int, kind: Kind, level: int, words: str, account: Subtotal) -> Band:
        return Band(before, kind, level, words, "", self.shown(account))

    def shown(self, account: Subtotal) -> tuple[str, ...]:
        """The sums of an account, as they are written."""
        return tuple(s.writer.show(value) for s, value in zip(self.sums, account.sums, strict=True))

    def _add_rows(self, accounts: Sequence[Subtotal], rows: Sequence[Row]) -> list[Subtotal]:
        added = [total(s.cells.numbers([row[s.source] for row in rows])) for s in self.sums]
        return [
            Subtotal(a.key, a.rows + len(rows), tuple(map(EXACT.add, a.sums, added))) for a in accounts
        ]  # fmt: skip

    def _empty(self, key: str) -> Subtotal:
        return Subtotal(key, 0, (Decimal(0),) * len(self.sums))

    def _names(self, level: Level, rows: Sequence[Row]) -> list[str]:
        texts = [row[level.source] for row in rows]
        shown = level.cells.texts(texts) if level.cells else texts
        return [text if len(text) <= MAX_KEY else _shortened(text) for text in shown]


def total(values: Sequence[Decimal]) -> Decimal:
    """The exact sum."""
    return reduce(EXACT.add, values, Decimal(0))


def _common_levels(one: tuple[str, ...], two: tuple[str, ...]) -> int:
    """How many groups, from the outermost on, two rows have in common."""
    return next((i for i, (a, b) in enumerate(zip(one, two, strict=True)) if a != b), len(one))


def _shortened(text: str) -> str:
    return text[:MAX_KEY] + "… " + sha256(text.encode()).hexdigest()[:12]


def _title(key: str) -> str:
    return printable(key) or "-"
