"""The title block: title, subtitle, date and lines of text at the top of the document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date as Date  # noqa: N812  # a field is called date

from babel.dates import format_date

from ...pdf.fonts import FontChain
from ...pdf.page import Align, Colour, Page, printable
from .dates import SPACES
from .formats import known_locale
from .params import TableParams

TITLE = 1.8  # size of the title, in font sizes
SUBTITLE = 1.25
LEADING = 1.35
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
    """The block, and its height in points."""

    lines: tuple[TextLine, ...]
    height: float

    def draw(self, page: Page, left: float, right: float, top: float) -> None:
        """Draw the block below `top`."""
        for line in self.lines:
            x = left if line.align == "left" else right
            page.text(x, top - line.below, line.size, line.text, align=line.align, colour=line.colour)


def title_block(params: TableParams, face: FontChain, width: float) -> TitleBlock:
    """Returns the block that the parameters ask for, at most `width` points wide."""
    size = params.font_size
    y, title = size * TITLE, size * TITLE
    day = printable(date_in_words(params.date, params.locale))
    room = width - (face.width(day, size) + 2 * size if day else 0)
    lines = [TextLine(y, title, face.fit(printable(params.title), title, room), "left", BLACK)]
    if day:
        lines.append(TextLine(y, size, face.fit(day, size, width / 2), "right", GREY))
    if params.subtitle:
        y += size * SUBTITLE * LEADING
        subtitle = face.fit(printable(params.subtitle), size * SUBTITLE, width)
        lines.append(TextLine(y, size * SUBTITLE, subtitle, "left", DARK))
    y += size * 0.4 if params.text else 0
    for text in params.text:
        for line in face.wrap(printable(text), size, width, 4) or [""]:
            y += size * LEADING
            lines.append(TextLine(y, size, line, "left", GREY))
    more = len(lines) > 1
    return TitleBlock(tuple(lines), y + size * (TITLE * 0.6 + (0.3 if more else 0)))


def date_in_words(date: str, locale: str) -> str:
    """Returns an ISO date in words, any other text as it is."""
    try:
        return format_date(Date.fromisoformat(date), "long", known_locale(locale)).translate(SPACES)
    except ValueError:
        return date
