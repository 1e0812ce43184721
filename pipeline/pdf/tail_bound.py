"""An upper bound for the tail of a file that holds some of a document's segments.

Volumes with a size limit are filled before their tails are written: a bound that is a little too high costs less
than trying. `tests/unit/pdf/test_tail_bound.py` compares it with real tails.
"""

from __future__ import annotations

from itertools import chain

from .assembly import TAIL_CHARACTERS, Totals
from .fonts import check_fonts, default_chain, font_at
from .fonts.subset import embed
from .fonts.usage import FontUsage
from .numbering import FIRST
from .objects import Stream, text_string
from .segment_index import SegmentIndex
from .tally import MissingCharacters

# The most bytes that parts of a tail have.
OBJECT_BYTES = 100  # around an object's value
OUTLINE_ITEM_BYTES = 250  # without its title
LABEL_BYTES = 400  # "x of y" as a form
ROW_BYTES = 16  # deflated, among empty rows
EMPTY_ROWS_PER_BYTE = 100  # deflated; zeros shrink to a thousandth
KID_BYTES = 20  # a reference in the root of the page tree, or in the list of layers
DOCUMENT_BYTES = 8192  # info, metadata, catalog, root of the page tree, overlay, trailer


class TailBound:
    """Sums over all segments of a document, and a bound for the tails; segments are added one by one."""

    def __init__(self) -> None:
        self.totals = Totals()
        self._usage = FontUsage()
        self._missing = MissingCharacters()
        self._rows = FIRST

    def add(self, index: SegmentIndex) -> int:
        """Add a segment. Returns the most bytes that a tail has for it: labels, outline, rows,
        layers, destinations."""
        self.totals = self.totals.plus(index)
        check_fonts(index.fonts)
        self._usage.update(index.characters, index.glyphs)
        self._missing.extend(index.missing)
        self._rows = max(self._rows, index.lane.numbers(index.stop_slot, 1)[0])
        labels = len(index.labels.numbers) if index.labels else 0
        titles = sum(len(text_string(bookmark.title)) for bookmark in index.bookmarks)
        objects = len(index.offsets) + len(index.bookmarks)
        items = OUTLINE_ITEM_BYTES * len(index.bookmarks)
        names = sum(OBJECT_BYTES + 4 * len(name.encode()) for name in index.destinations)
        references = KID_BYTES * (1 + len(index.layers) + len(index.hidden))
        return titles + items + LABEL_BYTES * labels + names + ROW_BYTES * objects + references

    def miss(self, index: SegmentIndex) -> None:
        """Count characters without a font in a file that only repeats texts of others: the new ones."""
        known = {each.code for each in self._missing}
        self._missing.extend(each for each in index.missing if each.code not in known)

    @property
    def overhead(self) -> int:
        """The most bytes of a tail that belong to no segment: fonts, empty rows, document-level objects."""
        fonts, usage = default_chain(), FontUsage()
        usage.update(self._usage.characters, self._usage.shaped)
        usage.add([TAIL_CHARACTERS], fonts)
        subsets = [embed(font_at(place), glyphs, FIRST) for place, glyphs in usage.by_font(fonts).items()]
        sizes = sum(_size(value) for _, value in chain(*subsets))
        return sizes + self._rows // EMPTY_ROWS_PER_BYTE + DOCUMENT_BYTES

    @property
    def warnings(self) -> list[str]:
        """What went wrong without failing the export: characters that no font has."""
        return self._missing.warnings


def _size(value: bytes | Stream) -> int:
    return OBJECT_BYTES + (len(value.entries) + value.length if isinstance(value, Stream) else len(value))
