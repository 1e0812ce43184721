"""The title block: title, subtitle, date and lines of text at the top of the document."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date as Date  # noqa: N812  # a field is called date

import msgspec

from ...pdf.fonts import FontChain
from ...pdf.fonts.characters import printable
from ...pdf.fonts.line_breaking import is_cut
from ...pdf.fonts.usage import FontUsage
from ...pdf.page import Align, Colour, Page, text_operators
from .columns import Faces
from .dates import SPACES
from .formats import known_locale
from .logo import GAP, HEIGHT, WIDTH, Logo
from .params import TableParams

TITLE = 1.8  # size of the title, in font sizes
SUBTITLE = 1.25
LEADING = 1.35
TEXT_LINES = 4  # that a text may have at any rate
DARK: Colour = (0.25, 0.25, 0.25)
GREY: Colour = (0.38, 0.38, 0.38)
RUNNING = 0.9  # size of the running head, in font sizes


class TextLine(msgspec.Struct, frozen=True):
    """A line of the block. `below` is the distance of its baseline from the top margin, in points."""

    below: float
    size: float
    text: str
    align: Align
    colour: Colour
    bold: bool = False


class TitleBlock(msgspec.Struct, frozen=True):
    """The block, its height in points, and which of its texts are cut."""

    lines: tuple[TextLine, ...]
    height: float
    cut: tuple[str, ...]

    def draw(self, page: Page, left: float, right: float, top: float, logo: Logo | None) -> None:
        """Draw the block below `top`."""
        for line in self.lines:
            x = left if line.align == "left" else right
            page.text(
                x, top - line.below, line.size, line.text, align=line.align, colour=line.colour, bold=line.bold
            )
        if logo:
            logo.draw(page, right, top)


class RunningHead(msgspec.Struct, frozen=True):
    """The line above the table on all pages but the first: the title, and the date.

    What is too long ends in …; it is whole on the first page.
    """

    title: str
    date: str
    size: float

    def operators(self, faces: Faces, left: float, right: float, top: float) -> tuple[bytes, FontUsage]:
        """Return the operators that draw the line below `top`, and what they use."""
        small, y, usage = self.size * RUNNING, top - self.size, FontUsage()
        date = faces.regular.fit(self.date, small, (right - left) / 3)
        room = right - left - (faces.regular.width(date, small) + 2 * self.size if date else 0)
        title = faces.bold.fit(self.title, small, room)
        usage.add([title], faces.bold)
        usage.add([date], faces.regular)
        parts = [text_operators(faces.bold, left, y, small, title, "left", GREY)]
        if date:
            parts.append(text_operators(faces.regular, right, y, small, date, "right", GREY))
        return b"\n".join(parts), usage


def running_head(params: TableParams) -> RunningHead | None:
    """Return the running head that the parameters ask for."""
    if not params.running_head:
        return None
    date = printable(date_in_words(params.date, params.locale))
    return RunningHead(printable(params.title), date, params.font_size)


def title_block(params: TableParams, faces: Faces, ink: Colour, width: float, height: float) -> TitleBlock:
    """Return the block that the parameters ask for, at most `width` points wide. Long texts wrap.

    `height` is that of the page without margins. A text whose lines would fill more than half of it is cut. With a
    logo the date stands below it, and the other texts beside it.
    """
    face, size, block = faces.regular, params.font_size, _Block(height / 2)
    top, aside = size * TITLE, HEIGHT + size * TITLE if params.logo else size * TITLE
    width -= min(WIDTH + GAP, width / 2) if params.logo else 0
    date = printable(date_in_words(params.date, params.locale))
    day = block.wrap("The date", face, date, size, WIDTH if params.logo else width / 2, 1, aside)
    taken = 0 if params.logo else max((face.width(line, size) + 2 * size for line in day), default=0.0)
    title = block.wrap("The title", faces.bold, printable(params.title), top, width - taken, 1, top)
    y = block.add(title, top, top, "left", ink, bold=True)
    below = max(block.add(day, aside, size, "right", GREY), HEIGHT if params.logo else 0)
    if params.subtitle:
        large = size * SUBTITLE
        y += large * LEADING
        lines = block.wrap("The subtitle", face, printable(params.subtitle), large, width, 1, y)
        y = block.add(lines, y, large, "left", DARK)
    y += size * 0.4 if params.text else 0
    for number, text in enumerate(params.text, 1):
        y += size * LEADING
        lines = block.wrap(f"Text {number} below the title", face, printable(text), size, width, TEXT_LINES, y)
        y = block.add(lines or [""], y, size, "left", GREY)
    more = len(block.lines) > 1
    height = max(y, below) + size * (TITLE * 0.6 + (0.3 if more else 0))
    return TitleBlock(tuple(block.lines), height, tuple(block.cut))


class _Block:
    """Lines of the block, collected; `room` is how many points from the top long texts may reach."""

    def __init__(self, room: float) -> None:
        self._room = room
        self.lines: list[TextLine] = []
        self.cut: list[str] = []

    def wrap(
        self, what: str, face: FontChain, text: str, size: float, width: float, least: int, y: float
    ) -> list[str]:
        """Return the lines of a text that begins at `y`: all that have room, or `least`. Notes a cut of `what`."""
        most = max(least, int((self._room - y) / (size * LEADING)) + 1)
        lines = face.wrap(text, size, width, most)
        if is_cut(text, lines):
            self.cut.append(what)
        return lines

    def add(
        self, texts: Sequence[str], y: float, size: float, align: Align, colour: Colour, bold: bool = False
    ) -> float:
        """Add lines, the first one at `y`. Returns where the last one stands."""
        below = [y + i * size * LEADING for i in range(len(texts))]
        self.lines += [TextLine(at, size, text, align, colour, bold) for at, text in zip(below, texts, strict=True)]
        return below[-1] if below else y


def date_in_words(date: str, locale: str) -> str:
    """Return an ISO date in words, any other text as it is."""
    try:
        day = Date.fromisoformat(date)
    except ValueError:
        return date
    from babel.dates import format_date

    return format_date(day, "long", known_locale(locale)).translate(SPACES)
