"""Where a line may end: the rules of Unicode Standard Annex 14 (LB numbers), and numbers stay whole. Pure."""

# ruff: noqa: RUF001  # an apostrophe between digits
from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import compress, pairwise

from .characters import is_mark
from .line_classes import LETTER, MARK, SPACE, classes

JOINERS = "\u200c\u200d"
NUMBER = re.compile(
    r"[^\w\s]{0,3}\d(?:[\d.,:/'’·٫٬،．，：／_\-\u2212\u00a0]|[T+](?=\d)|[eE][-+]?(?=\d))*[^\w\s]{0,3}"
)
"""A number, date or time inside a text, in any digits. A piece reads as another value, so no line ends in it."""
LONGEST_NUMBER = 60  # characters; a longer row of digits is broken like any word
_MARKS = str.maketrans("", "", " \u200e\u200f")
DIGIT = re.compile(r"\d")
_LETTERS = "0-9A-Za-zÀ-ÖØ-öø-ʯΆΈ-ώЀ-ҁҊ-ԯ"
WORD = re.compile(f"[{_LETTERS}][{_LETTERS}.,:;]*+")
"""A word that breaks nowhere, with what may follow it. Latin, Greek and Cyrillic, all composed."""
_WORDS = re.compile(f"(?:{WORD.pattern} ?)*+")
_ALL = 'AN(o)]c!x,/n.-hbBD<>"$%gLHI'
_EAST_ASIAN = "ocxnHI"
_TO_THE_LINE_BEFORE = ")]c!x,/bh-n.g"
_NEVER = (  # classes, and those that no line may begin with behind them
    (_ALL, _TO_THE_LINE_BEFORE),  # LB12a, 13, 15d, 21, 22
    ("(og", _ALL),  # LB12, 14
    ("D", "D"),  # LB17
    ("B", _ALL),  # LB21
    ("/", "L"),  # LB21b
    ("AL", "N"), ("N", "AL"),  # LB23
    ("$", "IH"), ("IH", "%"),  # LB23a, 27
    ("$%", "AL"), ("AL", "$%"),  # LB24
    ("N,-$%", "N"), ("N", "$%"),  # LB25
    ("AL", "AL"), (",", "AL"),  # LB28, 29
    ("ALN", "("), (")", "ALN"),  # LB30
)  # fmt: skip
_GLUE_AFTER = " bh-"  # LB12a: behind these a line may end before a character that glues
_CONTEXTS = r"""(?: [(o][ ](?=.)                                 # LB14
          | (?:^|[ (o"<>g])<[ ]?(?=.)                    # LB15a
          | [ ](?=>(?:[ g)\]c"<>!x,/]|$))                # LB15b
          | [ ](?=,(?!N))                                # LB15c, 15d
          | [)\]c][ ](?=n) | D[ ](?=D)                   # LB16, 17
          | (?:^|[ g])[-h](?=A)                       # LB20a
          | L[-bh](?=[^L])                               # LB21a
          | N[/,]*(?=[N$%]) | N[/,]*[)\]c](?=[$%])       # LB25
          | [$%](?=[(o],?N) )"""


def _pairs() -> frozenset[str]:
    """Return the pairs of classes between which a line may end; some only where `_CONTEXTS` does not forbid it."""
    never = {a + b for first, second in _NEVER for a in first for b in second}
    never |= {a + b for quote in '<>"' for other in _ALL for a, b in ((quote, other), (other, quote))}
    never -= {a + "g" for a in _GLUE_AFTER}
    beside = set(_EAST_ASIAN)
    quotes = {a + "<" for a in beside - {"o"}} | {">" + a for a in beside - set(_TO_THE_LINE_BEFORE)}  # LB19, 19a
    spaced = {SPACE + a for a in _ALL if a not in ")]c!x/"}  # LB13, 18
    return frozenset({a + b for a in _ALL for b in _ALL} - never | quotes | spaced)


_PAIRS = _pairs()
_NEEDS_CONTEXT = re.compile(r"[<>\"(o)\]cD\-hbL/$%]| ,")


def breaks(text: str) -> list[int] | None:
    """Return where lines of a text may begin, in order; None when that is behind each space and nowhere else.

    Spaces stand alone.
    """
    if _WORDS.fullmatch(text):
        return None
    kinds = classes(text)
    found = _unmarked(kinds) if MARK in kinds else _possible(kinds)
    if DIGIT.search(text):
        inside = {at for match in numbers_in(text) for at in range(match.start() + 1, match.end())}
        found = [at for at in found if at not in inside]
    return found


def _possible(kinds: str) -> list[int]:
    """Return the indexes of classes before which a line may end."""
    pairs = map("".join, pairwise(kinds))
    found = list(compress(range(1, len(kinds)), map(_PAIRS.__contains__, pairs)))
    if not _NEEDS_CONTEXT.search(kinds):
        return found
    never = {match.end() for match in re.finditer(_CONTEXTS, kinds, re.VERBOSE)}
    return [at for at in found if at not in never and _may_part(kinds, at)]


def _may_part(kinds: str, at: int) -> bool:
    """Return whether the quotation mark beside a break stands between East Asian characters (LB19a)."""
    if kinds[at] == "<" and kinds[at - 1] != SPACE:
        return kinds[at + 1 : at + 2] in tuple(_EAST_ASIAN)
    if kinds[at - 1] == ">" and kinds[at] != SPACE:
        return kinds[max(0, at - 2) : at - 1] in tuple(_EAST_ASIAN)
    return True


def _unmarked(kinds: str) -> list[int]:
    """Return the indexes for classes with marks: a mark goes with what is before it, or is a letter (LB9, 10)."""
    kinds = re.sub(rf"(^|{SPACE}){MARK}", rf"\1{LETTER}", kinds)
    places = [i for i, kind in enumerate(kinds) if kind != MARK]
    return [places[at] for at in _possible(kinds.replace(MARK, ""))]


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
    return bool(lines) and lines[-1].endswith("…") and "".join(lines).translate(_MARKS) != text.translate(_MARKS)


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
