"""Make a PDF of one segment in memory, and open it with other libraries."""

from __future__ import annotations

import io
from collections.abc import Callable

import pikepdf
import pypdfium2

from pipeline.pdf.assembly import Assembly
from pipeline.pdf.catalog import About
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter

ABOUT = About("One segment", 1_700_000_000, "an-export")


def filled(fill: Callable[[SegmentWriter], object], language: str = "") -> bytes:
    """Return a document of one segment."""
    file = io.BytesIO()
    writer = SegmentWriter(file, Lane(0, 1), 0, header=True, language=language)
    fill(writer)
    index = writer.finish(writer.pages)
    return file.getvalue() + b"".join(Assembly(lambda: iter([index]), ABOUT).tail())


def opened(pdf: bytes) -> pikepdf.Pdf:
    """Open the file, after qpdf checked it."""
    file = pikepdf.open(io.BytesIO(pdf))
    assert not file.check_pdf_syntax()
    return file


def pictures(pdf: bytes) -> list[bytes]:
    """Return every page as PDFium renders it."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.render(scale=0.5).to_pil().tobytes() for page in document]
    finally:
        document.close()
