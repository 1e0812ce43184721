"""What every page of a file shows: the words that say which volume it is in."""

from __future__ import annotations

from dataclasses import dataclass

from .page import FOOT_X, FOOT_Y, numbers

VOLUME_SIZE = 6.5  # points
VOLUME_FORM = b"/Type/XObject/Subtype/Form/BBox[-1000 -100 100 100]/Resources<<%s>>"


@dataclass(frozen=True)
class Place:
    """Which volume of how many a file is, the pages of the document before it, and all pages."""

    number: int
    count: int
    before: int
    pages: int


def volume_of(place: Place) -> str:
    """The words on each page of a volume."""
    return f"Volume {place.number:,} of {place.count:,}"


def volume_words(box: tuple[float, float, float, float], turned: int = 0, key: bytes = b"Volume") -> bytes:
    """Operators that put the XObject of this name at the lower right corner of a page as it is shown.

    `box` is the page's, `turned` its /Rotate: clockwise, in degrees (ISO 32000-1, 7.7.3.3).
    """
    left, low, right, high = box
    matrix = {
        0: (1, 0, 0, 1, right - FOOT_X, low + FOOT_Y),
        90: (0, 1, -1, 0, right - FOOT_Y, high - FOOT_X),
        180: (-1, 0, 0, -1, left + FOOT_X, high - FOOT_Y),
        270: (0, -1, 1, 0, left + FOOT_Y, low + FOOT_X),
    }[turned % 360]
    return b"q %s cm /%s Do Q" % (numbers(*matrix), key)
