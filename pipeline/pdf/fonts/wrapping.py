"""Breaks a text into lines. It is measured once; sums of its widths then tell how much fits each line."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from math import inf, nextafter
from typing import Protocol

from .bidi import keep_direction
from .line_breaking import LONGEST_NUMBER, breaks, largest_fitting, whole_letters
from .shaping import COMPLEX

LONG = 1000  # characters; more rarely fit a line
_STEP = 4096  # characters that are measured at once: a text may have a million, and few lines show

Lines = list[str]


class Measure(Protocol):
    """What wrapping needs to know of the fonts; a FontChain provides it. Sizes are in points."""

    def width(self, text: str, size: float) -> float:
        """Return the width of a text in points."""

    def advances(self, text: str) -> list[float] | None:
        """Return the width of each character, in 1/1000 of the size; None when they depend on each other."""

    def word_widths(self, words: Iterable[str]) -> list[float]:
        """Return the width of each word with a space behind it; infinite where more than its letters tell it, or
        a line may end in it.
        """

    def fits(self, text: str, size: float, width: float) -> bool:
        """Return whether a text is at most `width` points wide."""

    def fit(self, text: str, size: float, width: float) -> str:
        """Return the text, cut with an ellipsis if it is wider."""


def wrapped(face: Measure, text: str, size: float, width: float, most: int) -> Lines:
    """Return the text in at most `most` lines; the last one ends in … when it is cut."""
    text = " ".join(filter(None, text.split(" "))) if "  " in text else text.strip(" ")
    if not text:
        return []
    if lines := wrapped_words(face, [text], size, width, most)[0]:
        return lines
    breaker = _breaker(face, text, size, width, most)
    found: Lines = []
    start = 0
    while start < len(text) and len(found) < most - 1:
        stop = breaker.line_end(start)
        found.append(text[start:stop].rstrip(" "))
        start = stop + (text[stop : stop + 1] == " ")
    if start < len(text):
        found.append(text[start:] if breaker.ends_fit(start) else face.fit(text[start:], size, width))
    mixed = isinstance(breaker, _Shapes) and COMPLEX.search(text)
    return keep_direction(found, text) if mixed else found


def wrapped_words(face: Measure, texts: Sequence[str], size: float, width: float, most: int) -> list[Lines]:
    """Return the lines of texts of words with single spaces between them, all of them measured in one call.

    No lines for a text that is anything else, is long, needs more than `most` lines, or has a word that fits none.
    """
    texts = [text if len(text) < _STEP else "" for text in texts]
    words = " ".join(texts).split(" ")
    widths, start = face.word_widths(words), 0
    room = _limit(size, width) + (face.advances(" ") or [0.0])[0]  # for a line with a space behind it
    found: list[Lines] = []
    all_fit = max(widths) <= room
    for text in texts:
        stop = start + text.count(" ") + 1
        lines: Lines = []  # `Lines()` takes five times as long
        if all_fit or max(widths[start:stop]) <= room:
            ends = list(accumulate(widths[start:stop]))
            first, limit, last = 0, room, ends[-1]
            while last > limit:
                behind = bisect_right(ends, limit, first)
                lines.append(" ".join(words[start + first : start + behind]))
                first, limit = behind, ends[behind - 1] + room
            lines.append(" ".join(words[start + first : stop]))
        found.append(lines if len(lines) <= most else [])
        start = stop
    return found


def _breaker(face: Measure, text: str, size: float, width: float, most: int) -> _Sums | _Shapes:
    limit = _limit(size, width)
    ends = _ends(face, text, most * limit)
    return _Sums(text, ends, limit) if ends else _Shapes(face, text, size, width)


def _ends(face: Measure, text: str, enough: float) -> list[float]:
    """Return how wide the text is up to each character, as far as lines may need it. Empty if none can tell."""
    ends = [0.0]
    for at in range(0, len(text), _STEP):
        advances = face.advances(text[at : at + _STEP])
        if advances is None:
            return []
        ends += list(accumulate(advances, initial=ends.pop()))
        if ends[-1] > enough:
            break
    return ends


@lru_cache(64)
def _limit(size: float, width: float) -> float:
    """Return the largest sum of widths, in 1/1000 of the size, that measures at most `width` points."""
    limit = width * 1000 / size
    while limit * size / 1000 > width:
        limit = nextafter(limit, -inf)
    while (more := nextafter(limit, inf)) * size / 1000 <= width:
        limit = more
    return limit


class _Sums:
    """Breaks a text whose characters are as wide alone as together, by sums of their widths."""

    def __init__(self, text: str, ends: list[float], limit: float) -> None:
        self._text = text
        self._ends = ends
        self._limit = limit
        self._stops = breaks(text)

    def ends_fit(self, start: int) -> bool:
        """Return whether all that is left fits one line."""
        return len(self._ends) > len(self._text) and self._ends[-1] - self._ends[start] <= self._limit

    def line_end(self, start: int) -> int:
        """Return where a line ends that begins at `start`, at least one character behind it."""
        text = self._text
        at = bisect_right(self._ends, self._ends[start] + self._limit, start) - 1
        if at >= len(text):
            return at
        stop = self._last_break(start, at + (text[at] == " "))
        return stop if stop > start else start + _inside(text[start : at + LONGEST_NUMBER + 1], at - start)

    def _last_break(self, start: int, at: int) -> int:
        if self._stops is None:
            return self._text.rfind(" ", start, at) + 1 or start
        found = bisect_right(self._stops, at)
        return self._stops[found - 1] if found else start


class _Shapes:
    """Breaks a text whose letters join. The widths of its words tell about where; then whole lines are measured."""

    def __init__(self, face: Measure, text: str, size: float, width: float) -> None:
        self._face = face
        self._text = text
        self._size = size
        self._width = width
        stops = breaks(text)
        if stops is None:
            stops = [i + 1 for i, character in enumerate(text) if character == " "]
        self._stops = [*stops, len(text)]
        self._word_ends = list(accumulate(map(self._word, [0, *stops], self._stops), initial=0.0))

    def ends_fit(self, start: int) -> bool:
        """Return whether all that is left fits one line."""
        return self._fits(start, len(self._text))

    def line_end(self, start: int) -> int:
        """Return where a line ends that begins at `start`, at least one character behind it."""
        stops, first = self._stops, bisect_right(self._stops, start)
        guess = bisect_right(self._word_ends, self._word_ends[first] + self._width) - 1
        guess = min(max(guess, first), len(stops))
        while guess < len(stops) and self._fits(start, stops[guess]):
            guess += 1
        while guess > first and not self._fits(start, stops[guess - 1]):
            guess -= 1
        if guess > first:
            return stops[guess - 1]
        text = self._text[start : stops[first]]
        return start + _inside(text, largest_fitting(len(text), lambda n: self._fits(start, start + n, bare=False)))

    def _fits(self, start: int, stop: int, bare: bool = True) -> bool:
        text = self._text[start:stop]
        return self._face.fits(text.rstrip(" ") if bare else text, self._size, self._width)

    def _word(self, start: int, stop: int) -> float:
        return self._face.width(self._text[start : min(stop, start + LONG)], self._size)


def _inside(text: str, count: int) -> int:
    """Return how many characters of a word that is too long for a line stand on it."""
    return max(1, whole_letters(text, count))
