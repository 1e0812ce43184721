"""The overlay: what every page of a file shows beside its own content; today one line at the lower right corner.

Every page that a segment holds (drawn, from a canvas, adopted) draws the form XObject OVERLAY, whose number
is reserved. What the form shows is decided last, by the assembly, which may leave it empty. So pages need not
know it while they are drawn. Another thing on every page is another form in each of the three functions here.
"""

from __future__ import annotations

from collections.abc import Iterator

from .fonts import default_chain
from .fonts.usage import FontUsage
from .numbering import OVERLAY
from .objects import Stream, number
from .page import form_of_text, numbers, text_operators

SIZE = 6.5  # points
RIGHT, BOTTOM = 14.0, 6.0  # points from the page's edges to the end of the line and its baseline
FORM_BOX = b"-1000 -100 100 100"  # around the form's origin, the end of the line


def overlay_xobjects(prefix: str = "") -> dict[str, int]:
    """Return the XObjects that a page with an overlay names, and their object numbers.

    `prefix` keeps the names apart from those that the page has already.
    """
    return {f"{prefix}Volume": OVERLAY}


def overlay_operators(box: tuple[float, float, float, float], turned: int = 0, prefix: str = "") -> bytes:
    """Return the operators that put the overlay on a page, at the corner seen by a person.

    `box` is the page's (left, bottom, right, top, in points); `turned` its /Rotate: clockwise, in degrees
    (ISO 32000-1, 7.7.3.3).
    """
    left, low, right, high = box
    matrix = {
        0: (1, 0, 0, 1, right - RIGHT, low + BOTTOM),
        90: (0, 1, -1, 0, right - BOTTOM, high - RIGHT),
        180: (-1, 0, 0, -1, left + RIGHT, high - BOTTOM),
        270: (0, -1, 1, 0, left + BOTTOM, low + RIGHT),
    }[turned % 360]
    return b"q %s cm /%sVolume Do Q" % (numbers(*matrix), prefix.encode())


def overlay_objects(text: str, usage: FontUsage) -> Iterator[tuple[int, Stream]]:
    """Yield the forms that show `text` on every page, with their object numbers; empty ones without text.

    Notes in `usage` which fonts that takes. The text is on white, since a picture may reach to the edge.
    """
    operators = b""
    if text:
        usage.add([text], default_chain())
        wide = default_chain().width(text, SIZE)
        ground = b"1 g %s %s %s %s re f 0 g " % tuple(map(number, (-wide - 2, -2, wide + 4, SIZE + 3)))
        operators = ground + text_operators(default_chain(), 0, 0, SIZE, text, "right")
    yield OVERLAY, form_of_text(FORM_BOX, text, operators)
