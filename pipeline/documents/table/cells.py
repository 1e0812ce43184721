"""Texts and values of the cells of a formatted or summed column."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import repeat
from operator import is_

from .formats import NumberWriter, Writer

MAX_CACHED = 200_000  # characters of cells in the cache of a column: usually 4 MB
CellValue = tuple[str, Decimal | None, bool]  # what is shown, the number, and whether it could not be read


class Cells:
    """Texts and numbers of the cells of one column, by their text in the input.

    Dates and prices repeat, so values are cached. `failed` is True once a cell could not be read.
    """

    def __init__(self, writer: Writer, shown: bool = True) -> None:
        self.writer = writer
        self.failed = False
        self._shown = shown  # else the cells show the input and are only summed
        self._cache: dict[str, CellValue] = {}
        self._size = 0

    def texts(self, column: Sequence[str]) -> list[str]:
        """Returns what each cell shows."""
        cache = self._cached(column)
        return [cache[text][0] for text in column]

    def values(self, column: Sequence[str]) -> list[Decimal | None]:
        """Returns the number of each cell; None for one that is blank or no number."""
        cache = self._cached(column)
        return [cache[text][1] for text in column]

    def numbers(self, column: Sequence[str]) -> list[Decimal]:
        """Returns the numbers among the cells."""
        return [value for value in self.values(column) if value is not None]

    def understood(self, text: str) -> bool:
        """True if a cell is blank, or a number or date as its column should hold."""
        return not self._cached([text])[text][2]

    def _cached(self, column: Sequence[str]) -> dict[str, CellValue]:
        if self._size > MAX_CACHED:
            self._cache.clear()
            self._size = 0
        if new := [text for text in set(column) if text not in self._cache]:
            self._read(new)
        return self._cache

    def _read(self, texts: Sequence[str]) -> None:
        self._size += sum(map(len, texts))
        values = self.writer.read_all(texts)
        if any(map(is_, values, repeat(None))):
            self._refuse([text for text, value in zip(texts, values, strict=True) if value is None])
            read = [pair for pair in zip(texts, values, strict=True) if pair[1] is not None]
            texts, values = [text for text, _ in read], [value for _, value in read]
        shown = self.writer.show_all(values) if self._shown else texts
        numbers = values if isinstance(self.writer, NumberWriter) else repeat(None)
        self._cache.update(zip(texts, zip(shown, numbers, repeat(False), strict=False), strict=True))

    def _refuse(self, texts: Sequence[str]) -> None:
        """Show the input of cells that cannot be read."""
        for text in texts:
            self._cache[text] = text, None, bool(text.strip())
            self.failed |= bool(text.strip())
