"""PDF files from elsewhere, made object for object, and their pages as pages of a segment."""

from __future__ import annotations

import io

import pypdf
import pytest

from pipeline.errors import UnreadableSource
from pipeline.pdf.adopt import adopt_pages
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter

from ...make_pdf import filled


def file_of(objects: dict[int, bytes], root: int = 1) -> bytes:
    """A PDF file, object for object; a stream is written with its dictionary."""
    out, places = bytearray(b"%PDF-1.7\n"), {}
    for obj, body in objects.items():
        places[obj] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (obj, body)
    start = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for obj, place in places.items():
        out += b"%d 1\n%010d 00000 n \n" % (obj, place)
    return bytes(out + b"trailer<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF" % (max(objects) + 1, root, start))


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(data), data)


def simple(pages: int, text: str = "page", entries: bytes = b"") -> bytes:
    """So many pages, each with a line of text; `entries` are of the node above them."""
    kids = b" ".join(b"%d 0 R" % (10 + 2 * i) for i in range(pages))
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Count %d/Kids[%s]/MediaBox[0 0 300 200]/Resources 3 0 R%s>>" % (pages, kids, entries),
        3: b"<</Font<</F 4 0 R>>>>",
        4: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    }
    for i in range(pages):
        objects[10 + 2 * i] = b"<</Type/Page/Parent 2 0 R/Contents %d 0 R>>" % (11 + 2 * i)
        objects[11 + 2 * i] = stream(b"BT /F 12 Tf 20 100 Td (%s %d) Tj ET" % (text.encode(), i))
    return file_of(objects)


def one_page(entries: bytes, objects: dict[int, bytes], catalog: bytes = b"") -> bytes:
    """A page with these entries, in a file with these objects besides."""
    return file_of(
        {
            1: b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog,
            2: b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]%s>>" % entries,
            **objects,
        }
    )


def adopt(*files: bytes) -> bytes:
    return filled(lambda out: [adopt_pages(out, io.BytesIO(file)) for file in files])


def refused(file: bytes) -> str:
    """Why a file is not taken; what was refused must not have left anything."""
    out = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    before = out.size, out.reserve()
    with pytest.raises(UnreadableSource) as error:
        adopt_pages(out, io.BytesIO(file))
    assert (out.size, out.pages, out.reserve()) == (before[0], 0, before[1] + 1)
    return error.value.message


def texts(pdf: bytes) -> list[str]:
    with pypdf.PdfReader(io.BytesIO(pdf)) as reader:
        return [page.extract_text().strip() for page in reader.pages]


def link(target: bytes) -> bytes:
    return b"<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/Border[0 0 1]%s>>" % target


def outlined() -> bytes:
    writer = pypdf.PdfWriter()
    for _ in range(3):
        writer.add_blank_page(200, 100)
    folder = writer.add_outline_item(title="Folder", page_number=None)
    writer.add_outline_item(title="In the folder", page_number=1, parent=folder)
    writer.add_outline_item(title="Last\npage", page_number=2, fit=pypdf.generic.Fit.xyz(0, 40, 0))
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()
