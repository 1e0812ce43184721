"""Any script: which font draws what, in which order it stands, and what a reader finds."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

import pikepdf
import pypdf
import pypdfium2
import pytest
from bidi import get_display
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ExportFailed, InvalidSetting
from pipeline.pdf import fonts
from pipeline.pdf.assembly import About, Assembly
from pipeline.pdf.fonts.bidi import visual_runs
from pipeline.pdf.fonts.chain import FontChain
from pipeline.pdf.fonts.files import font_files
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter
from pipeline.pdf.tail_bound import TailBound

from ..make_pdf import filled, opened, pictures

HEBREW, ARABIC = "שלום עולם", "السلام عليكم"


@pytest.fixture(autouse=True)
def only_the_built_in_fonts() -> Iterator[None]:
    fonts.load(())
    yield
    fonts.load(())


def font(folder: Path, name: str = "House", *, characters: str = "Aé中", cff: bool = False, bits: int = 0) -> Path:
    """A font whose glyphs are squares, half as high as they are wide."""
    glyphs = [".notdef", *(f"g{ord(c)}" for c in characters)]
    builder = FontBuilder(1000, isTTF=not cff)
    builder.setupGlyphOrder(glyphs)
    builder.setupCharacterMap({ord(c): f"g{ord(c)}" for c in characters})
    if cff:
        pen = T2CharStringPen(800, None)
        _square(pen)
        builder.setupCFF(name, {"FullName": name}, dict.fromkeys(glyphs, pen.getCharString()), {})
    else:
        other = TTGlyphPen(None)
        _square(other)
        builder.setupGlyf(dict.fromkeys(glyphs, other.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (800, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": name, "styleName": "Regular", "psName": name})
    builder.setupOS2(fsType=bits)
    builder.setupPost()
    path = folder / f"{name}.{'otf' if cff else 'ttf'}"
    builder.save(path)
    return path


def _square(pen: TTGlyphPen | T2CharStringPen) -> None:
    pen.moveTo((0, 0))
    for point in ((0, 400), (700, 400), (700, 0)):
        pen.lineTo(point)
    pen.closePath()


def page_of(*lines: str) -> bytes:
    def fill(out: SegmentWriter) -> None:
        with out.page(400, 40 + 20 * len(lines)) as page:
            for i, line in enumerate(lines):
                page.text(10, 20 + 20 * (len(lines) - i - 1), 12, line)

    return filled(fill)


def text_of(pdf: bytes) -> str:
    return pypdf.PdfReader(io.BytesIO(pdf)).pages[0].extract_text()


@given(st.text('abאבج12٣+,%. ()[]"', max_size=24))
def test_lines_are_ordered_as_an_independent_reading_of_the_standard_orders_them(text: str) -> None:
    text = text.strip()
    ours = ""
    for run in visual_runs(text):
        part = text[run.start : run.stop]
        ours += part[::-1] if run.backward else part
    assert ours == get_display(text)


@pytest.mark.parametrize(
    "line",
    [HEBREW, ARABIC, "می‌خواهم کتاب", "नमस्ते", "Ωμέγα жизнь", "price: 12 ₪"],
    ids=range(6),
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


def test_a_paragraph_keeps_its_direction_on_every_line() -> None:
    text = f"{HEBREW} one two three four five six seven"
    face = fonts.default_chain()
    lines = face.wrap(text, 10, 80, 9)
    assert len(lines) > 2
    assert all(line.startswith("\u200f") for line in lines[1:])
    assert " ".join(line.lstrip("\u200f") for line in lines) == text


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), max_size=60),
    st.floats(40, 200),
)
def test_wrapping_loses_nothing_and_every_line_fits(text: str, width: float) -> None:
    text = " ".join(text.split())
    face = fonts.default_chain()
    lines = face.wrap(text, 10, width, 1000)
    assert "".join(lines).replace("\u200e", "").replace("\u200f", "").replace(" ", "") == text.replace(
        " ", ""
    ).replace("\u200e", "").replace("\u200f", "")
    assert all(face.width(line, 10) <= width or len(line) < 12 for line in lines)


class Counting(FontChain):
    """A face that counts the characters it is asked to measure."""

    measured = 0

    def width(self, text: str, size: float) -> float:
        self.measured += len(text)
        return super().width(text, size)


def test_a_word_without_end_is_not_measured_whole_for_every_line() -> None:
    face, word = Counting(font_files([])), "لا" * 25_000
    lines = face.wrap(word, 8, 200, 60)
    assert len(lines) == 60 and lines[-1].endswith("…")
    assert face.measured < 3 * len(word)


def test_a_word_that_is_too_long_is_broken_and_ideographs_need_no_spaces(tmp_path: Path) -> None:
    face = fonts.default_chain()
    assert face.wrap("x" * 30, 10, 80, 9)[:2] == ["x" * 15, "x" * 15]
    broken = face.wrap("「日本」語。" * 5, 10, 60, 99)
    assert "".join(broken) == "「日本」語。" * 5
    assert not any(line.startswith(("」", "。")) or line.endswith("「") for line in broken)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (1, "1 kinds of characters: 中 (U+4E2D). FONTS"),
        (30, ", 丑 (U+4E11), 丒 (U+4E12), 专 (U+4E13), and 10 more. FONTS"),
    ],
    ids=["one", "many"],
)
def test_what_no_font_has_is_named_and_stands_as_a_question_mark(missing: int, words: str) -> None:
    def fill(out: SegmentWriter) -> None:
        with out.page(100, 100) as page:
            page.text(10, 10, 10, "a中b" + "".join(map(chr, range(0x4E00, 0x4E00 + missing - 1))))

    file = io.BytesIO()
    writer = SegmentWriter(file, Lane(0, 1), 0, header=True)
    fill(writer)
    index = writer.finish(1)
    inventory = TailBound()
    inventory.take(index)
    (warning,) = inventory.warnings
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


def test_collections_are_taken_by_number(tmp_path: Path) -> None:
    collection = TTCollection()
    collection.fonts = [TTFont(font(tmp_path, name)) for name in ("One", "Two")]
    path = tmp_path / "both.ttc"
    collection.save(path)
    with pytest.raises(InvalidSetting, match="a collection of 2 fonts: add #0 to #1"):
        fonts.load([str(path)])
    fonts.load([f"{path}#1"])
    assert fonts.default_chain().name == "Two"


def broken(data: bytes) -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "no font", b"%PDF-1.7 is something else"
    yield "cut off", data[: len(data) // 2]
    yield "a directory that is cut off", data[:40]
    yield "more tables than there are", data[:4] + b"\xff\xff" + data[6:]
    yield "a collection that is cut off", b"ttcf\0\1\0\0" + struct.pack(">I", 9)
    yield "no outlines", data.replace(b"glyf", b"glyg", 1)


@pytest.mark.parametrize("kind", range(7))
def test_a_broken_font_is_refused_at_once(tmp_path: Path, kind: int) -> None:
    words, data = list(broken(font(tmp_path).read_bytes()))[kind]
    path = tmp_path / "broken.ttf"
    path.write_bytes(data)
    with pytest.raises(InvalidSetting, match=r"FONTS names .*broken\.ttf") as caught:
        fonts.load([str(path)])
    assert caught.value.field == "FONTS", words


@pytest.mark.parametrize("bits", [0x2, 0x100, 0x200])
def test_a_font_that_may_not_be_embedded_is_refused(tmp_path: Path, bits: int) -> None:
    with pytest.raises(InvalidSetting, match="licence bits"):
        fonts.load([str(font(tmp_path, bits=bits))])
    fonts.load([str(font(tmp_path, bits=0x8))])


@pytest.mark.parametrize("name", ["/nowhere/x.ttf", "no_such_package", "pytest"])
def test_what_is_no_font_is_named(name: str) -> None:
    with pytest.raises(InvalidSetting, match=f"FONTS names .*{name}"):
        fonts.load([name])


def test_fonts_that_changed_while_an_export_was_made_are_noticed(tmp_path: Path) -> None:
    file = io.BytesIO()
    writer = SegmentWriter(file, Lane(0, 1), 0, header=True)
    with writer.page(100, 100) as page:
        page.text(10, 10, 10, "A")
    index = writer.finish(1)
    fonts.load([str(font(tmp_path))])
    with pytest.raises(ExportFailed, match="fonts changed"):
        Assembly(lambda: iter([index]), About("T", 0.0, "id"))


def test_the_same_fonts_elsewhere_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    path = font(tmp_path)
    copy = tmp_path / "other" / "copy.ttf"
    copy.write_bytes(path.read_bytes())
    one, two = (FontChain(font_files([str(p)])) for p in (path, copy))
    assert one.fingerprint == two.fingerprint != fonts.default_chain().fingerprint


def test_a_large_cff_font_is_cut_to_what_is_used() -> None:
    fonts.load(["default", "noto_cjk_sans_jp_regular"])
    pdf = page_of("日本語 text 漢字")
    assert text_of(pdf) == "日本語 text 漢字"
    assert len(pdf) < 100_000
    assert pictures(pdf) != pictures(page_of("\ufffd" * 3 + " text " + "\ufffd" * 2))
