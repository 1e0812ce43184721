"""Adopted pages look as their source does, pixel by pixel, whatever content and entries a page has."""

from __future__ import annotations

import io

import pypdfium2
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.pdf.adopt import adopt_pages
from pipeline.pdf.assembly import Assembly
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter

from ...examples import examples
from ...make_pdf import ABOUT, filled
from .foreign_files import one_page, stream

PARTS = [
    b"q", b"Q", b"BT", b"ET", b"/OC /A BDC", b"/OC /B BDC", b"/Span BMC", b"EMC",
    b"1 0 0 rg", b"0 0 1 RG 3 w", b"0.7 0.2 -0.2 0.7 30 10 cm", b"/CS#E4 cs 0.5 scn", b"/Pattern cs /P scn",
    b"20 20 100 60 re f", b"10 10 m 200 150 l S", b"50 50 80 80 re W n", b"/G\xe9 gs", b"/Im\xe9 Do", b"/Fm Do",
    b"/Sh sh", b"/F 24 Tf", b"1 0 0 1 30 80 Tm", b"(Te(x)t \\) q Q)Tj", b"[<41>-200(B%q)]TJ", b"(x) Tj",
    b"% q Q BT\r",
    b"BI/W 4/H 4/BPC 8/CS/G ID \x00q Q\xffEI\x80 BT ET qQ\nEI",
]  # fmt: skip
FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 300 200]"
RESOURCES = (
    b"/Resources<</Font<</F 10 0 R>>/XObject<</Im\xe9 11 0 R/Fm 12 0 R>>/Properties<</A 20 0 R/B 21 0 R>>"
    b"/ExtGState<</G\xe9<</ca 0.5/BM/Multiply>>>>/Shading<</Sh 13 0 R>>/Pattern<</P 14 0 R>>"
    b"/ColorSpace<</CS\xe4[/Separation/Rot\xe4/DeviceRGB 15 0 R]>>>>"
)
OBJECTS = {
    10: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    11: stream(bytes(range(0, 192, 4)), b"/Subtype/Image/Width 4/Height 4/BitsPerComponent 8/ColorSpace/DeviceRGB"),
    12: stream(b"0 1 0 rg 120 20 50 50 re f Q Q q BT", FORM + b"/Resources<<>>/Group<</S/Transparency>>"),
    13: b"<</ShadingType 2/ColorSpace/DeviceRGB/Coords[0 0 300 200]/Function 15 0 R/Extend[true true]>>",
    14: stream(
        b"1 0 1 rg 0 0 5 5 re f",
        b"/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]/XStep 9/YStep 9/Resources<<>>",
    ),
    15: b"<</FunctionType 2/Domain[0 1]/C0[1 1 0]/C1[0 .25 1]/N 1>>",
    16: stream(b"1 .5 0 rg 0 0 60 20 re f Q q", FORM.replace(b"300 200", b"60 20")),
    20: b"<</Type/OCG/Name(off)>>", 21: b"<</Type/OCG/Name(on)>>",
}  # fmt: skip
CATALOG = b"/AcroForm<</Fields[%s]>>/OCProperties<</OCGs[20 0 R 21 0 R]/D<</OFF[20 0 R]>>>>"
ENTRIES = [
    b"/Rotate 90", b"/Rotate 90.0", b"/Rotate -180", b"/Rotate 270", b"/CropBox[20 10 280 150]", b"/UserUnit 2",
    b"/Group<</S/Transparency/CS/DeviceRGB>>",
]  # fmt: skip
ANNOTATIONS = [
    b"/Subtype/Stamp/Rect[30 30 90 50]/AP<</N 16 0 R>>",
    b"/Subtype/Stamp/Rect[30 90 90 150]/AP<</N 16 0 R>>/OC 20 0 R",
    b"/Subtype/Widget/FT/Btn/T(a)/Ff 65536/Rect[100 30 200 60]/AP<</N 16 0 R>>",
    b"/Subtype/Widget/FT/Btn/T(b)/Rect[100 80 120 100]/AP<</N<</On 16 0 R>>>>/AS/On",
    b"/Subtype/Highlight/Rect[30 60 90 80]/QuadPoints[30 80 90 80 30 60 90 60]/C[1 1 0]",
    b"/Subtype/Link/Rect[0 0 50 50]/Border[0 0 2]/C[0 1 0]/A<</S/URI/URI(tel:1)>>",
    b"/Subtype/Link/Rect[60 0 120 40]/A<</S/URI/URI(tel:1)>>/AP<</N 16 0 R>>",
]


@st.composite
def pages(draw: st.DrawFn) -> bytes:
    streams = draw(st.lists(st.lists(st.sampled_from(PARTS), max_size=12), min_size=1, max_size=3))
    held = {30 + i: stream(b"\n".join(parts)) for i, parts in enumerate(streams)}
    notes = draw(st.lists(st.sampled_from(ANNOTATIONS), max_size=3, unique=True))
    held |= {40 + i: b"<</Type/Annot/F 4%s>>" % note for i, note in enumerate(notes)}
    entries = b"".join(
        draw(st.lists(st.sampled_from(ENTRIES), max_size=3, unique_by=lambda entry: bytes(entry)[:5]))
    )
    contents = b"/Contents[%s]" % b" ".join(b"%d 0 R" % (30 + i) for i in range(len(streams)))
    annotations = b"/Annots[%s]" % b" ".join(b"%d 0 R" % (40 + i) for i in range(len(notes)))
    fields = b" ".join(b"%d 0 R" % (40 + i) for i, note in enumerate(notes) if b"/Widget" in note)
    return one_page(RESOURCES + contents + annotations + entries, OBJECTS | held, CATALOG % fields)


def seen(pdf: bytes) -> tuple[tuple[int, int], bytes]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        document.init_forms()
        image = document[0].render().to_pil().convert("RGB")
        return image.size, image.tobytes()
    finally:
        document.close()


def with_overlay(file: bytes) -> bytes:
    """The page with content behind its own, which shows nothing here."""
    out = io.BytesIO()
    writer = SegmentWriter(out, Lane(0, 1), 0, header=True, overlay=True)
    adopt_pages(writer, io.BytesIO(file))
    index = writer.finish(1)
    return out.getvalue() + b"".join(Assembly(lambda: iter([index]), ABOUT).tail())


@examples(80)
@given(file=pages())
@example(file=one_page(RESOURCES, OBJECTS, CATALOG % b""))
def test_adopted_pages_look_as_their_source(file: bytes) -> None:
    source = seen(file)
    assert seen(filled(lambda out: adopt_pages(out, io.BytesIO(file)))) == source
    assert seen(with_overlay(file)) == source
