"""What a segment drew, as far as the fonts at the end of the file need to know."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from itertools import filterfalse

from .chain import FontChain
from .glyph_run import Glyph

LONG = 500  # characters
ASCII = "".join(map(chr, range(128)))
OTHERS = re.compile(r"[^\0-\x7f]")


class FontUsage:
    """The characters drawn one by one in regular faces, and all other glyphs with their texts.

    Others are shaped, bold, or the shape of an ideograph in some language.
    """

    def __init__(self) -> None:
        self.characters: set[str] = set()
        self.glyphs: dict[tuple[int, int], str] = {}
        self._others: set[int] = set()  # the fonts of `glyphs`

    def __bool__(self) -> bool:
        return bool(self.characters or self.glyphs)

    def add(self, texts: Iterable[str], chain: FontChain) -> str:
        """Add lines of text. Returns the characters that no font has, each as often as it occurs."""
        lines = list(texts)
        characters = _characters("".join(lines))
        if chain.is_plain(characters) or chain.is_simple(characters):
            self._add_drawn(characters, chain)
            return ""
        others = {character for character in characters if not chain.is_simple(character)}
        drawn, odd = _parted(lines, others)
        missing = []
        for text in odd:
            line = chain.line(text)
            drawn.append(line.characters)
            self.update((), line.shaped)
            missing.append(line.missing)
        self._add_drawn(_characters("".join(drawn)), chain)
        return "".join(missing)

    def _add_drawn(self, characters: set[str], chain: FontChain) -> None:
        """Add characters drawn one by one; the first font of the chain is set for them."""
        if chain.own_glyphs is None:
            self.characters |= characters
            return
        own = [chain.own_glyphs[character] for character in characters]
        self.characters.update([c for c, glyph in zip(characters, own, strict=True) if glyph is None])
        self.update((), [Glyph(chain.first, 0, ""), *filter(None, own)])

    def add_usage(self, other: FontUsage) -> None:
        """Add what a page, or a part of one, used."""
        self.characters |= other.characters
        if not self.glyphs:
            self.glyphs, self._others = other.glyphs.copy(), other._others.copy()
        elif new := other.glyphs.items() - self.glyphs.items():
            self.update((), [Glyph(*key, text) for key, text in new])

    def update(self, characters: Iterable[str], glyphs: Iterable[Glyph]) -> None:
        """Add what another segment used. Of several texts of a glyph the smallest counts, whatever the order."""
        self.characters.update(characters)
        for font, glyph, text in glyphs:
            known = self.glyphs.get((font, glyph))
            if known != text:
                self._others.add(font)
                self.glyphs[font, glyph] = min(filter(None, (known, text)), default="")

    @property
    def shaped(self) -> list[Glyph]:
        """The shaped glyphs, sorted."""
        return [Glyph(*key, self.glyphs[key]) for key in sorted(self.glyphs)]

    def fonts(self, chain: FontChain) -> list[int]:
        """Return the indexes of the fonts used. The first font is used whenever there is text."""
        if chain.is_plain(self.characters):
            return sorted({0, *self._others}) if self else []
        drawn = {chain.font_index(character) or 0 for character in self.characters}
        return sorted({0, *drawn, *self._others})

    def by_font(self, chain: FontChain) -> dict[int, dict[int, str]]:
        """Return, for each font, its glyphs and the text that each stands for.

        The first font is included even without glyphs, since every page with text sets it.
        """
        found: dict[int, dict[int, str]] = defaultdict(dict, {0: {}} if self else {})
        for font, glyph, text in self.shaped:
            found[font][glyph] = text
        for character in sorted(self.characters, reverse=True):
            placed = chain.placed(character)
            found[placed.font][placed.id] = character
        return found


def _parted(lines: Sequence[str], others: Set[str]) -> tuple[list[str], list[str]]:
    """Return lines without any of the characters `others`, and those with some."""
    ascii_too = not others.isdisjoint(ASCII)
    looked_at = [line for line in lines if ascii_too or not line.isascii()]
    rest = [line for line in lines if line.isascii()] if not ascii_too else []
    return rest + list(filter(others.isdisjoint, looked_at)), list(filterfalse(others.isdisjoint, looked_at))


def _characters(text: str) -> set[str]:
    """Return the characters of a text. In a long one, each character of ASCII is searched for instead."""
    if len(text) <= LONG:
        return set(text)
    found = {character for character in ASCII if character in text}
    return found if text.isascii() else found.union(OTHERS.findall(text))
