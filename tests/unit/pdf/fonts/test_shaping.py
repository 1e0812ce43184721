"""Text of any script: how wide it is, and what a reader finds."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from unicodedata import normalize

import pypdfium2
import pytest

from pipeline.pdf import fonts
from pipeline.pdf.objects import text_string

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


VOWELS = {
    "below at the end": "بِسْمِ",
    "two letters without": "ٱلرَّحِيمِ",
    "two marks": "مُحَمَّد",
    "lam with alef": "السَّلَامُ",
    "at the end": "كِتَابٌ",
    "hebrew": "בְּרֵאשִׁית",
    "hebrew, left of its letter": "וָבֹהוּ",
    "some words with marks": "كتاب مُحَمَّد كتاب",
    "hebrew words": "שלום שָׁלוֹם עולם",
    "thai": "ที่นี่ กำลัง",
    "devanagari": "हिन्दी कि क्षत्रिय",
    "vietnamese": "Tie\u0302\u0301ng Vie\u0323\u0302t",
}


@pytest.mark.parametrize("name", VOWELS)
def test_pdfium_finds_letters_with_their_marks_in_order(name: str) -> None:
    line = VOWELS[name]
    with pypdfium2.PdfDocument(page_of(line)) as document:
        text = document[0].get_textpage()
        found = text.get_text_bounded()
        assert normalize("NFC", found) == normalize("NFC", line)
        assert all(text.search(word).get_next() for word in found.split())


@pytest.mark.parametrize("name", VOWELS)
def test_poppler_finds_letters_with_their_marks_in_order(name: str, tmp_path: Path) -> None:
    if not shutil.which("pdftotext"):
        pytest.skip("There is no pdftotext here; on Debian: apt-get install poppler-utils")
    path = tmp_path / "page.pdf"
    path.write_bytes(page_of(VOWELS[name]))
    command = ["pdftotext", "-enc", "UTF-8", str(path), "-"]
    found = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert normalize("NFC", found.strip("\n\f \u202a\u202b\u202c")) == normalize("NFC", VOWELS[name])


@pytest.mark.parametrize("name", sorted(VOWELS.keys() - {"lam with alef", "hebrew, left of its letter", "thai"}))
def test_pypdf_finds_letters_with_their_marks_in_order(name: str) -> None:
    """It takes no ActualText: a ligature is told as it is seen, and no built-in font has Thai."""
    assert normalize("NFC", text_of(page_of(VOWELS[name])).strip()) == normalize("NFC", VOWELS[name])


def test_a_word_with_marks_is_told_in_its_own_order_first() -> None:
    """ISO 32000-1, 14.9.4: the text of a span stands for all that is in it."""
    shown = fonts.default_chain().show("كِتَابٌ", 10)
    assert shown.index(text_string("كِتَابٌ")) < shown.index(text_string("كِتَابٌ"[::-1]))
    assert shown.count(b"BDC") == shown.count(b"EMC") == 3


def test_text_without_marks_has_no_spans() -> None:
    for line in (HEBREW, ARABIC, "e\u0301 é", "Ωμέγα"):
        assert b"BDC" not in fonts.default_chain().show(line, 10)


def test_arabic_letters_have_a_glyph_each_apart_from_lam_with_alef() -> None:
    chain = fonts.default_chain()
    font = chain.fonts[chain.font_index("ش") or 0]
    assert [len(font.shape(word, True)) for word in ("شر", "صى", "سز", "بي", "ببن", "لا", "لأ", "سلام")] == [
        2, 2, 2, 2, 3, 1, 1, 3
    ]  # fmt: skip
    assert len(font.shape("لَا", True)) == 2  # the vowel is above the ligature
