"""What segments hold, and how long the tail of a file of some of them can become at most.

Volumes that are cut by size are filled before their tails are written: a bound that is a little too high
costs less than trying. `tests/unit/test_volumes.py` holds it against real tails.
"""

from __future__ import annotations

from .assembly import Totals
from .fonts import default_face
from .objects import Stream, text_string
from .segment import FIRST, Index

# Bytes that parts of a tail have at the most.
OBJECT = 100  # around its value
OUTLINE_ITEM = 250  # apart from its title
LABEL = 400
ROW = 16  # deflated, among empty ones
EMPTY_ROWS = 100  # so many have a byte: zeros shrink to a thousandth
KID = 20
ABOUT_ITSELF = 4096


class Inventory:
    """What all segments of a document hold, and how long a tail can become at most. Taken in one at a time."""

    def __init__(self) -> None:
        self.totals = Totals()
        self._characters = set("0123456789,Volume of")
        self._rows = FIRST

    def take(self, index: Index) -> int:
        """Take a segment in; the most bytes that the tail of its file has for it: labels, outline, rows."""
        self.totals = self.totals.plus(index)
        self._characters.update(index.characters)
        self._rows = max(self._rows, index.lane.numbers(index.stop_slot, 1)[0])
        labels = len(index.labels.numbers) if index.labels else 0
        titles = sum(len(text_string(bookmark.title)) for bookmark in index.bookmarks)
        objects = len(index.offsets) + len(index.bookmarks)
        return titles + OUTLINE_ITEM * len(index.bookmarks) + LABEL * labels + ROW * objects + KID

    @property
    def overhead(self) -> int:
        """The most bytes of a tail apart from that: fonts, empty rows, what the file says of itself."""
        font = default_face().embed("".join(self._characters), FIRST)
        return sum(_size(value) for _, value in font) + self._rows // EMPTY_ROWS + ABOUT_ITSELF


def _size(value: bytes | Stream) -> int:
    return OBJECT + (len(value.entries) + value.length if isinstance(value, Stream) else len(value))
