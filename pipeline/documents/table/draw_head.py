"""Draws what stands above the rows of a page: title block or running head, and the titles of the columns."""

from __future__ import annotations

from ...pdf.fonts.usage import FontUsage
from ...pdf.objects import number
from ...pdf.page import Page
from .columns import SHARES
from .layout import Layout
from .logo import Logo
from .setup import TableSetup
from .style import fill, stroke
from .title_block import TitleBlock

RULE = 0.9  # points, below the titles of the columns


class HeadPen:
    """Draws the heads of one table. What all pages but the first have in common is spelled once."""

    def __init__(self, setup: TableSetup, logo: Logo | None) -> None:
        self._block: TitleBlock = setup.title_block
        self._layout = layout = setup.layout
        left, right, top = layout.margin, layout.width - layout.margin, layout.height - layout.margin
        self._logo = logo
        self._rule = b"" if layout.look.filled else _rule(layout)
        self._usage = FontUsage()
        self._missing = self._usage.add(layout.titles, layout.faces.bold)
        self._first = self._titles(layout.top(0))
        self._others = self._titles(layout.top(1))
        if setup.running_head:
            operators, usage = setup.running_head.operators(layout.faces, left, right, top)
            self._others = operators + b"\n" + self._others
            self._usage.add_usage(usage)

    def draw(self, page: Page, first: bool) -> None:
        """Draw the title block on the first page, else the running head; then the titles of the columns."""
        layout, block = self._layout, first and self._layout.head
        if block:
            left, right, top = layout.margin, layout.width - layout.margin, layout.height - layout.margin
            self._block.draw(page, left, right, top, self._logo)
        operators = self._first if block else self._others
        if self._missing:  # is counted on each page
            page.write(operators, layout.titles, layout.faces.bold)
        page.write_again(b"" if self._missing else operators, self._usage)

    def _titles(self, top: float) -> bytes:
        layout, face = self._layout, self._layout.faces.bold
        begin = b"/F%d %s Tf" % (face.first + 1, number(layout.size))
        before = 0.0
        parts = [b"q %s BT %s 0 %.2f Td" % (fill(layout.look.head_ink), begin, top - layout.ascent)]
        for place, title in zip(layout.places, layout.titles, strict=True):
            free = place.inside - face.width(title, layout.size)
            x = round(place.left + free * SHARES[place.align], 2)
            parts.append(b"%.2f 0 Td %s" % (x - before, face.show(title, layout.size)))
            before = x
        return b"\n".join([*parts, b"ET Q"])

    def ground(self, top: float, bottom: float) -> bytes:
        """Return the operators for the ground of the column titles."""
        layout, look = self._layout, self._layout.look
        if not look.filled:
            return b""
        left, right = layout.places[0].x, layout.right
        return b"%s %.2f %.2f %.2f %.2f re f" % (fill(look.accent), left, bottom, right - left, top - bottom)

    def rule(self, bottom: float) -> bytes:
        """Return the operators for the line below the column titles."""
        return self._rule % (bottom, bottom) if self._rule else b""


def _rule(layout: Layout) -> bytes:
    """Return the operators for a line as wide as the table, for two equal heights."""
    left, right = layout.places[0].x, layout.right
    return b"%s w %s %.2f %%.2f m %.2f %%.2f l S" % (number(RULE), stroke(layout.look.ink), left, right)
