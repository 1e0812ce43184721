"""What every page of a file shows, over drawn, canvas and adopted pages alike."""

from __future__ import annotations

import io
from functools import partial

import pikepdf
import pypdf
import pypdfium2
import pytest
from PIL import Image, ImageChops

from pipeline.pdf.adopt import adopt_pages
from pipeline.pdf.assembly import Assembly, VolumePosition
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter

from ...make_pdf import ABOUT
from .foreign_files import one_page

POSITION = VolumePosition(2, 3, 10, 30)


def three_kinds(position: VolumePosition | None, *, overlay: bool) -> bytes:
    """A drawn page, a canvas page and two adopted pages."""
    out = io.BytesIO()
    writer = SegmentWriter(out, Lane(0, 1), 0, header=True, overlay=overlay)
    with writer.page(200, 100) as page:
        page.text(10, 10, 8, "drawn")
    with writer.canvas(200, 100) as canvas:
        canvas.drawString(10, 10, "canvas")
    adopt_pages(writer, foreign(0))
    index = writer.finish(4)
    return out.getvalue() + b"".join(Assembly(partial(iter, [index]), ABOUT, position).tail())


def texts(pdf: bytes) -> list[str]:
    return [page.extract_text().strip() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def test_every_kind_of_page_shows_the_overlay() -> None:
    assert ["Volume 2 of 3" in text for text in texts(three_kinds(POSITION, overlay=True))] == [True] * 4


def test_the_assembly_may_leave_the_overlay_empty() -> None:
    empty, without = three_kinds(None, overlay=True), three_kinds(None, overlay=False)
    assert texts(empty) == texts(without)
    for one, other in zip(shown(empty), shown(without), strict=True):
        assert ImageChops.difference(one, other).getbbox() is None


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_the_overlay_stands_at_the_corner_of_adopted_pages(turned: int) -> None:
    """However the page is turned, wherever its corner is, whatever it did to the axes; the rest is unchanged."""
    pictures = {}
    for volumes in (False, True):
        out = io.BytesIO()
        writer = SegmentWriter(out, Lane(0, 1), 0, header=True, overlay=volumes)
        adopt_pages(writer, foreign(turned))
        index = writer.finish(2)
        position = POSITION if volumes else None
        pdf = out.getvalue() + b"".join(Assembly(partial(iter, [index]), ABOUT, position).tail())
        pictures[volumes] = shown(pdf)
        with pikepdf.open(io.BytesIO(pdf)) as read:
            assert not read.check_pdf_syntax()
    assert ["Volume 2 of 3" in text for text in texts(pdf)] == [True, True]
    for without, words in zip(pictures[False], pictures[True], strict=True):
        changed = ImageChops.difference(without, words).getbbox()
        assert changed is not None
        left, top, right, bottom = changed
        assert left > without.width * 0.6
        assert top > without.height * 0.85
        assert right <= without.width - 8
        assert bottom <= without.height - 1
        assert right - left > 2 * (bottom - top)


def foreign(turned: int) -> io.BytesIO:
    """A PDF of two pages that share their resources, in a box that does not begin at 0, with axes left moved."""
    out = io.BytesIO()
    with pikepdf.new() as pdf:
        resources = pdf.make_indirect(pikepdf.Dictionary())
        for n in range(2):
            content = pdf.make_stream(b"3 0 0 3 50 50 cm 0.5 %d 0.5 rg 40 60 20 20 re f" % n)
            page = pikepdf.Dictionary(
                Type=pikepdf.Name.Page, MediaBox=[100, 200, 400, 500], Rotate=turned, Resources=resources,
                Contents=content if n else pikepdf.Array([content]),
            )  # fmt: skip
            pdf.pages.append(pikepdf.Page(pdf.make_indirect(page)))
        pdf.save(out)
    out.seek(0)
    return out


def shown(pdf: bytes) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.render(scale=1).to_pil().convert("RGB") for page in document]
    finally:
        document.close()


@pytest.mark.parametrize(
    ("boxes", "corner"),
    [
        (b"/MediaBox[0 0 300 200]/CropBox[-100 -100 500 500]", (300, 0)),
        (b"/MediaBox[0 0 300 200]/CropBox[50 50 500 500]", (300, 50)),
        (b"/MediaBox[0 0 300 200]/CropBox[0 0 0 0]", (300, 0)),
        (b"/MediaBox[0 0 300 200]/CropBox[400 400 500 500]", (300, 0)),
        (b"/MediaBox[0 0 0 0]", (612, 0)),
    ],
)
def test_the_overlay_stands_on_the_part_of_the_page_that_is_shown(boxes: bytes, corner: tuple[int, int]) -> None:
    writer = SegmentWriter(out := io.BytesIO(), Lane(0, 1), 0, header=True, overlay=True)
    adopt_pages(writer, io.BytesIO(one_page(boxes, {}).replace(b"/MediaBox[0 0 300 200]/Media", b"/Media")))
    index = writer.finish(1)
    pdf = out.getvalue() + b"".join(Assembly(partial(iter, [index]), ABOUT, POSITION).tail())
    with pikepdf.open(io.BytesIO(pdf)) as file:
        operators = b"".join(each.read_bytes() for each in file.pages[0].Contents)
    right, low = corner
    assert b"1 0 0 1 %d %d cm" % (right - 14, low + 6) in operators
