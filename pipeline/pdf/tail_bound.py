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

MAX_NAMED = 20  # characters without a glyph that are named
# Bytes that parts of a tail have at the most.
OBJECT_BYTES = 100  # around its value
OUTLINE_ITEM_BYTES = 250  # apart from its title
LABEL_BYTES = 400
ROW_BYTES = 16  # deflated, among empty ones
EMPTY_ROWS_PER_BYTE = 100  # so many have a byte: zeros shrink to a thousandth
KID_BYTES = 20
DOCUMENT_BYTES = 4096


class TailBound:
    """What all segments of a document hold, and how long a tail can become at most. Taken in one at a time."""

    def __init__(self) -> None:
        self.totals = Totals()
        self._usage = FontUsage()
        self._rows = FIRST

    def add(self, index: SegmentIndex) -> int:
        """Take a segment in; the most bytes that the tail of its file has for it: labels, outline, rows."""
        self.totals = self.totals.plus(index)
        check_fonts(index.fonts)
        self._usage.update(index.characters, index.glyphs)
        self._rows = max(self._rows, index.lane.numbers(index.stop_slot, 1)[0])
        labels = len(index.labels.numbers) if index.labels else 0
        titles = sum(len(text_string(bookmark.title)) for bookmark in index.bookmarks)
        objects = len(index.offsets) + len(index.bookmarks)
        items = OUTLINE_ITEM_BYTES * len(index.bookmarks)
        return titles + items + LABEL_BYTES * labels + ROW_BYTES * objects + KID_BYTES

    @property
    def overhead(self) -> int:
        """The most bytes of a tail apart from that: fonts, empty rows, what the file says of itself."""
        fonts, usage = default_chain(), FontUsage()
        usage.update(self._usage.characters, self._usage.shaped)
        usage.add([TAIL_CHARACTERS], fonts)
        subsets = [embed(fonts.fonts[place], glyphs, FIRST) for place, glyphs in usage.by_font(fonts).items()]
        sizes = sum(_size(value) for _, value in chain(*subsets))
        return sizes + self._rows // EMPTY_ROWS_PER_BYTE + DOCUMENT_BYTES

    @property
    def warnings(self) -> list[str]:
        """What went wrong without spoiling a file."""
        missing = self._usage.missing(default_chain())
        shown = ", ".join(f"{character} (U+{ord(character):04X})" for character in missing[:MAX_NAMED])
        more = f", and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
        words = f"No font has {len(missing)} kinds of characters: {shown}{more}. FONTS can name one that does."
        return [words] if missing else []


def _size(value: bytes | Stream) -> int:
    return OBJECT_BYTES + (len(value.entries) + value.length if isinstance(value, Stream) else len(value))
