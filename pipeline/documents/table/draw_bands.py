"""Draws bands, the lines between rows: headings of groups, totals, sums carried forward.

There is one font, so emphasis comes from size and greys. An outline around letters is no way: PDF viewers draw it
at least a pixel wide, which makes small text blurred.
"""

from __future__ import annotations

from ...pdf.objects import number
from ...pdf.page import Page
from .columns import PADDING, SHARES
from .groups import Band, Grouping
from .layout import TOO_WIDE, Layout, one_line

SIZES = {"heading": 1.4, "total": 1.15}
DEEPER = 1.15  # font size of headings below the outermost level
FILLS = {"subtotal": b"0.9 g", "total": b"0.85 g"}
INK = {"carried": b"0.4", "brought": b"0.4"}
NOTE = b"0.45"


class BandPen:
    """Draws the bands of one layout."""

    def __init__(self, layout: Layout, grouping: Grouping) -> None:
        self._layout = layout
        self._grouping = grouping

    def draw(self, page: Page, band: Band, top: float) -> None:
        """Draw a band whose upper edge is at `top`."""
        bottom = top - self._layout.band_height(band.kind, band.level)
        if band.kind in FILLS:
            page.write(self._ground(band, top, bottom), ())
        if band.kind == "heading":
            self._heading(page, band, bottom)
        else:
            self._sums(page, band, bottom)

    def _ground(self, band: Band, top: float, bottom: float) -> bytes:
        """Returns a tint with rules for a subtotal or total; two rules end the total."""
        left, right = self._layout.places[0].x, self._layout.right
        rules = [(top, 0.7)] if band.kind == "subtotal" else [(top, 1.0), (bottom, 1.0), (bottom - 1.8, 0.4)]
        lines = [b"%s w %.2f %.2f m %.2f %.2f l S" % (number(w), left, y, right, y) for y, w in rules]
        fill = b"0.95 g" if band.level else FILLS[band.kind]
        return b"q %s %s 0.35 G %s Q" % (fill, bar(left, right, top, bottom), b" ".join(lines))

    def _heading(self, page: Page, band: Band, bottom: float) -> None:
        layout = self._layout
        size = layout.size * (SIZES["heading"] if band.level == 0 else DEEPER)
        x, y = layout.places[0].x + PADDING + band.level * layout.size, bottom + layout.size * 0.5
        room = layout.right - x - PADDING
        note = page.fit(band.note, layout.size * 0.9, room / 2, "Notes beside the headings of groups")
        taken = layout.face.width(note, layout.size * 0.9) + layout.size if note else 0
        words = page.fit(band.words, size, room - taken, "Headings of groups")
        self._write(page, x, y, size, words, b"0")
        if note:
            end = x + layout.face.width(words, size) + layout.size * 0.8
            self._write(page, end, y, layout.size * 0.9, note, NOTE)

    def _sums(self, page: Page, band: Band, bottom: float) -> None:
        layout = self._layout
        size = layout.size * SIZES.get(band.kind, 1.0)
        ink = INK.get(band.kind, b"0")
        y = bottom + (layout.band_height(band.kind, band.level) - size) / 2 + size * 0.15
        left, right = layout.words
        words = page.fit(band.words, size, right - left - 2 * PADDING, "Words beside totals")
        self._write(page, left + PADDING, y, size, words, ink)
        for i, text in zip(layout.summed, self._grouping.shown(band.sums), strict=True):
            place = layout.places[i]
            room = place.inside
            shown, smaller = one_line(layout.face, text, size, room)
            if shown != text:
                page.warn(TOO_WIDE.format(place.name))
            free = room - layout.face.width(shown, smaller)
            self._write(page, place.x + PADDING + free * SHARES[place.align], y, smaller, shown, ink)

    def _write(self, page: Page, x: float, y: float, size: float, text: str, ink: bytes) -> None:
        shown = self._layout.face.show(text, size)
        page.write(b"q %s g BT /F1 %s Tf %.2f %.2f Td %s ET Q" % (ink, number(size), x, y, shown), [text])


def bar(left: float, right: float, top: float, bottom: float) -> bytes:
    """Returns the operators that fill a rectangle with the current colour."""
    return b"%.2f %.2f %.2f %.2f re f" % (left, bottom, right - left, top - bottom)
