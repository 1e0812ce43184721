"""Text that glyphs do not tell one by one, for readers to copy and search: /ActualText (ISO 32000-1, 14.9.4).

A word from right to left with marks, such as vowels, is three texts. Readers take different ones and turn them in
different ways: see docs/decisions/0057.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import NamedTuple
from unicodedata import bidirectional

from ..objects import text_string

_CLASSES = {"R": "letter", "AL": "letter", "NSM": "mark", "BN": "mark"}


class Span(NamedTuple):
    """The text of some glyphs: its start in the line, and the text. `mark_first`: for PDFium, a mark is the first
    glyph, and no letter."""

    start: int
    text: str
    mark_first: bool = False

    @property
    def begin(self) -> list[bytes]:
        """The operators before the glyphs. The outermost text is the text itself, as ISO has it.

        Poppler takes the innermost Span. PDFium takes the innermost of any tag.
        """
        if not _is_marked(self.text):
            return [_begin(b"Span", self.text)]
        return [_begin(b"Span", self.text), _begin(b"Span", self.text[::-1]), _begin(b"P", self._for_pdfium)]

    @property
    def end(self) -> list[bytes]:
        """The operators behind the glyphs."""
        return [b"EMC"] * (3 if _is_marked(self.text) else 1)

    @property
    def _for_pdfium(self) -> str:
        """What PDFium turns into the text.

        It turns all around if the first glyph is a letter. Then it turns the order of parts around: of letters that
        follow each other, and of marks.
        """
        parts = ["".join(part) for _, part in groupby(self.text, _class)]
        return "".join(parts[::-1]) if self.mark_first else "".join(part[::-1] for part in parts)


def marked_words(text: str) -> dict[int, tuple[int, str]]:
    """Return the words from right to left that have marks, each by the places of all its characters."""
    found: dict[int, tuple[int, str]] = {}
    for start, word in _words(text):
        if _is_marked(word):
            found |= dict.fromkeys(range(start, start + len(word)), (start, word))
    return found


def _words(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for inside, part in groupby(text, lambda character: bool(_class(character))):
        word = "".join(part)
        if inside:
            yield start, word
        start += len(word)


def _is_marked(text: str) -> bool:
    classes = {bidirectional(character) for character in text}
    return "NSM" in classes and bool(classes & {"R", "AL"})


@cache
def _class(character: str) -> str:
    """Return "letter", "mark" or "": a word has only the first two."""
    return _CLASSES.get(bidirectional(character), "")


def _begin(tag: bytes, text: str) -> bytes:
    return b"/%s<</ActualText%s>>BDC" % (tag, text_string(text))
