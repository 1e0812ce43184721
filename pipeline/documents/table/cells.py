"""Texts and values of the cells of a formatted or summed column."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import repeat
from operator import is_
from typing import Any

from .formats import Writer

MAX_CACHED = 200_000  # characters of cells in the cache of a column: usually 4 MB


class Cells:
    """Texts and numbers of the cells of one column, by their text in the input.

    Dates and prices repeat, so what they show is cached, unless it is found as fast without that. `failed` is True
    once a cell could not be read, `rounded` once one lost digits that were not asked to be left out.
    """

    def __init__(self, writer: Writer, shown: bool = True) -> None:
        self.writer = writer
        self.failed = False
        self.rounded = False
        self._shown = shown  # else the cells show the input and are only summed
        self._texts: dict[str, str] = {}
        self._size = 0

    def texts(self, column: Sequence[str]) -> Sequence[str]:
        """Return what each cell shows."""
        if not self._shown:
            return column
        if (written := self.writer.rewritten(column)) is not None:
            return written
        if self._size > MAX_CACHED:
            self._texts.clear()
            self._size = 0
        if new := list(set(column).difference(self._texts)):
            self._size += sum(map(len, new))
            self._texts.update(zip(new, self._written(new), strict=True))
        return list(map(self._texts.__getitem__, column))

    def values(self, column: Sequence[str]) -> Sequence[Any]:
        """Return the number or date of each cell; None for one that is blank or cannot be read."""
        values = self.writer.read_all(column)
        if any(map(is_, values, repeat(None))):
            self.failed |= any(value is None and text.strip() for text, value in zip(column, values, strict=True))
        return values

    def numbers(self, column: Sequence[str]) -> list[Decimal]:
        """Return the numbers among the cells."""
        return [value for value in self.values(column) if value is not None]

    def unread(self, column: Sequence[str]) -> list[int]:
        """Return the indexes of cells that are neither blank nor what their column should hold."""
        pairs = zip(column, self.values(column), strict=True)
        return [i for i, (text, value) in enumerate(pairs) if value is None and text.strip()]

    def rounded_in(self, column: Sequence[str]) -> list[int]:
        """Return the indexes of cells that lose digits."""
        return [i for i, value in enumerate(self.values(column)) if value is not None and self.writer.rounds(value)]

    def _written(self, texts: Sequence[str]) -> Sequence[str]:
        """Return cells as they are written; those that cannot be read show the input."""
        values = self.values(texts)
        known = [value for value in values if value is not None]
        self.rounded = self.rounded or any(map(self.writer.rounds, known))
        if len(known) == len(values):
            return self.writer.show_all(values)
        shown = iter(self.writer.show_all(known))
        return [text if value is None else next(shown) for text, value in zip(texts, values, strict=True)]
