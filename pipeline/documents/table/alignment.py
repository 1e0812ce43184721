"""Numbers below each other at their decimal mark: 1.5 above 12.25."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from ...pdf.fonts import FontChain

LAST_DIGIT = re.compile(r"\d(?=\D*\Z)")
DECIMALS = re.compile(r"([.,])(\d+)\D*\Z")  # the last mark of a number and the digits behind it


class Point(msgspec.Struct, frozen=True):
    """Where the decimal marks of a column stand: `behind` points before the right end of its texts.

    `before` is the width of the longest whole part. What ends further right than the column is moved to the left.
    """

    mark: str = ""
    before: float = 0.0
    behind: float = 0.0

    def shifted(self, text: str, size: float, face: FontChain, inside: float, free: float) -> float:
        """Return the room before a text that would have `free` points before it without alignment."""
        if not self.behind or (cut := whole_part(text, self.mark)) is None:
            return free
        return min(free, max(0.0, inside - self.behind - face.width(text[:cut], size)))


NO_POINT = Point()


def point_of(
    mark: str, texts: Iterable[str], totals: Iterable[str], size: float, faces: tuple[FontChain, FontChain]
) -> Point:
    """Return the point for a column with these numbers; the totals are drawn with the second of the faces."""
    numbers = {text.strip() for text in texts}
    mark, before, behind = mark or _usual_mark(list(numbers)), 0.0, 0.0
    for face, some in zip(faces, (numbers, set(totals)), strict=True):
        for text in some:
            if (cut := whole_part(text, mark)) is not None:
                before = max(before, face.width(text[:cut], size))
                behind = max(behind, face.width(text[cut:], size))
    return Point(mark, round(before, 2), round(behind, 2))


def whole_part(text: str, mark: str) -> int | None:
    """Return the length of a number up to its decimal mark, or to its last digit; None without digits."""
    last = LAST_DIGIT.search(text)
    if last is None:
        return None
    at = text.rfind(mark) if mark else -1
    return at if 0 <= at < last.start() + 1 else last.end()


def _usual_mark(texts: Sequence[str]) -> str:
    """Return the decimal mark of numbers that were not formatted; empty when they do not tell.

    Three digits behind a mark may be thousands.
    """
    found = Counter(match[1] for text in texts if (match := DECIMALS.search(text)) and len(match[2]) != 3)
    return max(found, key=lambda mark: (found[mark], mark)) if found else ""
