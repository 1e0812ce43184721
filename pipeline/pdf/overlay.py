"""The overlay: what every page of a file shows beside its own content; today one line in the lower right corner.

Every page of a segment (drawn, from a canvas, or adopted) draws the form XObject OVERLAY, whose number is
reserved. What the form shows is decided last, by the assembly; it may be nothing. So pages need not know it
while they are drawn. Anything else on every page (a header, a stamp) is one more form, with a reserved number,
in each function here; its characters must count in the bound of the tail (TailBound).
"""

from __future__ import annotations

from collections.abc import Iterator

from .fonts import default_chain
from .fonts.usage import FontUsage
from .numbering import OVERLAY
from .objects import Stream, name, number
from .page import form_of_text, numbers, text_operators

NAME = "Volume"  # of the XObject
SIZE = 6.5  # points
RIGHT, BOTTOM = 14.0, 6.0  # points, from the page's edges to the end and baseline of the line
FORM_BOX = b"-1000 -100 100 100"  # the origin is the end of the line


def overlay_xobjects(prefix: str = "") -> dict[str, int]:
    """Return the XObjects that a page with an overlay names: name to object number.

    `prefix` keeps the names apart from those that the page already uses.
    """
    return {prefix + NAME: OVERLAY}


def overlay_operators(box: tuple[float, float, float, float], turned: int = 0, prefix: str = "") -> bytes:
    """Return the operators that draw the overlay in the lower right corner of the page as it is displayed.

    `box` is the page's (left, bottom, right, top) in points; `turned` its /Rotate: clockwise, in degrees
    (ISO 32000-1, 7.7.3.3).
    """
    left, low, right, high = box
    matrix = {
        0: (1, 0, 0, 1, right - RIGHT, low + BOTTOM),
        90: (0, 1, -1, 0, right - BOTTOM, high - RIGHT),
        180: (-1, 0, 0, -1, left + RIGHT, high - BOTTOM),
        270: (0, -1, 1, 0, left + BOTTOM, low + RIGHT),
    }[turned % 360]
    return b"q %s cm %s Do Q" % (numbers(*matrix), name(prefix + NAME))


def overlay_objects(text: str, usage: FontUsage) -> Iterator[tuple[int, Stream]]:
    """Yield the forms that show `text` on every page, with their object numbers. Without text they are empty.

    Adds the text to `usage`. The text has a white background, since a picture may reach to the page's edge.
    """
    operators = b""
    if text:
        usage.add([text], default_chain())
        wide = default_chain().width(text, SIZE)
        ground = b"1 g %s %s %s %s re f 0 g " % tuple(map(number, (-wide - 2, -2, wide + 4, SIZE + 3)))
        operators = ground + text_operators(default_chain(), 0, 0, SIZE, text, "right")
    yield OVERLAY, form_of_text(FORM_BOX, [text], operators)
