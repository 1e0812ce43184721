"""Which font draws what, and what is embedded."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
import pytest

from pipeline.errors import ExportFailed
from pipeline.pdf import fonts
from pipeline.pdf.assembly import Assembly
from pipeline.pdf.catalog import About
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter
from pipeline.pdf.tail_bound import TailBound

from ....make_pdf import opened, pictures
from .font_files import ARABIC, HEBREW, font, page_of, text_of


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (1, "these characters: 中 (U+4E2D). Add a font"),
        (30, ", 丑 (U+4E11), 丒 (U+4E12), 专 (U+4E13), and 10 more. Add a font"),
    ],
    ids=["one", "many"],
)
def test_characters_without_a_font_are_named_and_replaced(missing: int, words: str) -> None:
    def fill(out: SegmentWriter) -> None:
        with out.page(100, 100) as page:
            page.text(10, 10, 10, "a中b" + "".join(map(chr, range(0x4E00, 0x4E00 + missing - 1))))

    file = io.BytesIO()
    writer = SegmentWriter(file, Lane(0, 1), 0, header=True)
    fill(writer)
    index = writer.finish(1)
    bound = TailBound()
    bound.add(index)
    (warning,) = bound.warnings
    assert words in warning
    pdf = page_of("a中b")
    assert text_of(pdf) == "a\ufffdb"
    assert pictures(pdf) == pictures(page_of("a\ufffdb"))


@pytest.mark.parametrize("cff", [False, True], ids=["truetype", "cff"])
def test_a_font_of_ones_own_is_taken_first_and_embedded_once(tmp_path: Path, cff: bool) -> None:
    fonts.load([str(font(tmp_path, cff=cff))])
    pdf = page_of("Aé中 plain", "AA")
    with opened(pdf) as file:
        used = file.pages[0].Resources.Font
        assert str(used.F1.BaseFont).endswith("+House")
        assert set(used.keys()) == {"/F1", "/F2"}
        descriptor = used.F1.DescendantFonts[0].FontDescriptor
        assert ("/FontFile3" in descriptor) == cff
    assert text_of(pdf) == "Aé中 plain\nAA"
    house = _black(pictures(page_of("AA"))[0])
    fonts.load(["default", str(font(tmp_path, cff=cff))])
    assert house > 1.5 * _black(pictures(page_of("AA"))[0])  # Noto's A is no square
    assert "中" in text_of(page_of("中"))


def _black(picture: bytes) -> int:
    return sum(255 - value for value in picture)


def test_a_page_names_the_fonts_it_uses_only() -> None:
    with opened(page_of("Latin")) as file:
        assert set(file.pages[0].Resources.Font.keys()) == {"/F1"}
    with opened(page_of(f"{HEBREW} {ARABIC}")) as file:
        assert len([obj for obj in file.objects if isinstance(obj, pikepdf.Dictionary) and "/Encoding" in obj]) == 3


def test_fonts_that_changed_during_an_export_are_noticed(tmp_path: Path) -> None:
    file = io.BytesIO()
    writer = SegmentWriter(file, Lane(0, 1), 0, header=True)
    with writer.page(100, 100) as page:
        page.text(10, 10, 10, "A")
    index = writer.finish(1)
    fonts.load([str(font(tmp_path))])
    with pytest.raises(ExportFailed, match="fonts changed"):
        Assembly(lambda: iter([index]), About("T", 0.0, "id"))


def test_a_large_cff_font_is_cut_to_what_is_used() -> None:
    fonts.load(["default", "noto_cjk_sans_jp_regular"])
    pdf = page_of("日本語 text 漢字")
    assert text_of(pdf) == "日本語 text 漢字"
    assert len(pdf) < 100_000
    assert pictures(pdf) != pictures(page_of("\ufffd" * 3 + " text " + "\ufffd" * 2))
