"""What the cells of a formatted or summed column show and are worth."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from .formats import Writer

MAX_CACHED = 200_000  # characters of cells a column: 4 MB as a rule
Seen = tuple[str, Decimal | None, bool]  # what is shown, what it is worth, and whether it was not understood


class Cells:
    """What the cells of one column show and are worth, by their text in the input.

    It remembers those it met: dates and prices come again. `failed`: some were not understood.
    """

    def __init__(self, writer: Writer, shown: bool = True) -> None:
        self.writer = writer
        self.failed = False
        self._shown = shown  # else the cells stand as they came, and are only summed
        self._seen: dict[str, Seen] = {}
        self._size = 0

    def texts(self, column: Sequence[str]) -> list[str]:
        """What is shown for each cell."""
        seen = self._known(column)
        return [seen[text][0] for text in column]

    def numbers(self, column: Sequence[str]) -> list[Decimal]:
        """The numbers among the cells."""
        seen = self._known(column)
        return [value for text in column if (value := seen[text][1]) is not None]

    def understood(self, text: str) -> bool:
        """Whether a cell is blank or what its column is to hold."""
        return not self._known([text])[text][2]

    def _known(self, column: Sequence[str]) -> dict[str, Seen]:
        if self._size > MAX_CACHED:
            self._seen.clear()
            self._size = 0
        if new := [text for text in set(column) if text not in self._seen]:
            self._learn(new)
        return self._seen

    def _learn(self, texts: Sequence[str]) -> None:
        self._size += sum(map(len, texts))
        values = self.writer.read_all(texts)
        good = [(text, value) for text, value in zip(texts, values, strict=True) if value is not None]
        for text in texts if len(good) < len(texts) else ():
            self._seen[text] = text, None, bool(text.strip())
            self.failed |= bool(text.strip())
        shown = self.writer.show_all([value for _, value in good]) if self._shown else [text for text, _ in good]
        for (text, value), spelled in zip(good, shown, strict=True):
            self._seen[text] = spelled, value if isinstance(value, Decimal) else None, False
