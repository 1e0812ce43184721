"""Shapes text that is not one glyph a character from left to right: Arabic, Hebrew, Indic, combining marks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import groupby, pairwise
from typing import NamedTuple, Protocol

from .actual_text import Span, marked_words
from .bidi import MIRRORED, visual_runs
from .characters import draws_nothing
from .font import Font, Shaped, script
from .glyph_run import Placed, SetRun, moved, set_glyphs

COMPLEX = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0590-\u08ff\u0900-\u109f\u135d-\u135f\u1700-\u18af\u1900-\u1cff\u1dc0-\u1dff"
    "\u200c-\u200f\u20d0-\u20ff\u302a-\u302f\u3099\u309a\ua66f-\ua67d\ua6f0-\ua6f1\ua800-\ua95f\ua980-\uabff"
    "\ufb1d-\ufdff\ufe00-\ufe0f\ufe20-\ufe2f\ufe70-\ufeff\U00010800-\U00011fff\U00016800-\U00016fff"
    "\U0001bc00-\U0001bcaf\U0001d165-\U0001d1ad\U0001e000-\U0001efff\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]"
)
INVISIBLE = re.compile("[\u200c-\u200f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


class Glyphs(Protocol):
    """What shaping needs to know of the fonts; a FontChain provides it."""

    @property
    def fonts(self) -> Mapping[int, Font]:
        """The fonts in order, by their places in a file."""

    def has(self, character: str) -> bool:
        """Return whether a font can draw a character."""

    def font_index(self, character: str) -> int | None:
        """Return the place of the first font that has a character; None when no font does."""

    def placed(self, character: str) -> Placed:
        """Return a character as one glyph, or what stands in for it."""

    def run(self, text: str, backward: bool) -> SetRun:
        """Return the glyphs of a run of text of one direction."""

    def is_plain(self, characters: Set[str]) -> bool:
        """Return whether the first font has all characters, each as one glyph from left to right."""


class _Piece(NamedTuple):
    """Text of one font and script; `font` is None when no font has its characters."""

    text: str
    font: int | None


def shaped(text: str, chain: Glyphs) -> list[SetRun]:
    """Return a line's runs from left to right."""
    return [chain.run(text[run.start : run.stop], run.backward) for run in visual_runs(text)]


def shaped_run(text: str, backward: bool, chain: Glyphs) -> SetRun:
    """Return a run, cut into pieces of one font and script that are shaped one by one."""
    found: list[Placed] = []
    lone = ""
    pieces = list(_pieces(text, chain))
    for piece in reversed(pieces) if backward else pieces:
        if piece.font is None or (not backward and chain.is_plain(set(piece.text))):
            found += one_by_one(piece.text[::-1] if backward else piece.text, chain, len(found))
            lone += piece.text
        else:
            found += moved(_shaped(piece.text, piece.font, chain.fonts[piece.font], backward), len(found))
    return set_glyphs(found, lone)


def one_by_one(text: str, chain: Glyphs, at: int = 0) -> list[Placed]:
    """Return one glyph for each character. The substitute for a missing one carries the character as its span."""
    return [
        chain.placed(character)
        if chain.has(character)
        else chain.placed(character)._replace(span=Span(at + i, character))
        for i, character in enumerate(text)
        if chain.has(character) or not draws_nothing(character)
    ]


def _shaped(text: str, place: int, font: Font, backward: bool) -> list[Placed]:
    """Return the glyphs of one piece. Of several for the same characters, the widest carries the text.

    The letters of a ligature are told as they are seen, from left to right: readers (PDFium, poppler, pdf.js) turn
    the whole line around. A span interrupts the word for them, so there is one where they would drop a joiner, and
    around a word with marks: marks are drawn at heights of their own, which interrupts the word anyway.
    """
    found: list[Placed] = []
    glyphs = font.shape(text, backward)
    stops = _stops(glyphs, len(text))
    marked = marked_words(text) if backward else {}
    of_word: dict[int, list[int]] = {}  # places in `found` of a marked word's glyphs, by the start of the word
    for cluster, group in groupby(glyphs, lambda glyph: glyph.cluster):
        same = list(group)
        words = text[cluster : stops[cluster]]
        widest = max(same, key=lambda glyph: glyph.advance)
        joiner = len(words) > 1 and INVISIBLE.search(words) is not None
        told = words[::-1].translate(MIRRORED) if backward and not joiner else words
        span = Span(len(found), words) if len(same) > 1 or (backward and joiner) else None
        if cluster in marked:
            of_word.setdefault(marked[cluster][0], []).extend(range(len(found), len(found) + len(same)))
        for glyph in same:
            width = round(font.advance(glyph.id))
            said = told if glyph is widest else ""
            found.append(Placed(place, glyph.id, width, glyph.advance, glyph.dx, glyph.dy, True, said, span))
    for start, places in of_word.items():
        span = Span(places[0], marked[start][1], _mark_first([found[i] for i in places]))
        for i in places:
            found[i] = found[i]._replace(span=span)
    return found


def _mark_first(word: Sequence[Placed]) -> bool:
    """Return whether PDFium takes a mark for the first glyph of a word: it is far above or below the next one, or
    begins farther left.
    """
    first, *others = [list(group) for _, group in groupby(word, lambda glyph: round(glyph.dy))]
    if not others or any(glyph.advance for glyph in first):
        return False
    next_ = others[0][0]
    return first[0].dx < next_.dx or abs(first[0].dy - next_.dy) > max(first[-1].width, next_.width) / 2


def _stops(glyphs: Sequence[Shaped], end: int) -> dict[int, int]:
    """Return where the characters of each cluster end."""
    return dict(pairwise([*sorted({glyph.cluster for glyph in glyphs}), end]))


def _pieces(text: str, chain: Glyphs) -> Iterator[_Piece]:
    """Yield the text, cut where font or script changes. Marks, spaces and signs stay with the text before them."""
    start, font, writing = 0, -1, None
    for i, character in enumerate(text):
        wanted = _font(character, font, chain)
        other = script(character)
        if i and (wanted != font or (other and writing and other != writing)):
            yield _Piece(text[start:i], None if font < 0 else font)
            start, writing = i, None
        font, writing = wanted, other or writing
    yield _Piece(text[start:], None if font < 0 else font)


def _font(character: str, before: int, chain: Glyphs) -> int:
    """Return the font of a character that follows one in the font `before`; -1 when no font has it."""
    if before >= 0 and (INVISIBLE.match(character) or _goes_along(character, chain.fonts[before])):
        return before
    found = chain.font_index(character)
    return (next(iter(chain.fonts)) if INVISIBLE.match(character) else -1) if found is None else found


def _goes_along(character: str, font: Font) -> bool:
    return script(character) is None and not character.isalnum() and font.glyph(character) > 0
