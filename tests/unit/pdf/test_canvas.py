"""Pages drawn with reportlab, as pages of a segment."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image
from reportlab.graphics.barcode import createBarcodeDrawing
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Frame, KeepInFrame, Paragraph, Table

from pipeline.documents import Range
from pipeline.documents.inputs import Inputs
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.job import DocumentJob
from pipeline.documents.params import Params
from pipeline.exports.plan import Cost, Marks, Survey, split_into_chunks
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter
from pipeline.settings import Settings
from pipeline.tasks.inline import render_file

from ...make_pdf import ABOUT, filled, opened, pictures
from ...pictures import jpeg
from ...readback import Seen, read

SETTINGS = Settings.from_env({})
LOGO = jpeg(1, 64, 48)


def draw_page(canvas: Any, number: int) -> None:
    """One page with text in two fonts, pictures inside and outside of the page, a barcode and a table."""
    canvas.setFont("Helvetica", 14)
    canvas.drawString(40, 550, f"Page {number} (with brackets) \\ and ünïcödé")
    canvas.setFont("Vera", 11)
    canvas.drawString(40, 530, f"Embedded: {number} ünïcödé")
    canvas.drawImage(ImageReader(io.BytesIO(LOGO)), 40, 440, 80, 60)
    canvas.drawImage(ImageReader(io.BytesIO(jpeg(number, 40, 30))), 140, 440, 80, 60)
    canvas.drawInlineImage(Image.new("RGB", (8, 8), "teal"), 240, 440, 20, 20)
    createBarcodeDrawing("Code128", value=f"ABC-{number}", barHeight=30).drawOn(canvas, 40, 380)
    words = Paragraph(f"Row <b>{number}</b> " + "of many words " * number, getSampleStyleSheet()["Normal"])
    table = Table(
        [["one", "two"], [words, str(number)]], colWidths=[200, 60], style=[("GRID", (0, 0), (-1, -1), 1, "red")]
    )
    Frame(40, 40, 320, 320).addFromList([KeepInFrame(300, 300, [table])], canvas)
    canvas.bookmarkPage(f"page-{number}")
    canvas.addOutlineEntry(f"Page {number} of Ünï", f"page-{number}", level=0)


class Drawn:
    """A kind of document that draws each of its pages with reportlab."""

    name = "drawn"
    params = Params
    records_field = ""

    def __init__(self, pages: int) -> None:
        self.pages = pages

    def check(self, params: Params, inputs: Inputs) -> None:
        pass

    def survey(self, params: Params, listing: str, inputs: Inputs) -> Survey:
        marks = Marks()
        for page in range(self.pages):
            marks.add(page, page)
        return Survey(self.pages, self.pages, marks, self.pages, Cost(0.01, 1000))

    def draw(
        self, params: Params, listing: str, part: Range, inputs: Inputs, out: SegmentWriter
    ) -> Generator[None, None, None]:
        for number in range(part.first, part.stop):
            with out.canvas(*A5) as canvas:
                draw_page(canvas, number)
            out.tally.records += 1
            out.tally.drawn += 1
            yield


@pytest.fixture(scope="module", autouse=True)
def vera() -> None:
    pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))


def rendered(pages: int, chunk_pages: int, out: Path) -> Seen:
    job = DocumentJob(Drawn(pages), Params(), "", FolderInputs(out.parent))
    plan = split_into_chunks(job.document.survey(job.params, "", job.inputs), SETTINGS, chunk_pages)
    render_file(job, plan, ABOUT, out, SETTINGS, lambda done: None)
    return read(out)


def test_canvas_pages_do_not_depend_on_the_chunks(tmp_path: Path) -> None:
    whole = rendered(7, 7, tmp_path / "whole.pdf")
    for chunk_pages in (1, 3):
        assert rendered(7, chunk_pages, tmp_path / "cut.pdf") == whole
        assert pictures((tmp_path / "cut.pdf").read_bytes()) == pictures((tmp_path / "whole.pdf").read_bytes())
    assert not whole.complaints
    assert [title for title, *_ in whole.bookmarks] == [f"Page {number} of Ünï" for number in range(7)]
    assert "Page 6 (with brackets)" in whole.pages[6].text
    assert "Embedded: 6 ünïcödé" in whole.pages[6].text


def test_pages_look_as_reportlab_alone_draws_them(tmp_path: Path) -> None:
    rendered(3, 2, tmp_path / "ours.pdf")
    alone = io.BytesIO()
    canvas = Canvas(alone, pagesize=A5)
    for number in range(3):
        draw_page(canvas, number)
        canvas.showPage()
    canvas.save()
    assert pictures((tmp_path / "ours.pdf").read_bytes()) == pictures(alone.getvalue())


def test_the_same_drawing_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first.pdf", "second.pdf"):
        rendered(4, 2, tmp_path / name)
    assert (tmp_path / "first.pdf").read_bytes() == (tmp_path / "second.pdf").read_bytes()


def test_a_picture_on_every_page_is_written_once_and_as_it_was() -> None:
    def fill(out: SegmentWriter) -> None:
        for number in range(5):
            with out.canvas(200, 200) as canvas:
                canvas.drawImage(ImageReader(io.BytesIO(LOGO)), 10, 10, 80, 60)
                canvas.drawString(10, 100, str(number))

    assert filled(fill).count(LOGO) == 1


def test_other_canvases_of_the_process_keep_their_settings() -> None:
    with SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True).canvas(200, 200) as ours:
        file = io.BytesIO()
        theirs = Canvas(file, pageCompression=1)
        for canvas in (ours, theirs):
            canvas.drawImage(ImageReader(io.BytesIO(LOGO)), 10, 10, 80, 60)
        theirs.save()
    assert file.getvalue().count(b"/ASCII85Decode") == 2


@pytest.mark.parametrize(
    ("draw", "pages"),
    [
        (lambda canvas: None, 1),
        (lambda canvas: canvas.drawString(9, 9, "x"), 1),
        (lambda canvas: [canvas.drawString(9, 9, "x"), canvas.showPage()], 1),
        (lambda canvas: [canvas.drawString(9, 9, "x"), canvas.save()], 1),
        (lambda canvas: [canvas.showPage(), canvas.drawString(9, 9, "x")], 2),
        (lambda canvas: [canvas.showPage(), canvas.showPage(), canvas.save()], 2),
    ],
)
def test_a_canvas_has_the_pages_that_were_shown_or_begun(draw: Callable[[Any], object], pages: int) -> None:
    def fill(out: SegmentWriter) -> None:
        with out.canvas(200, 100) as canvas:
            draw(canvas)

    with opened(filled(fill)) as pdf:
        assert [[float(side) for side in page.MediaBox] for page in pdf.pages] == [[0, 0, 200, 100]] * pages


def test_a_drawing_that_fails_leaves_nothing() -> None:
    out = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    size = out.size
    with pytest.raises(ZeroDivisionError), out.canvas(200, 200) as canvas:
        canvas.drawString(10, 10, f"{1 / 0}")
    assert (out.size, out.pages) == (size, 0)


def test_outline_and_links_of_a_canvas_are_kept(tmp_path: Path) -> None:
    def fill(out: SegmentWriter) -> None:
        with out.page(200, 200) as page:
            page.bookmark("Cover")
        with out.canvas(200, 200) as canvas:
            canvas.bookmarkHorizontal("a", 0, 150)
            canvas.addOutlineEntry("Chapter", "a", 0)
            canvas.linkRect("", "b", (10, 10, 50, 50))
            canvas.linkURL("https://example.com/?a=(b)", (10, 60, 50, 90))
            canvas.showPage()
            canvas.bookmarkPage("b")
            canvas.addOutlineEntry("Section", "b", 1)
            canvas.drawString(10, 10, "Section")

    (tmp_path / "file.pdf").write_bytes(filled(fill))
    seen = read(tmp_path / "file.pdf")
    assert seen.bookmarks == (("Cover", 0, 200, 1), ("Chapter", 1, 150, 1), ("Section", 2, 200, 2))
    with opened((tmp_path / "file.pdf").read_bytes()) as pdf:
        inside, web = pdf.pages[1].Annots
        assert inside.Dest[0].objgen == pdf.pages[2].obj.objgen
        assert str(web.A.URI) == "https://example.com/?a=(b)"


def test_form_fields_of_a_canvas_become_pictures_with_their_text() -> None:
    def fill(out: SegmentWriter) -> None:
        with out.canvas(300, 200) as canvas:
            canvas.acroForm.textfield(name="a", value="Filled in", x=20, y=20, width=100, height=20)
            canvas.linkURL("tel:+49-30-1234", (0, 0, 10, 10))

    with opened(filled(fill)) as pdf:
        assert [str(link.A.URI) for link in pdf.pages[0].Annots] == ["tel:+49-30-1234"]
    document = pypdfium2.PdfDocument(filled(fill))
    assert document[0].get_textpage().get_text_range() == "Filled in"
    document.close()
