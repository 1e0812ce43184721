"""Draws bands, the lines between rows: headings of groups, totals, sums carried forward."""

from __future__ import annotations

from ...pdf.fonts import FontChain
from ...pdf.objects import number
from ...pdf.page import Page
from .columns import SHARES
from .groups import Band, Grouping
from .layout import TOO_WIDE, Layout, one_line
from .style import fill, stroke

HEADING = 1.25  # font size of headings of the outermost level
QUIET = b"0.35 g"  # of sums carried, and of notes
BLACK = b"0 g"


class BandPen:
    """Draws the bands of one layout."""

    def __init__(self, layout: Layout, grouping: Grouping) -> None:
        self._layout = layout
        self._grouping = grouping

    def draw(self, page: Page, band: Band, top: float) -> None:
        """Draw a band whose upper edge is at `top`."""
        bottom = top - self._layout.band_height(band.kind, band.level)
        if band.kind in ("subtotal", "total"):
            page.write(self._ground(band, top, bottom), ())
        if band.kind == "heading":
            self._heading(page, band, bottom)
        else:
            self._sums(page, band, bottom)

    def _ground(self, band: Band, top: float, bottom: float) -> bytes:
        """Return the ground of a subtotal or total, and its rules."""
        left, right, look = self._layout.places[0].x, self._layout.right, self._layout.look
        rules = [(top, 0.5)] if band.kind == "subtotal" else [(top, 1.0), (bottom, 1.0)]
        if band.kind == "total" and look.double:
            rules.append((bottom - 1.8, 0.4))
        lines = [b"%s w %.2f %.2f m %.2f %.2f l S" % (number(w), left, y, right, y) for y, w in rules]
        ground = look.ground(band.kind, band.level)
        tinted = b"%s %s " % (fill(ground), bar(left, right, top, bottom)) if ground else b""
        return b"q %s%s %s Q" % (tinted, stroke(look.ink), b" ".join(lines))

    def _heading(self, page: Page, band: Band, bottom: float) -> None:
        layout = self._layout
        bold, padding = layout.faces.bold, layout.places[0].padding
        size = layout.size * (HEADING if band.level == 0 else 1)
        x, y = layout.places[0].left + band.level * layout.size, bottom + layout.size * 0.5
        room = layout.right - x - padding
        note = page.fit(band.note, layout.size * 0.9, room / 2, "Notes beside the headings of groups")
        taken = layout.face.width(note, layout.size * 0.9) + layout.size if note else 0
        words = page.fit(band.words, size, room - taken, "Headings of groups", bold=True)
        self._write(page, x, y, size, words, fill(layout.look.ink), bold)
        if note:
            end = x + bold.width(words, size) + layout.size * 0.8
            self._write(page, end, y, layout.size * 0.9, note, QUIET, layout.face)

    def _sums(self, page: Page, band: Band, bottom: float) -> None:
        layout = self._layout
        size = layout.size
        carried = band.kind in ("carried", "brought")
        ink, face = (QUIET, layout.face) if carried else (BLACK, layout.faces.bold)
        y = bottom + (layout.band_height(band.kind, band.level) - size) / 2 + size * 0.15
        room, padding = layout.words, layout.places[0].padding
        words = page.fit(band.words, size, room.width - 2 * padding, "Words beside totals", bold=not carried)
        free = room.width - 2 * padding - face.width(words, size)
        self._write(page, room.left + padding + free * SHARES[room.align], y, size, words, ink, face)
        for i, text in zip(layout.summed, self._grouping.shown(band.sums), strict=True):
            place = layout.places[i]
            shown, smaller = one_line(face, text, size, place.inside)
            if shown != text:
                page.warn(TOO_WIDE.format(place.name))
            start = place.start(shown, smaller, face)
            self._write(page, start, y, smaller, shown, ink, face)

    def _write(self, page: Page, x: float, y: float, size: float, text: str, ink: bytes, face: FontChain) -> None:
        font = b"/F%d %s Tf" % (face.first + 1, number(size))
        page.write(b"q %s BT %s %.2f %.2f Td %s ET Q" % (ink, font, x, y, face.show(text, size)), [text], face)


def bar(left: float, right: float, top: float, bottom: float) -> bytes:
    """Return the operators that fill a rectangle with the current colour."""
    return b"%.2f %.2f %.2f %.2f re f" % (left, bottom, right - left, top - bottom)
