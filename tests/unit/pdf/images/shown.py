"""A picture in a one-page PDF, as PDFium, qpdf and pypdf see it."""

from __future__ import annotations

import io

import pikepdf
import pypdf
import pypdfium2
from PIL import Image, ImageOps

from pipeline.pdf.images import Picture
from pipeline.pdf.objects import Stream, number

from .picture_files import (
    Colour,
)


def content(stream: Stream) -> bytes:
    """The stream's bytes, which must be as many as it said, twice."""
    first = b"".join(stream.read())
    assert len(first) == stream.length
    assert b"".join(stream.read()) == first
    return first


def one_page(picture: Picture) -> bytes:
    """A PDF whose only page is the picture, a point for a pixel."""
    width, height = picture.size
    matrix = b" ".join(number(value) for value in picture.placement(0, 0, width, height))
    drawing = b"q " + matrix + b" cm /I Do Q"
    links = (b"/SMask 6 0 R" if picture.mask else b"") + (
        b"/ColorSpace[/ICCBased 7 0 R]" if picture.profile else b""
    )
    page = b"/Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>"
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<<" + page % (width, height) + b">>",
        written(Stream.from_bytes(b"", drawing)),
        written(picture.image, links),
        written(picture.mask) if picture.mask else b"null",
        written(picture.profile) if picture.profile else b"null",
    ]
    pdf = b"%PDF-1.7\n"
    offsets = []
    for index, part in enumerate(parts, 1):
        offsets.append(len(pdf))
        pdf += b"%d 0 obj\n%s\nendobj\n" % (index, part)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    tail = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, len(pdf))
    return pdf + head + table + tail


def written(stream: Stream, links: bytes = b"") -> bytes:
    entries = stream.entries + links + b"/Length %d" % stream.length
    return b"<<" + entries + b">>\nstream\n" + content(stream) + b"\nendstream"


def rendered(picture: Picture) -> Image.Image:
    """The page as PDFium shows it; qpdf and pypdf must have nothing against it either."""
    pdf = one_page(picture)
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert opened.check_pdf_syntax() == []
    assert len(pypdf.PdfReader(io.BytesIO(pdf), strict=True).pages) == 1
    document = pypdfium2.PdfDocument(pdf)
    try:
        seen: Image.Image = document[0].render(scale=1).to_pil()
        return seen.convert("RGB")
    finally:
        document.close()


def samples(picture: Picture) -> bytes:
    """The samples of a deflated picture, as qpdf undoes filter and predictor."""
    with pikepdf.open(io.BytesIO(one_page(picture))) as opened:
        return opened.pages[0].Resources.XObject.I.read_bytes()


def corners(image: Image.Image) -> list[Colour]:
    width, height = image.size
    places = ((x * width // 4, y * height // 4) for y in (1, 3) for x in (1, 3))
    return [image.convert("RGB").getpixel(place) for place in places]  # type: ignore[misc]


def assert_looks_like(picture: Picture, expected: Image.Image, tolerance: int = 8) -> None:
    seen = rendered(picture)
    assert seen.size == expected.size
    for got, wanted in zip(corners(seen), corners(expected), strict=True):
        assert max(abs(a - b) for a, b in zip(got, wanted, strict=True)) <= tolerance, (got, wanted)


def on_white(image: Image.Image) -> Image.Image:
    alpha = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), alpha).convert("RGB")


def seen_by_pillow(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return on_white(ImageOps.exif_transpose(image))
