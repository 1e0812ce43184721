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

    Dates and prices repeat, so what they say and show is cached. `failed` is True once a cell could not be read.
    """

    def __init__(self, writer: Writer, shown: bool = True) -> None:
        self.writer = writer
        self.failed = False
        self._shown = shown  # else the cells show the input and are only summed
        self._texts: dict[str, str] = {}
        self._values: dict[str, Any] = {}  # None for a cell that cannot be read
        self._size = 0

    def texts(self, column: Sequence[str]) -> list[str]:
        """Returns what each cell shows."""
        self._look_up(column)
        return list(map(self._texts.__getitem__, column))

    def values(self, column: Sequence[str]) -> list[Decimal | None]:
        """Returns the number of each cell; None for one that is blank or no number."""
        self._look_up(column)
        return list(map(self._values.__getitem__, column))

    def numbers(self, column: Sequence[str]) -> list[Decimal]:
        """Returns the numbers among the cells."""
        return [value for value in self.values(column) if value is not None]

    def understood(self, text: str) -> bool:
        """True if a cell is blank, or a number or date as its column should hold."""
        self._look_up([text])
        return not text.strip() or self._values[text] is not None

    def _look_up(self, column: Sequence[str]) -> None:
        if self._size > MAX_CACHED:
            self._texts.clear()
            self._values.clear()
            self._size = 0
        if new := list(set(column).difference(self._texts)):
            self._read(new)

    def _read(self, texts: Sequence[str]) -> None:
        self._size += sum(map(len, texts))
        values = self.writer.read_all(texts)
        self._values.update(zip(texts, values, strict=True))
        if any(map(is_, values, repeat(None))):  # cells that cannot be read show the input
            refused = [text for text, value in zip(texts, values, strict=True) if value is None]
            self._texts.update(zip(refused, refused, strict=True))
            self.failed |= any(map(str.strip, refused))
            texts = [text for text, value in zip(texts, values, strict=True) if value is not None]
            values = [value for value in values if value is not None]
        shown = self.writer.show_all(values) if self._shown else texts
        self._texts.update(zip(texts, shown, strict=True))
