"""Text of any script: how wide it is, and what a reader finds."""

from __future__ import annotations

from unicodedata import normalize

import pypdfium2
import pytest

from pipeline.pdf import fonts

from .font_files import ARABIC, HEBREW, page_of, text_of


@pytest.mark.parametrize(
    "line",
    [HEBREW, "می‌خواهم کتاب", "नमस्ते", "Ωμέγα жизнь", "price: 12 ₪"],
    ids=range(5),
)
def test_a_reader_finds_the_text_that_was_drawn(line: str) -> None:
    assert text_of(page_of(line)) == line


@pytest.mark.parametrize("line", ["क्षत्रिय हिन्दी abc", "中文", "e\u0323\u0301"], ids=range(3))
def test_a_reader_finds_text_whose_glyphs_do_not_tell_it(line: str) -> None:
    with pypdfium2.PdfDocument(page_of(line)) as document:
        assert document[0].get_textpage().get_text_bounded() == normalize("NFC", line)


def test_every_kind_of_text_is_measured_as_wide_as_it_is_drawn() -> None:
    face = fonts.default_chain()
    assert face.width(HEBREW, 10) == pytest.approx(sum(face.width(c, 10) for c in HEBREW), rel=0.02)
    assert face.width(ARABIC, 10) < sum(face.width(c, 10) for c in ARABIC)  # letters that join are narrower
    assert face.width(f"a {HEBREW}", 10) == pytest.approx(face.width("a ", 10) + face.width(HEBREW, 10), rel=0.01)


@pytest.mark.parametrize(
    "word",
    [
        "شركة",
        "مصرف",
        "الأسرة",
        "كتابي",
        "بنسبة",
        "على",
        ARABIC,
        "سلام",
        "لا",
        "بلا",
        "لالا",
        "الأول",
        "أهلا وسهلا",
        "x لا",
    ],
)
def test_pdfium_finds_arabic_words(word: str) -> None:
    with pypdfium2.PdfDocument(page_of(word)) as document:
        text = document[0].get_textpage()
        assert text.get_text_bounded() == word
        assert text.search(word).get_next()


def test_arabic_letters_have_a_glyph_each_apart_from_lam_with_alef() -> None:
    chain = fonts.default_chain()
    font = chain.fonts[chain.font_index("ش") or 0]
    assert [len(font.shape(word, True)) for word in ("شر", "صى", "سز", "بي", "ببن", "لا", "لأ", "سلام")] == [
        2, 2, 2, 2, 3, 1, 1, 3
    ]  # fmt: skip
    assert len(font.shape("لَا", True)) == 2  # the vowel is above the ligature
