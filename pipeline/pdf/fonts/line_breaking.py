"""Where a line may end."""

# ruff: noqa: RUF001  # East Asian brackets and stops
from __future__ import annotations

import re
from collections.abc import Callable
from unicodedata import category

_IDEOGRAPH = (
    "\u2e80-\u2fdf\u3005-\u3007\u3041-\u30fe\u3105-\u312f\u31a0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
_OPENING = "「『（［｛〔【〈《"
_CLOSING = "、。，．：；？！）］｝〕】〉》」』ー々…"
PIECE = re.compile(rf"\s*[{_OPENING}]*(?:[{_IDEOGRAPH}]|[^\s{_IDEOGRAPH}{_OPENING}]+)[{_CLOSING}]*|\s*\S")
"""What a line may end after: a word, or an ideograph with its brackets and stops."""
JOINERS = "\u200c\u200d"


def largest_fitting(most: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number up to `most` that fits, when all below it fit. Tries at most twice that number."""
    high = 1
    while high < most and fits(high):
        high *= 2
    low, high = high // 2, min(high, most)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def whole_letters(text: str, count: int) -> int:
    """Return `count` or fewer characters, so that a letter keeps its marks."""
    end = count
    while 0 < end < len(text) and (category(text[end])[0] == "M" or text[end] in JOINERS):
        end -= 1
    return end or count
