"""The fonts of all text, in order: each draws the characters that the fonts before it lack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from functools import lru_cache, partial
from itertools import groupby
from math import inf

from ..numbering import MAX_FONTS
from ..objects import number
from .characters import REPLACEMENT, draws_nothing, is_control, shown_as_is
from .files import FontFile, bold_face, fingerprint
from .font import Font
from .glyph_run import Glyph, Line, Placed, SetRun, escaped, make_line, set_glyphs
from .line_breaking import WORD, largest_fitting, whole_letters
from .shaping import COMPLEX, one_by_one, shaped, shaped_run
from .spelling import Speller
from .wrapping import LONG, Lines, wrapped, wrapped_words

LINES = 1024  # cached lines that are not plain, about 2 MB: a page of a table is measured, then drawn
RUNS = 4096  # cached shaped runs of at most LONGEST_RUN characters, at most 2 kB each
LONGEST_RUN = 40
WORDS = 8192  # cached widths of words of at most LONGEST_RUN characters, about 1 MB
BLANK = 500  # width of a character without a font, when the replacement has none either


class FontChain:
    """Measures and spells text with fonts in order. Sizes are in points, widths in 1/1000 of the size.

    Text is plain when the first font has all its characters and each is one glyph, from left to right; it is
    measured and spelled by looking characters up. Any other text is a `Line`; where each character is one glyph of
    some font (Chinese, Korean), it is simple: its glyphs are looked up too, and nothing is shaped.

    `fonts` are by their places in a file: a bold face is MAX_FONTS behind its font, which stands in for one that
    is missing. `language` is that of Font. `regular` is the chain of the same files that is neither bold nor
    in a language, None for that chain itself.
    """

    def __init__(
        self, files: Sequence[FontFile], bold: bool = False, language: str = "", regular: FontChain | None = None
    ) -> None:
        self.fonts: dict[int, Font] = dict(_faces(files, bold, language))
        self.first = next(iter(self.fonts))
        self.fingerprint: str = regular.fingerprint if regular else fingerprint(files)
        self.own_glyphs = OwnGlyphs(self, regular) if regular else None
        first = self.fonts[self.first]
        plain = list(filter(shown_as_is, COMPLEX.sub("", first.characters)))
        ids = list(map(first.glyph, plain))
        self._widths = dict(zip(plain, map(first.advance, ids), strict=True))
        self._speller = Speller(dict(zip(plain, ids, strict=True)))
        self._places: dict[str, int | None] = {}
        self._simple = SimpleCharacters(self)
        self._words = WordWidths(self)
        self.line: Callable[[str], Line] = lru_cache(LINES)(self._line)
        self._run = lru_cache(RUNS)(partial(shaped_run, chain=self))
        self.even_digits = len({self._widths.get(digit) for digit in "0123456789"}) == 1

    @property
    def name(self) -> str:
        """The name of the first font."""
        return self.fonts[self.first].name

    def has(self, character: str) -> bool:
        """Return whether a font can draw a character."""
        return self.font_index(character) is not None

    def font_index(self, character: str) -> int | None:
        """Return the place of the first font that has a character; None when no font has it."""
        if character in self._widths:
            return self.first
        if character not in self._places:
            found = (place for place, font in self.fonts.items() if font.glyph(character))
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
            return Placed(self.first, 0, 0, BLANK)
        glyph = self.fonts[place].glyph(drawn)
        width = round(self.fonts[place].advance(glyph))
        return Placed(place, glyph, width, width)

    def run(self, text: str, backward: bool) -> SetRun:
        """Return the glyphs of a run of one direction. Short ones, such as words and names, are shaped once."""
        return self._run(text, backward) if len(text) <= LONGEST_RUN else shaped_run(text, backward, self)

    def width(self, text: str, size: float) -> float:
        """Return the width of a text in points."""
        try:
            total: float = sum(map(self._widths.__getitem__, text))
        except KeyError:
            try:
                total = sum(map(self._simple.__getitem__, text))
            except KeyError:
                total = self.line(text).width
        return total * size / 1000

    def advances(self, text: str) -> list[float] | None:
        """Return the width of each character of a text; None when the text is neither plain nor simple."""
        try:
            return list(map(self._widths.__getitem__, text))
        except KeyError:
            try:
                return list(map(self._simple.__getitem__, text))
            except KeyError:
                return None

    def word_widths(self, words: Iterable[str]) -> list[float]:
        """Return the width of each word with a space behind it; infinite for one that is neither plain nor simple,
        or is more than letters and what may follow them.
        """
        return list(map(self._words.__getitem__, words))

    def is_simple(self, characters: Iterable[str]) -> bool:
        """Return whether each of these characters is one glyph of some font, from left to right."""
        try:
            for character in characters:
                self._simple[character]
        except KeyError:
            return False
        return True

    def show(self, text: str, size: float) -> bytes:
        """Return the operators that draw a text from the current point on; the first font is set in this size."""
        (plain,) = self.spell_all([text])
        return self.show_others(text, size) if plain is None else b"(%s)Tj" % plain

    def show_others(self, text: str, size: float) -> bytes:
        """Return what `show` does, for a text that is not plain."""
        return self._simple.show(text, size) if self.is_simple(text) else self.line(text).show(size)

    def spell_all(self, texts: Sequence[str]) -> Sequence[bytes | None]:
        """Return each text as the inside of a literal string in the first font, None for one that is not plain."""
        return self._speller.spell_all(texts)

    def fit(self, text: str, size: float, width: float) -> str:
        """Return the text, cut with an ellipsis if it is wider than `width` points."""
        if self.fits(text, size, width):
            return text
        count = largest_fitting(len(text) - 1, lambda n: self.width(text[:n].rstrip(" ") + "…", size) <= width)
        return text[: whole_letters(text, count)].rstrip(" ") + "…"

    def wrap(self, text: str, size: float, width: float, lines: int) -> Lines:
        """Return the text in at most `lines` lines; the last one ends in … when it is cut.

        Lines break as Unicode Standard Annex 14 says, and inside a word that is too long for a line.
        """
        return wrapped(self, text, size, width, lines)

    def wrap_words(self, texts: Sequence[str], size: float, width: float, lines: int) -> list[Lines]:
        """Return what `wrap` does for each of these texts; none for one that is not words with single spaces."""
        return wrapped_words(self, texts, size, width, lines)

    def fits(self, text: str, size: float, width: float) -> bool:
        """Return whether a text is at most `width` points wide.

        Of a long text the first half is tried first: it may have a million characters and is measured for
        each line.
        """
        if len(text) > LONG and not self.fits(text[: len(text) // 2], size, width):
            return False
        return self.width(text, size) <= width

    def _line(self, text: str) -> Line:
        runs = shaped(text, self) if COMPLEX.search(text) else [set_glyphs(one_by_one(text, self), text)]
        lone = "".join([run.lone for run in runs])
        missing = "".join([c for c in lone if not self.has(c) and not draws_nothing(c)])
        drawn = "".join([c for c in lone if self.has(c)]) + (REPLACEMENT if missing else "")
        return make_line(self.first, runs, drawn, missing)


class SimpleCharacters(dict[str, int]):
    """The widths of characters that are one glyph of some font each; KeyError for any other.

    It grows with the different characters of the text, at most those of the fonts.
    """

    def __init__(self, chain: FontChain) -> None:
        super().__init__()
        self._chain = chain
        self._fonts: dict[str, int] = {}
        self._spelling: dict[int, str] = {}

    def __missing__(self, character: str) -> int:
        if not _is_plain(character) or not self._chain.has(character):
            raise KeyError(character)
        placed = self._chain.placed(character)
        self._fonts[character] = placed.font
        self._spelling[ord(character)] = escaped(placed.id)
        self[character] = placed.width
        return placed.width

    def show(self, text: str, size: float) -> bytes:
        """Return the operators that draw a text of characters that were looked up here, as Line.show does."""
        first, parts = self._chain.first, []
        font = first
        for place, part in groupby(text, self._fonts.__getitem__):
            if place != font:
                parts.append(b"/F%d %s Tf" % (place + 1, number(size)))
                font = place
            parts.append(b"(%s)Tj" % "".join(part).translate(self._spelling).encode("latin-1"))
        if font != first:
            parts.append(b"/F%d %s Tf" % (first + 1, number(size)))
        return b" ".join(parts)


class WordWidths(dict[str, float]):
    """The widths of words with a space behind them; infinite for other texts, see FontChain.word_widths."""

    def __init__(self, chain: FontChain) -> None:
        super().__init__()
        self._chain = chain

    def __missing__(self, word: str) -> float:
        advances = self._chain.advances(word + " ") if WORD.fullmatch(word) else None
        width = inf if advances is None else sum(advances)
        if len(self) >= WORDS:
            self.clear()
        if len(word) <= LONGEST_RUN:
            self[word] = width
        return width


class OwnGlyphs(dict[str, Glyph | None]):
    """The glyph of a character in a chain; None where it is that of the regular chain."""

    def __init__(self, chain: FontChain, regular: FontChain) -> None:
        super().__init__()
        self._chain = chain
        self._regular = regular

    def __missing__(self, character: str) -> Glyph | None:
        placed, usual = self._chain.placed(character), self._regular.placed(character)
        alike = (placed.font, placed.id) == (usual.font, usual.id)
        self[character] = None if alike else Glyph(placed.font, placed.id, character)
        return self[character]


def _faces(files: Sequence[FontFile], bold: bool, language: str) -> Iterator[tuple[int, Font]]:
    for place, file in enumerate(files):
        if bold and (face := bold_face(file)):
            yield place + MAX_FONTS, Font(face, language)
        else:
            yield place, Font(file, language)


def _is_plain(character: str) -> bool:
    return shown_as_is(character) and not COMPLEX.match(character)
