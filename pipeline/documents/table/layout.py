"""The geometry of a table's pages. Points, from the bottom left."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, lru_cache

import msgspec

from ...pdf.fonts import FontChain
from ...pdf.fonts.characters import printable
from ...pdf.page import Align
from .columns import Faces, PlacedColumn
from .groups import Kind
from .style import Look

LEADING = 1.3  # baseline to baseline, in font sizes
ASCENT = 0.955  # from the top of a line of text to its baseline, in font sizes
RUNNING = 2.1  # height of the running head, in font sizes
WORDS = 5.0  # font sizes that the words beside an amount need at least
LEGIBLE = 3.5  # points: the smallest print of a number that is wide
SMALLER = 0.6  # of the font size may be smaller than that
HASHES = "###"  # stands for a number without room, as in spreadsheets: a cut one would read as another number
TOO_WIDE = f"Totals of column {{}} are too wide, even in smaller print, so they are shown as {HASHES}"
FOOTER = 2.4  # height of the line with the page number, in font sizes
# Heights of bands, in rows; of headings by their level.
HEIGHTS = {"brought": 1.0, "carried": 1.0, "subtotal": 1.1, "total": 1.35}
HEADINGS = (1.9, 1.5)
_DIGITS = bytes.maketrans(b"123456789", b"000000000")


class Layout(msgspec.Struct, frozen=True, dict=True):
    """A page: where rows may stand, and how high they are.

    `summed` are the indexes of columns with totals. `head` is the height of the title block on the first page,
    `running` whether the other pages have a running head, `band_room` the height that bands may take on a page of
    one row.
    """

    places: tuple[PlacedColumn, ...]
    summed: tuple[int, ...]
    width: float
    height: float
    margin: float
    size: float  # of the font
    head: float
    running: bool
    numbered: bool
    look: Look
    faces: Faces
    band_room: float = 0

    @property
    def face(self) -> FontChain:
        """The fonts of cells."""
        return self.faces.regular

    @property
    def right(self) -> float:
        """The right edge of the last column."""
        return self.places[-1].x + self.places[-1].width

    def row_height(self, lines: int = 1) -> float:
        """Height of a row with this many lines of text."""
        return _row_height(lines, self.size, self.look.row_padding)

    def heights(self, lines: Iterable[int]) -> list[int]:
        """Return the heights of rows with these numbers of lines, in units."""
        return list(map(self._heights.__getitem__, lines))

    @cached_property
    def _heights(self) -> RowHeights:
        return RowHeights(self.size, self.look.row_padding)

    @property
    def ascent(self) -> float:
        """From the top of a row to its first baseline."""
        return self.size * (ASCENT + self.look.row_padding / 2)

    @cached_property
    def words(self) -> WordsRoom:
        """The room for the words of a total: left of an amount, or else behind the last one."""
        gaps, left = [], self.places[0].x
        for i in self.summed:
            gaps.append(WordsRoom(left, self.places[i].x, "right"))
            left = self.places[i].x + self.places[i].width
        widest = max(gaps, key=lambda gap: gap.width)
        behind = WordsRoom(left, self.right, "left")
        return max(widest, behind, key=lambda gap: gap.width) if widest.width < WORDS * self.size else widest

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """The titles of the columns as they are drawn; one that is too long ends in …"""
        return tuple(self.faces.bold.fit(printable(p.title), self.size, p.inside) for p in self.places)

    def band_height(self, kind: Kind, level: int) -> float:
        """Height of a band."""
        rows = HEADINGS[min(level, len(HEADINGS) - 1)] if kind == "heading" else HEIGHTS[kind]
        return rows * self.row_height()

    def top(self, page: int) -> float:
        """Upper edge of the column titles; above them stands the title block or the running head."""
        first = page == 0 and self.head
        return self.height - self.margin - (self.head if first else self.size * RUNNING * self.running)

    def bottom(self) -> float:
        """Lower edge of the room for rows."""
        return self.margin + (self.size * FOOTER if self.numbered else 0)

    def room(self, page: int) -> float:
        """Height for rows and bands, below the column titles."""
        return self.top(page) - self.row_height() - self.bottom()

    @cached_property
    def max_lines(self) -> int:
        """Most lines of a cell: a row is no higher than the first page; a longer cell is cut with an ellipsis."""
        return max(1, int(((self.room(0) - self.band_room) / self.size - self.look.row_padding) / LEADING))

    def rows_on(self, page: int) -> int:
        """How many rows of one line fit a page."""
        return max(1, units(self.room(page)) // units(self.row_height()))

    def shapes(self, lines: str) -> str:
        """Return lines with one digit in place of all that are as wide: 1.50 and 7.25 become alike."""
        if not self.face.even_digits:
            return lines
        return lines.encode("utf-8", "surrogatepass").translate(_DIGITS).decode("utf-8", "surrogatepass")

    @property
    def advances(self) -> dict[str, float]:
        """Width of each ASCII character, or a little more: beside other fonts' characters, widths are rounded."""
        return advances_of(self.face, self.size)


def _row_height(lines: int, size: float, padding: float) -> float:
    return size * (lines * LEADING + padding)


class RowHeights(dict[int, int]):
    """The height of a row in units, by how many lines it has."""

    def __init__(self, size: float, padding: float) -> None:
        super().__init__()
        self._size = size
        self._padding = padding

    def __missing__(self, lines: int) -> int:
        self[lines] = height = units(_row_height(lines, self._size, self._padding))
        return height


@lru_cache(8)  # each chunk has a layout of its own, mostly like the last one's
def advances_of(face: FontChain, size: float) -> dict[str, float]:
    """Return the width of each ASCII character in a font size; see Layout.advances."""
    widths = {chr(code): face.width(chr(code), 1000) for code in range(32, 127)}
    return {character: max(width, round(width)) * size / 1000 for character, width in widths.items()}


class WordsRoom(msgspec.Struct, frozen=True):
    """Where the words of a total stand, and at which side of it."""

    left: float
    right: float
    align: Align

    @property
    def width(self) -> float:
        """How wide the room is."""
        return self.right - self.left


def units(points: float) -> int:
    """Thousandths of a point as an integer, so that sums do not depend on the order."""
    return round(points * 1000)


def one_line(face: FontChain, number: str, size: float, width: float) -> tuple[str, float]:
    """Return a number on one line and its font size: smaller if it is wide, and HASHES if that is illegible."""
    smaller = size_that_fits(face, number, size, width)
    if smaller >= smallest_print(size):
        return number, smaller
    return HASHES, size_that_fits(face, HASHES, size, width)


def smallest_print(size: float) -> float:
    """Return the smallest font size of a number in a table of font size `size`."""
    return min(LEGIBLE, SMALLER * size)


def size_that_fits(face: FontChain, text: str, size: float, width: float) -> float:
    """Return the font size at which a text fits: a number is drawn smaller rather than cut."""
    return min(size, size * width / max(face.width(text, size), 0.001))
