"""The fonts of all text, in order: each draws the characters that the fonts before it lack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from functools import lru_cache

from .bidi import keep_direction
from .characters import REPLACEMENT, draws_nothing, is_control, shown_as_is
from .files import FontFile, fingerprint
from .font import Font
from .glyph_run import Line, Placed, escaped, make_line
from .line_breaking import PIECE, largest_fitting, whole_letters
from .shaping import COMPLEX, one_by_one, shaped

LONG = 1000  # characters; more rarely fit a line
LINES = 1024  # cached lines that are not plain: a page of a table is measured, then drawn
BLANK = 500  # width of a character without a font, when the replacement has none either


class FontChain:
    """Measures and spells text with fonts in order. Sizes are in points, widths in 1/1000 of the size.

    Text is plain when the first font has all its characters and each is one glyph, from left to right; it is
    measured and spelled by looking characters up. Any other text is a `Line`.
    """

    def __init__(self, files: Sequence[FontFile]) -> None:
        self.fonts = tuple(Font(file) for file in files)
        self.fingerprint = fingerprint(files)
        first = self.fonts[0]
        ids = {code: glyph for code, glyph in first.characters().items() if _is_plain(chr(code))}
        self._widths = {chr(code): first.advance(glyph) for code, glyph in ids.items()}
        # for str.translate, which looks code points up in C
        self._spelling = {code: escaped(glyph) for code, glyph in ids.items()}
        self._low = _low_bytes(ids)
        self._places: dict[str, int | None] = {}
        self.line: Callable[[str], Line] = lru_cache(LINES)(self._line)
        self.even_digits = len({self._widths.get(digit) for digit in "0123456789"}) == 1

    @property
    def name(self) -> str:
        """The name of the first font."""
        return self.fonts[0].name

    def has(self, character: str) -> bool:
        """Return whether a font can draw a character."""
        return self.font_index(character) is not None

    def font_index(self, character: str) -> int | None:
        """Return the index of the first font that has a character; None when no font has it."""
        if character in self._widths:
            return 0
        if character not in self._places:
            found = (i for i, font in enumerate(self.fonts) if font.glyph(character))
            self._places[character] = None if is_control(character) else next(found, None)
        return self._places[character]

    def is_plain(self, characters: Set[str]) -> bool:
        """Return whether text of these characters is plain."""
        return self._widths.keys() >= characters

    def placed(self, character: str) -> Placed:
        """Return one character as a glyph; without a font for it, a question mark in a box, or a blank."""
        drawn = character if self.has(character) else REPLACEMENT
        place = self.font_index(drawn)
        if place is None:
            return Placed(0, 0, 0, BLANK)
        glyph = self.fonts[place].glyph(drawn)
        width = round(self.fonts[place].advance(glyph))
        return Placed(place, glyph, width, width)

    def width(self, text: str, size: float) -> float:
        """Return the width of a text in points."""
        try:
            total: float = sum(map(self._widths.__getitem__, text))
        except KeyError:
            total = self.line(text).width
        return total * size / 1000

    def show(self, text: str, size: float) -> bytes:
        """Return the operators that draw a text from the current point on; the first font is set in this size."""
        plain = self.spell_all([text])
        return self.line(text).show(size) if plain is None else b"(%s)Tj" % plain[0]

    def spell_all(self, texts: Sequence[str]) -> list[bytes] | None:
        """Return each text as the inside of a literal string in the first font; None when one text is not plain.

        ASCII is spelled in one pass over all texts, ten times as fast.
        """
        joined = "\n".join(texts)
        if self._low is None or not joined.isascii():
            if not self.is_plain(set("".join(texts))):
                return None
            return [text.translate(self._spelling).encode("latin-1") for text in texts]
        low = joined.encode().translate(self._low)
        if 0 in low:  # control characters
            return None
        pairs = bytearray(2 * len(low))
        pairs[1::2] = low
        for plain, escape in _ESCAPES:
            pairs = pairs.replace(plain, escape)
        return bytes(pairs).split(b"\0\xff")

    def fit(self, text: str, size: float, width: float) -> str:
        """Return the text, cut with an ellipsis if it is wider than `width` points."""
        if self._fits(text, size, width):
            return text
        count = largest_fitting(len(text) - 1, lambda n: self.width(text[:n].rstrip(" ") + "…", size) <= width)
        return text[: whole_letters(text, count)].rstrip(" ") + "…"

    def wrap(self, text: str, size: float, width: float, lines: int) -> list[str]:
        """Return the text in at most `lines` lines; the last one ends in … when it is cut.

        Lines break at spaces, between ideographs, and inside a word that is too long for a line.
        """
        found: list[str] = []
        rest = " ".join(filter(None, text.split(" ")))
        while rest and len(found) < lines - 1:
            taken = self._line_break(rest, size, width)
            found.append(rest[:taken].rstrip(" "))
            rest = rest[taken:].lstrip(" ")
        found += [self.fit(rest, size, width)] if rest else []
        return keep_direction(found, text) if COMPLEX.search(text) else found

    def _fits(self, text: str, size: float, width: float) -> bool:
        """Return whether a text is at most `width` points wide.

        Of a long text the first half is tried first: it may have a million characters and is measured for
        each line.
        """
        if len(text) > LONG and not self._fits(text[: len(text) // 2], size, width):
            return False
        return self.width(text, size) <= width

    def _line_break(self, text: str, size: float, width: float) -> int:
        """Return how many characters the first line takes, at least one."""
        taken = 0
        for piece in PIECE.finditer(text):
            if not self._fits(text[: piece.end()].rstrip(" "), size, width):
                break
            taken = piece.end()
        if taken:
            return taken
        count = largest_fitting(len(text), lambda n: self.width(text[:n], size) <= width)
        return max(1, whole_letters(text, count))

    def _line(self, text: str) -> Line:
        glyphs, lone = shaped(text, self) if COMPLEX.search(text) else (one_by_one(text, self), text)
        missing = "".join([c for c in lone if not self.has(c) and not draws_nothing(c)])
        drawn = "".join([c for c in lone if self.has(c)]) + (REPLACEMENT if missing else "")
        return make_line(glyphs, drawn, missing)


def _is_plain(character: str) -> bool:
    return shown_as_is(character) and not COMPLEX.match(character)


def _low_bytes(ids: Mapping[int, int]) -> bytes | None:
    """Return a table from ASCII to the low bytes of glyph ids, and from the line break to 255.

    None when an id is 255 or above.
    """
    table = bytearray(256)
    table[10] = 255
    for code in range(32, 127):
        glyph = ids.get(code, 0)
        if not 0 < glyph < 255:
            return None
        table[code] = glyph
    return bytes(table)


_ESCAPES = ((b"\0\\", b"\0\\\\"), (b"\0(", b"\0\\("), (b"\0)", b"\0\\)"), (b"\0\r", b"\0\\r"))
"""Backslash first. A glyph's high byte is 0 and its low byte is not, so matches begin at glyphs only."""
