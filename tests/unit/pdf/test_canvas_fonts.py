"""TrueType fonts of canvases: one embedding a segment, the same codes on every page."""

# ruff: noqa: RUF001  # dashes
from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from reportlab.lib.enums import TA_JUSTIFY
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from pipeline.pdf.canvas_fonts import code_of
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter

from ...make_pdf import filled, opened, pictures
from .foreign_files import texts

WORDS = "Zażółć gęślą – “x” € ünïcödé Ω ≤ fi and 漢 without a glyph"


@pytest.fixture(scope="module", autouse=True)
def vera() -> None:
    for name in ("Vera", "VeraBd"):
        pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))


def draw(canvas: Any, number: int) -> None:
    canvas.setFont("Vera", 9)
    canvas.drawString(10, 180, f"{number} {WORDS}")
    canvas.setFont("VeraBd", 9)
    canvas.drawString(10, 160, chr(0x100 + number) + chr(0x41 + number))
    style = ParagraphStyle("n", fontName="Vera", fontSize=9, alignment=TA_JUSTIFY)
    paragraph = Paragraph(f"Words – of a paragraph Ω that is set to both margins, number {number}. " * 3, style)
    paragraph.wrap(280, 200)
    paragraph.drawOn(canvas, 10, 60)


def drawn(numbers: range) -> bytes:
    def fill(out: SegmentWriter) -> None:
        for number in numbers:
            with out.canvas(300, 200) as canvas:
                draw(canvas, number)

    return filled(fill)


def test_every_character_has_a_code_of_its_own() -> None:
    everything = [code_of(character) for character in range(0x110000)]
    assert len(set(everything)) == 0x110000
    assert [character for character in range(0x110000) if everything[character] & 0xFF == 32] == [32]
    assert {everything[ord(character)] >> 8 for character in "aé€“”–…ß"} == {0}


def test_fonts_are_embedded_once_however_many_canvases_use_them() -> None:
    programs = [drawn(range(pages)).count(b"/Length1") for pages in (12, 24)]
    assert programs == [6, 6]  # three subsets of two fonts


def test_pages_look_as_reportlab_alone_draws_them() -> None:
    alone = io.BytesIO()
    canvas = Canvas(alone, pagesize=(300, 200))
    for number in range(3):
        draw(canvas, number)
        canvas.showPage()
    canvas.save()
    ours = drawn(range(3))
    assert pictures(ours) == pictures(alone.getvalue())
    assert texts(ours) == texts(alone.getvalue())


def test_a_page_is_the_same_whatever_was_drawn_before() -> None:
    with opened(drawn(range(5))) as whole, opened(drawn(range(4, 5))) as alone:
        assert whole.pages[4].Contents.read_bytes() == alone.pages[0].Contents.read_bytes()


def interrupted(writer: SegmentWriter) -> None:
    mark = writer.rollback_point()
    with writer.canvas(300, 200) as canvas:
        canvas.setFont("VeraBd", 9)
        canvas.drawString(10, 10, "ΩŒ other characters")
    writer.roll_back(mark)


def nothing(writer: SegmentWriter) -> None:
    pass


def segment(between: Callable[[SegmentWriter], None]) -> bytes:
    file = io.BytesIO()
    writer = SegmentWriter(file, Lane(0, 1), 0, header=True)
    between(writer)
    with writer.canvas(300, 200) as canvas:
        draw(canvas, 1)
    between(writer)
    writer.finish(1)
    return file.getvalue()


def test_a_page_that_is_taken_back_leaves_no_characters() -> None:
    assert segment(interrupted) == segment(nothing)


def test_a_font_may_be_registered_while_drawing() -> None:
    def fill(out: SegmentWriter) -> None:
        with out.canvas(300, 200) as canvas:
            canvas.drawString(10, 10, "before")
            pdfmetrics.registerFont(TTFont("Late", "VeraIt.ttf"))
            text = canvas.beginText(10, 50)
            text.setFont("Late", 9)
            text.textOut("Ω late")
            canvas.drawText(text)

    assert texts(filled(fill)) == ["before\nΩ late"]
