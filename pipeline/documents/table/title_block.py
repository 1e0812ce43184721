"""The title block: title, subtitle, date and lines of text at the top of the document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812  # a field is called date

from ...pdf.fonts import FontChain
from ...pdf.fonts.characters import printable
from ...pdf.fonts.line_breaking import is_cut
from ...pdf.page import Align, Colour, Page
from .dates import SPACES
from .formats import known_locale
from .params import TableParams

TITLE = 1.8  # size of the title, in font sizes
SUBTITLE = 1.25
LEADING = 1.35
TEXT_LINES = 4  # that a text may have at any rate
BLACK: Colour = (0, 0, 0)
DARK: Colour = (0.25, 0.25, 0.25)
GREY: Colour = (0.42, 0.42, 0.42)


@dataclass(frozen=True)
class TextLine:
    """A line of the block. `below` is the distance of its baseline from the top margin, in points."""

    below: float
    size: float
    text: str
    align: Align
    colour: Colour


@dataclass(frozen=True)
class TitleBlock:
    """The block, its height in points, and which of its texts are cut."""

    lines: tuple[TextLine, ...]
    height: float
    cut: tuple[str, ...]

    def draw(self, page: Page, left: float, right: float, top: float) -> None:
        """Draw the block below `top`."""
        for line in self.lines:
            x = left if line.align == "left" else right
            page.text(x, top - line.below, line.size, line.text, align=line.align, colour=line.colour)


def title_block(params: TableParams, face: FontChain, width: float, height: float) -> TitleBlock:
    """Returns the block that the parameters ask for, at most `width` points wide. Long texts wrap.

    `height` is that of the page without margins. A text whose lines would fill more than half of it is cut.
    """
    size, block = params.font_size, _Block(face, height / 2)
    top = size * TITLE
    date = printable(date_in_words(params.date, params.locale))
    day = block.wrap("The date", date, size, width / 2, 1, top)
    taken = max((face.width(line, size) + 2 * size for line in day), default=0.0)
    title = block.wrap("The title", printable(params.title), top, width - taken, 1, top)
    y = block.add(title, top, top, "left", BLACK)
    below = block.add(day, top, size, "right", GREY)
    if params.subtitle:
        large = size * SUBTITLE
        y += large * LEADING
        lines = block.wrap("The subtitle", printable(params.subtitle), large, width, 1, y)
        y = block.add(lines, y, large, "left", DARK)
    y += size * 0.4 if params.text else 0
    for number, text in enumerate(params.text, 1):
        y += size * LEADING
        lines = block.wrap(f"Text {number} below the title", printable(text), size, width, TEXT_LINES, y)
        y = block.add(lines or [""], y, size, "left", GREY)
    more = len(block.lines) > 1
    height = max(y, below) + size * (TITLE * 0.6 + (0.3 if more else 0))
    return TitleBlock(tuple(block.lines), height, tuple(block.cut))


class _Block:
    """Lines of the block, collected; `room` is how many points from the top long texts may reach."""

    def __init__(self, face: FontChain, room: float) -> None:
        self._face = face
        self._room = room
        self.lines: list[TextLine] = []
        self.cut: list[str] = []

    def wrap(self, what: str, text: str, size: float, width: float, least: int, y: float) -> list[str]:
        """Returns the lines of a text that begins at `y`: all that have room, or `least`. Notes a cut of `what`."""
        most = max(least, int((self._room - y) / (size * LEADING)) + 1)
        lines = self._face.wrap(text, size, width, most)
        if is_cut(text, lines):
            self.cut.append(what)
        return lines

    def add(self, texts: Sequence[str], y: float, size: float, align: Align, colour: Colour) -> float:
        """Add lines, the first one at `y`. Returns where the last one stands."""
        below = [y + i * size * LEADING for i in range(len(texts))]
        self.lines += [TextLine(at, size, text, align, colour) for at, text in zip(below, texts, strict=True)]
        return below[-1] if below else y


def date_in_words(date: str, locale: str) -> str:
    """Returns an ISO date in words, any other text as it is."""
    try:
        day = Date.fromisoformat(date)
    except ValueError:
        return date
    from babel.dates import format_date

    return format_date(day, "long", known_locale(locale)).translate(SPACES)
