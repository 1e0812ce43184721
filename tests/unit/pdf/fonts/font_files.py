"""Fonts made on the spot, and pages of text."""

from __future__ import annotations

import io
from pathlib import Path

import pypdf
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen

from pipeline.pdf.segment import SegmentWriter

from ....make_pdf import filled

HEBREW, ARABIC = "שלום עולם", "السلام عليكم"


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
