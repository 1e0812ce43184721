"""Where a line may end."""

# ruff: noqa: RUF001  # East Asian brackets and stops
from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from .characters import is_mark

_IDEOGRAPH = (
    "\u2e80-\u2fdf\u3005-\u3007\u3041-\u30fe\u3105-\u312f\u31a0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
_OPENING = "「『（［｛〔【〈《"
_CLOSING = "、。，．：；？！）］｝〕】〉》」』ー々…"
PIECE = re.compile(rf" *[{_OPENING}]*(?:[{_IDEOGRAPH}]|[^ {_IDEOGRAPH}{_OPENING}]+)[{_CLOSING}]*| *[^ ]")
"""What a line may end after: a word, or an ideograph with its brackets and stops."""
JOINERS = "\u200c\u200d"
NUMBER = re.compile(r"[^\w\s]{0,3}\d(?:[\d.,:/'’·_\-\u2212\u00a0]|T(?=\d)|[eE][-+]?(?=\d))*[^\w\s]{0,3}")
"""A number, date or time inside a text. A piece of it would read as another value, so no line ends in it."""
LONGEST_NUMBER = 60  # characters; a longer row of digits is broken like any word
_MARKS = str.maketrans("", "", " \u200e\u200f")


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
    """Return `count` or fewer characters, so that a letter keeps its marks, and a number its digits."""
    end = count
    while 0 < end < len(text) and (is_mark(text[end]) or text[end] in JOINERS):
        end -= 1
    return _before_number(text, end) or end or count


def is_cut(text: str, lines: Sequence[str]) -> bool:
    """Return whether the lines of a text, broken by `FontChain.wrap`, lack some of it."""
    return "".join(lines).translate(_MARKS) != text.translate(_MARKS)


def numbers_in(text: str) -> Iterator[re.Match[str]]:
    """Yield the numbers that no line may end in."""
    return (found for found in NUMBER.finditer(text) if len(found[0]) <= LONGEST_NUMBER)


def _before_number(text: str, end: int) -> int:
    """Return `end`, or the start of the number that it would cut."""
    start = max(0, end - LONGEST_NUMBER)
    for found in numbers_in(text[start : end + LONGEST_NUMBER]):
        if start + found.start() < end < start + found.end():
            return start + found.start()
    return end
