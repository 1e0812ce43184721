"""What segments hold, and how long the tail of a file of some of them can become at most.

Volumes that are cut by size are filled before their tails are written: a bound that is a little too high
costs less than trying. `tests/unit/test_volumes.py` holds it against real tails.
"""

from __future__ import annotations

from itertools import chain

from .assembly import TAIL_CHARACTERS, Totals
from .fonts import check_fonts, default_chain
from .fonts.subset import embed
from .fonts.usage import FontUsage
from .numbering import FIRST
from .objects import Stream, text_string
from .segment_index import SegmentIndex

WARNED = 20  # characters without a glyph that are named
# Bytes that parts of a tail have at the most.
OBJECT = 100  # around its value
OUTLINE_ITEM = 250  # apart from its title
LABEL = 400
ROW = 16  # deflated, among empty ones
EMPTY_ROWS = 100  # so many have a byte: zeros shrink to a thousandth
KID = 20
ABOUT_ITSELF = 4096


class TailBound:
    """What all segments of a document hold, and how long a tail can become at most. Taken in one at a time."""

    def __init__(self) -> None:
        self.totals = Totals()
        self._used = FontUsage()
        self._rows = FIRST

    def take(self, index: SegmentIndex) -> int:
        """Take a segment in; the most bytes that the tail of its file has for it: labels, outline, rows."""
        self.totals = self.totals.plus(index)
        check_fonts(index.fonts)
        self._used.update(index.characters, index.glyphs)
        self._rows = max(self._rows, index.lane.numbers(index.stop_slot, 1)[0])
        labels = len(index.labels.numbers) if index.labels else 0
        titles = sum(len(text_string(bookmark.title)) for bookmark in index.bookmarks)
        objects = len(index.offsets) + len(index.bookmarks)
        return titles + OUTLINE_ITEM * len(index.bookmarks) + LABEL * labels + ROW * objects + KID

    @property
    def overhead(self) -> int:
        """The most bytes of a tail apart from that: fonts, empty rows, what the file says of itself."""
        face, used = default_chain(), FontUsage()
        used.update(self._used.characters, self._used.shaped)
        used.add([TAIL_CHARACTERS], face)
        fonts = [embed(face.fonts[place], glyphs, FIRST) for place, glyphs in used.by_font(face).items()]
        return sum(_size(value) for _, value in chain(*fonts)) + self._rows // EMPTY_ROWS + ABOUT_ITSELF

    @property
    def warnings(self) -> list[str]:
        """What went wrong without spoiling a file."""
        missing = self._used.missing(default_chain())
        shown = ", ".join(f"{character} (U+{ord(character):04X})" for character in missing[:WARNED])
        more = f", and {len(missing) - WARNED} more" if len(missing) > WARNED else ""
        words = f"No font has {len(missing)} kinds of characters: {shown}{more}. FONTS can name one that does."
        return [words] if missing else []


def _size(value: bytes | Stream) -> int:
    return OBJECT + (len(value.entries) + value.length if isinstance(value, Stream) else len(value))
