"""The lines between the rows: headings of groups, sums, what is carried. One font, so weight comes from size,
greys, and an outline as thick as 2 % of the letters."""

from __future__ import annotations

from ...pdf.objects import number
from ...pdf.page import Page, printable
from .groups import Band
from .layout import PADDING, Layout, shrunk

BASELINE = 0.36  # above the lower edge, in font sizes; the rest of a heading's height is air above it
SIZES = {"heading": 1.25, "total": 1.1}
DEEPER = 1.05  # size of headings below the outermost
FILLS = {"subtotal": b"0.94 g", "total": b"0.87 g"}
INK = {"carried": b"0.4", "brought": b"0.4"}
STRONG = {"heading", "subtotal", "total"}
NOTE = b"0.45"


class BandPen:
    """Draws the lines between the rows of one layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def draw(self, page: Page, band: Band, top: float) -> None:
        """A line whose upper edge is at `top`."""
        bottom = top - self._layout.band_height(band.kind, band.level)
        if band.kind in FILLS:
            page.write(self._ground(band, top, bottom), ())
        if band.kind == "heading":
            self._heading(page, band, bottom)
        else:
            self._sums(page, band, bottom)

    def _ground(self, band: Band, top: float, bottom: float) -> bytes:
        """A tint and rules for sums; the total ends in two."""
        left, right = self._layout.places[0].x, self._layout.right
        rules = [(top, 0.7)] if band.kind == "subtotal" else [(top, 1.0), (bottom, 1.0), (bottom - 1.8, 0.4)]
        lines = [b"%s w %.2f %.2f m %.2f %.2f l S" % (number(w), left, y, right, y) for y, w in rules]
        return b"q %s %s 0.35 G %s Q" % (FILLS[band.kind], bar(left, right, top, bottom), b" ".join(lines))

    def _heading(self, page: Page, band: Band, bottom: float) -> None:
        layout = self._layout
        size = layout.size * (SIZES["heading"] if band.level == 0 else DEEPER)
        x, y = layout.places[0].x + PADDING + band.level * layout.size, bottom + layout.size * 0.5
        room = layout.right - x - PADDING
        note = layout.face.fit(printable(band.note), layout.size * 0.9, room / 2)
        taken = layout.face.width(note, layout.size * 0.9) + layout.size if note else 0
        words = layout.face.fit(band.words, size, room - taken)
        self._write(page, x, y, size, words, b"0", True)
        if note:
            end = x + layout.face.width(words, size) + layout.size * 0.8
            self._write(page, end, y, layout.size * 0.9, note, NOTE, False)

    def _sums(self, page: Page, band: Band, bottom: float) -> None:
        layout = self._layout
        size = layout.size * SIZES.get(band.kind, 1.0)
        ink, strong = INK.get(band.kind, b"0"), band.kind in STRONG
        y = bottom + (layout.band_height(band.kind, band.level) - size) / 2 + size * 0.15
        left, right = layout.words
        words = layout.face.fit(band.words, size, right - left - 2 * PADDING)
        self._write(page, left + PADDING, y, size, words, ink, strong)
        for i, text in zip(layout.summed, band.sums, strict=True):
            place = layout.places[i]
            room = place.width - 2 * PADDING
            smaller = shrunk(layout.face, text, size, room)
            free = room - layout.face.width(text, smaller)
            x = place.x + PADDING + free * {"left": 0.0, "center": 0.5, "right": 1.0}[place.align]
            self._write(page, x, y, smaller, text, ink, strong)

    def _write(self, page: Page, x: float, y: float, size: float, text: str, ink: bytes, strong: bool) -> None:
        """Text in a grey; strong text is filled and outlined (ISO 32000-1, 9.3.6)."""
        face = self._layout.face
        weight = b" %s G 2 Tr %s w" % (ink, number(size * 0.025)) if strong else b""
        operators = b"q %s g%s BT /F1 %s Tf %.2f %.2f Td %s Tj ET Q"
        page.write(operators % (ink, weight, number(size), x, y, face.spell(text)), text)


def bar(left: float, right: float, top: float, bottom: float) -> bytes:
    """A filled rectangle."""
    return b"%.2f %.2f %.2f %.2f re f" % (left, bottom, right - left, top - bottom)
