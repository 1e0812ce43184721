"""What a segment drew, as far as the fonts at the end of the file need to know."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from .chain import FontChain
from .glyph_run import Glyph

LONG = 500  # characters
ASCII = "".join(map(chr, range(128)))
OTHERS = re.compile(r"[^\0-\x7f]")


class FontUsage:
    """The characters drawn one by one, and the shaped glyphs with their texts."""

    def __init__(self) -> None:
        self.characters: set[str] = set()
        self.glyphs: dict[tuple[int, int], str] = {}

    def __bool__(self) -> bool:
        return bool(self.characters or self.glyphs)

    def add(self, texts: Iterable[str], chain: FontChain) -> str:
        """Add lines of text. Returns the characters that no font has, each as often as it occurs."""
        lines = list(texts)
        characters = _characters("".join(lines))
        if chain.is_plain(characters) or chain.is_simple(characters):
            self.characters |= characters
            return ""
        others = {character for character in characters if not chain.is_simple(character)}
        self.characters.update(*[text for text in lines if others.isdisjoint(text)])
        missing = []
        for text in lines:
            if not others.isdisjoint(text):
                line = chain.line(text)
                self.update(line.characters, line.shaped)
                missing.append(line.missing)
        return "".join(missing)

    def update(self, characters: Iterable[str], glyphs: Iterable[Glyph]) -> None:
        """Add what another segment used. Of several texts of a glyph the smallest counts, whatever the order."""
        self.characters.update(characters)
        for font, glyph, text in glyphs:
            known = self.glyphs.get((font, glyph))
            self.glyphs[font, glyph] = min(filter(None, (known, text)), default="")

    @property
    def shaped(self) -> list[Glyph]:
        """The shaped glyphs, sorted."""
        return [Glyph(*key, self.glyphs[key]) for key in sorted(self.glyphs)]

    def fonts(self, chain: FontChain) -> list[int]:
        """Return the indexes of the fonts used. The first font is used whenever there is text."""
        if not self.glyphs and chain.is_plain(self.characters):
            return [0] if self.characters else []
        drawn = {chain.font_index(character) or 0 for character in self.characters}
        return sorted({0, *drawn, *(font for font, _ in self.glyphs)})

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


def _characters(text: str) -> set[str]:
    """Return the characters of a text. In a long one, each character of ASCII is searched for instead."""
    if len(text) <= LONG:
        return set(text)
    found = {character for character in ASCII if character in text}
    return found if text.isascii() else found.union(OTHERS.findall(text))
