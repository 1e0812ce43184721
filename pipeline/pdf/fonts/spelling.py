"""Spells texts as glyphs of one font, all texts of a page in a few calls.

A code page gives a byte to each character met; two tables turn these bytes into those of the glyphs.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence, Set

from .glyph_run import escaped

ASCII = "".join(map(chr, range(128)))
MOST = 128  # other characters of a code page
_BETWEEN, _UNKNOWN = b"\xff\xff", b"\xff\xfe"  # a line break, and a character without a code; no glyph has 255
_ESCAPES = ((b"\\", b"\\\\"), (b"(", b"\\("), (b")", b"\\)"), (b"\r", b"\\r"))  # backslash first (7.3.4.2)
_AS_ZERO = "pipeline.as_zero"
codecs.register_error(_AS_ZERO, lambda error: (bytes(error.end - error.start), error.end))  # type: ignore[attr-defined]


class Speller:
    """Spells characters that are one glyph each; `glyphs` are their ids."""

    def __init__(self, glyphs: Mapping[str, int]) -> None:
        self._glyphs = glyphs
        self._page = CodePage(glyphs, "")

    def spell_all(self, texts: Sequence[str]) -> Sequence[bytes | None]:
        """Return each text as the inside of a literal string; None for one with other characters.

        No text has a line break.
        """
        lines, page = "\n".join(texts), self._page
        spelled, odd = page.spell(lines)
        if new := self._glyphs.keys() & set("".join([texts[i] for i in odd])) - page.known:
            self._page = page = page.extended(self._glyphs, new)
            spelled, odd = page.spell(lines)
        for i in odd:
            spelled[i] = self._spell(texts[i])
        return spelled

    def _spell(self, text: str) -> bytes | None:
        """Return a text spelled character by character: not all of them have a code in the page."""
        if not self._glyphs.keys() >= set(text):
            return None
        return "".join([escaped(self._glyphs[character]) for character in text]).encode("latin-1")


class CodePage:
    """ASCII and up to MOST other characters, each as a byte. It never changes, so threads may share it."""

    def __init__(self, glyphs: Mapping[str, int], others: str) -> None:
        characters = ASCII + others
        self.known = frozenset(characters)
        self._codes = codecs.charmap_build(characters)
        pairs = [_pair(glyphs.get(character, 0)) for character in characters]
        pairs[ord("\n")] = _BETWEEN
        self._high, self._low = (bytes(part).ljust(256) for part in zip(*pairs, strict=True))

    def extended(self, glyphs: Mapping[str, int], new: Set[str]) -> CodePage:
        """Return a page with as many of these characters as it may have; if need be, without those of this one."""
        old = self.known - set(ASCII)
        kept = old if len(old) + len(new) <= MOST else set()
        return CodePage(glyphs, "".join([*sorted(kept), *sorted(new)][:MOST]))

    def spell(self, lines: str) -> tuple[list[bytes | None], list[int]]:
        """Return each line spelled, and the indexes of those with characters that have no code here."""
        coded = lines.encode() if lines.isascii() else codecs.charmap_encode(lines, _AS_ZERO, self._codes)[0]
        pairs = bytearray(2 * len(coded))
        pairs[::2], pairs[1::2] = coded.translate(self._high), coded.translate(self._low)
        for sign, escape in _ESCAPES:
            pairs = pairs.replace(sign, escape)
        spelled = bytes(pairs).split(_BETWEEN)
        odd = [i for i, line in enumerate(spelled) if _UNKNOWN in line] if _UNKNOWN in pairs else []
        return [*spelled], odd


def _pair(glyph: int) -> bytes:
    """Return the bytes of a glyph; those of no glyph for 0, and where they could be taken for it."""
    pair = glyph.to_bytes(2, "big")
    return _UNKNOWN if not glyph or 255 in pair else pair
