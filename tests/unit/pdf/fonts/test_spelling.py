"""Texts spelled together are what their characters are one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.pdf.fonts import default_chain
from pipeline.pdf.fonts.glyph_run import escaped
from pipeline.pdf.fonts.spelling import MOST, Speller

LETTERS = [*map(chr, range(32, 127)), *map(chr, range(0x400, 0x400 + 2 * MOST))]
# Glyphs in whose bytes are those of brackets, line ends and backslashes, zero and 255.
ODD = [0x28, 0x2829, 0x5C0D, 0x0A0A, 0xFF, 0x12FF, 0xFF01, 0xFFFE, 0x100, 0xFE]
GLYPHS = {letter: ODD[i] if i < len(ODD) else 300 + i for i, letter in enumerate(reversed(LETTERS))}


def alone(text: str) -> bytes | None:
    if not GLYPHS.keys() >= set(text):
        return None
    return "".join(escaped(GLYPHS[letter]) for letter in text).encode("latin-1")


@given(st.lists(st.lists(st.text([*LETTERS, "\0", "\x07", "\x7f", "中", "😀", "\ud800"], max_size=8), min_size=1)))
def test_texts_are_spelled_as_their_characters_are(pages: list[list[str]]) -> None:
    speller = Speller(GLYPHS)
    for page in pages:
        assert list(speller.spell_all(page)) == [alone(text) for text in page]


def test_more_letters_than_a_code_page_has() -> None:
    speller, letters = Speller(GLYPHS), "".join(LETTERS)
    for texts in ([letters], [*LETTERS], [letters[-MOST:], letters[-2 * MOST : -MOST]], LETTERS[-5:]):
        assert list(speller.spell_all(texts)) == [alone(text) for text in texts]


def test_a_text_of_another_font_leaves_those_beside_it_as_they_are() -> None:
    found = default_chain().spell_all(["Иванов 7", "王小明", "Zoë (x)"])
    assert [text is None for text in found] == [False, True, False]
    assert [default_chain().spell_all([text])[0] for text in ("Иванов 7", "Zoë (x)")] == [found[0], found[2]]
