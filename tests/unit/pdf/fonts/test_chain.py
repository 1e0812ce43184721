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
from pipeline.pdf.segment_index import SegmentIndex
from pipeline.pdf.tail_bound import TailBound

from ....make_pdf import opened, pictures
from .font_files import ARABIC, HEBREW, font, page_of, text_of


def warnings_of(*lines: str) -> list[str]:
    writer = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    writer.tally.place = "page 1"
    with writer.page(100, 100) as page:
        for line in lines:
            page.text(10, 10, 10, line)
    bound = TailBound()
    bound.add(SegmentIndex.decode(writer.finish(1).encode()))
    return bound.warnings


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["aกb"], ": ก U+0E01 (page 1). Add a font"),
        (["aกb", "กก"], ": ก U+0E01 (3 times, first: page 1). Add a font"),
        (["ጀ" + "".join(map(chr, range(0x1200, 0x121D)))], ", ሓ U+1213 (page 1), and 10 more. Add a font"),
        (["\ue001 \U0001fae9"], ": U+E001 (page 1), U+1FAE9 (page 1). Add a font"),
    ],
    ids=["one", "several", "many", "unknown"],
)
def test_characters_without_a_font_are_named(lines: list[str], words: str) -> None:
    (warning,) = warnings_of(*lines)
    assert warning.startswith("No font has these characters, so they are drawn as \ufffd")
    assert words in warning


def test_control_characters_are_named_for_what_they_are() -> None:
    """No font helps: they are drawn as boxes even where a font has them."""
    first, second = warnings_of("\x1b[31mred\x07\x07 \0", "\ud800 ก")
    assert first.startswith("No font has these characters, so they are drawn as \ufffd: ก U+0E01 (page 1).")
    assert second == (
        "Control characters are drawn as \ufffd: U+0000 (page 1), U+0007 (2 times, first: page 1), "
        "U+001B (page 1), U+D800 (page 1). No font shows them; remove them from the source."
    )


@pytest.mark.parametrize("text", ["aกb", "a\x1bb", "a\ud800b", "a\ue001b", "a\U0001fae9b", "\x1c\x1f"])
def test_characters_without_a_font_are_drawn_as_boxes(text: str) -> None:
    pdf, boxed = page_of(text), "".join(c if c in "ab" else "\ufffd" for c in text)
    assert text_of(pdf) == boxed
    assert pictures(pdf) == pictures(page_of(boxed))


@pytest.mark.parametrize(
    "text", ["co\xadop", "a\u200bb", "\u3164", "\ufeffx", "x\U000e0041", "a\tb\u2028c\xa0d\u3000"]
)
def test_what_draws_nothing_is_not_missing(text: str) -> None:
    assert not warnings_of(text)


def test_private_use_and_new_characters_are_drawn_where_a_font_has_them(tmp_path: Path) -> None:
    """They are newer than the Unicode of this Python, or will be for an older one."""
    characters = "\ue001\U00031350\U0002ebf0\U0010fffd"
    fonts.load([str(font(tmp_path, characters="A" + characters))])
    assert not warnings_of(characters)
    pdf = page_of(characters)
    assert text_of(pdf) == characters
    assert pictures(pdf) == pictures(page_of("AAAA"))


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
    pdf = page_of("日本語 text 한국어")
    assert text_of(pdf) == "日本語 text 한국어"
    assert len(pdf) < 120_000
    assert pictures(pdf) != pictures(page_of("\ufffd" * 3 + " text " + "\ufffd" * 3))
