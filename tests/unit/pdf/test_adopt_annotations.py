"""Notes, marks and form fields of adopted pages."""

from __future__ import annotations

import io

import pypdfium2
import pytest

from pipeline.pdf.adopt import adopt_pages, remarks
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter

from ...make_pdf import filled, opened
from .foreign_files import adopt, one_page, stream

RED = stream(b"1 0 0 rg 0 0 160 20 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 160 20]")
GREEN = stream(b"0 1 0 rg 0 0 20 160 re f", b"/BBox[0 0 20 160]/Matrix[0 1 -1 0 7 7]")  # turned; no /Subtype


def annotated(annotation: bytes, objects: dict[int, bytes] | None = None, catalog: bytes = b"") -> bytes:
    held = {6: b"<</Type/Annot/Rect[20 20 180 40]%s>>" % annotation, 7: RED, 8: GREEN, **(objects or {})}
    return one_page(b"/Annots[6 0 R]", held, catalog)


def seen(pdf: bytes) -> list[bytes]:
    """Every page with its annotations and form fields."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        document.init_forms()
        return [page.render().to_pil().convert("RGB").tobytes() for page in document]
    finally:
        document.close()


def warnings(pdf: bytes) -> list[str]:
    """The words of the remarks."""
    out = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    adopt_pages(out, io.BytesIO(pdf))
    return [remark.words for remark in out.tally.remarks]


FIELD = b"/Subtype/Widget/FT/Tx/T(n)/V(Filled in)"


@pytest.mark.parametrize(
    ("annotation", "warned"),
    [
        (b"/Subtype/Stamp/AP<</N 7 0 R>>/F 4", []),
        (b"/Subtype/FreeText/DA(/F1 12 Tf)/AP<</N 7 0 R>>/F 4", []),
        (b"/Subtype/Highlight/QuadPoints[20 40 180 40 20 20 180 20]/C[1 1 0]", []),
        (b"/Subtype/Square/C[1 0 0]/AP<</N 8 0 R>>/AA<</E<</S/JavaScript>>>>", [remarks.CLICK]),
        (FIELD + b"/AP<</N 7 0 R>>", [remarks.FIELD]),
        (FIELD + b"/AP<</N 8 0 R>>", [remarks.FIELD]),
        (FIELD + b"/AP<</N<</On 7 0 R/Off 8 0 R>>>>/AS/On", [remarks.FIELD]),
        (FIELD + b"/AP<</N 7 0 R>>/F 2", [remarks.FIELD]),
        (b"/Subtype/Widget/FT/Sig/T(s)/AP<</N 7 0 R>>", [remarks.SIGNATURE]),
        (b"/Subtype/Movie/AP<</N 7 0 R>>", [remarks.MEDIA]),
        (b"/Subtype/FileAttachment", [remarks.MEDIA, remarks.NO_LOOK]),
        (b"/Subtype<</A 1>>", [remarks.MEDIA, remarks.NO_LOOK]),
        (b"/Subtype[/Text]", [remarks.MEDIA, remarks.NO_LOOK]),
    ],
)  # fmt: skip
def test_what_an_annotation_shows_is_kept_and_the_rest_is_named(annotation: bytes, warned: list[str]) -> None:
    file = annotated(annotation, catalog=b"/AcroForm<</Fields[6 0 R]>>" if b"Widget" in annotation else b"")
    assert seen(adopt(file)) == seen(file)
    assert warnings(file) == warned


def test_a_note_keeps_its_window_and_its_answers() -> None:
    file = one_page(
        b"/Annots[6 0 R 7 0 R 8 0 R]",
        {6: b"<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/Contents(\xe4)/Popup 7 0 R/P 3 0 R>>",
         7: b"<</Type/Annot/Subtype/Popup/Rect[9 9 99 99]/Parent 6 0 R>>",
         8: b"<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/IRT 6 0 R/AF[9 0 R]>>", 9: b"<</Type/Filespec>>"},
    )  # fmt: skip
    with opened(adopt(file)) as pdf:
        note, window, answer = pdf.pages[0].Annots
        assert note.Popup.objgen == window.objgen
        assert window.Parent.objgen == answer.IRT.objgen == note.objgen
        assert bytes(note.Contents) == b"\xe4"
        assert "/AF" not in answer


def test_what_belongs_to_the_whole_file_is_named() -> None:
    script = b"<</S/JavaScript/JS(alert)>>"
    assert warnings(one_page(b"", {}, b"/OpenAction %s/StructTreeRoot<</K[3 0 R]>>" % script)) == [
        remarks.SCRIPT,
        remarks.TAGS,
    ]
    assert warnings(one_page(b"", {}, b"/Names<</EmbeddedFiles<</Kids[3 0 R]>>>>")) == [remarks.ATTACHED]
    assert warnings(one_page(b"/AA<</O %s>>" % script, {}, b"/OpenAction[3 0 R/Fit]")) == [remarks.CLICK]
    assert warnings(one_page(b"", {}, b"/AcroForm<</XFA(x)>>")) == [remarks.SCRIPT]
    link = b"/Subtype/Link/A<</S/Launch/F(program)>>"
    assert warnings(annotated(link)) == [remarks.LINK]


def test_losses_are_counted_and_the_page_is_named_once() -> None:
    held = dict.fromkeys((10, 11, 12), b"<</Type/Annot/Rect[20 20 180 40]%s/AP<</N 7 0 R>>>>" % FIELD) | {7: RED}
    out = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    adopt_pages(out, io.BytesIO(one_page(b"/Annots[10 0 R 11 0 R 12 0 R]", held)))
    assert [str(remark) for remark in out.tally.remarks] == [f"{remarks.FIELD} (3 times: its page 1 and others)."]


def test_a_field_may_be_on_a_layer_that_is_off() -> None:
    file = annotated(
        FIELD + b"/AP<</N 7 0 R>>/OC 9 0 R", {9: b"<</Type/OCG/Name(n)>>"},
        b"/AcroForm<</Fields[6 0 R]>>/OCProperties<</OCGs[9 0 R]/D<</OFF[9 0 R]>>>>",
    )  # fmt: skip
    assert set(seen(adopt(file))[0]) == {255}


def test_a_page_with_fields_may_leave_states_open() -> None:
    content = stream(b"3 0 0 3 50 50 cm q q 0 0 1 rg BT /OC /X BDC")
    held = {6: b"<</Type/Annot/Rect[20 20 180 40]%s/AP<</N 7 0 R>>>>" % FIELD, 7: RED, 5: content}
    pdf = filled(lambda out: adopt_pages(out, io.BytesIO(one_page(b"/Contents 5 0 R/Annots[6 0 R]", held))))
    document = pypdfium2.PdfDocument(pdf)
    assert document[0].render().to_pil().convert("RGB").getpixel((100, 170)) == (255, 0, 0)
    document.close()


def test_content_with_the_short_name_of_a_filter_does_not_break_the_export() -> None:
    content = stream(b"302030203120726720302030203920392072652066>", b"/Filter/AHx")
    held = {6: b"<</Type/Annot/Rect[20 20 180 40]%s/AP<</N 7 0 R>>>>" % FIELD, 7: RED, 5: content}
    file = one_page(b"/Contents 5 0 R/Annots[6 0 R]", held, b"/AcroForm<</Fields[6 0 R]>>")
    assert seen(adopt(file)) == seen(file)
    assert remarks.LONG in warnings(file)


@pytest.mark.parametrize("turned", [90, 180, 270])
@pytest.mark.parametrize("look", [b"/AP<</N 7 0 R>>", b"/MK<</BG[1 0 0]>>"], ids=["picture", "drawn"])
def test_a_field_that_stays_upright_does_not_turn_with_its_page(turned: int, look: bytes) -> None:
    field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(n)/F 20/Rect[150 100 170 140]%s>>" % look
    red = stream(b"1 0 0 rg 0 0 20 40 re f", b"/Subtype/Form/BBox[0 0 20 40]")
    file = one_page(b"/Rotate %d/Annots[6 0 R]" % turned, {6: field, 7: red}, b"/AcroForm<</Fields[6 0 R]>>")
    stamp = field.replace(b"/Subtype/Widget/FT/Tx/T(n)", b"/Subtype/Stamp").replace(b"/MK", b"/AP<</N 7 0 R>>/MK")
    expected = one_page(b"/Rotate %d/Annots[6 0 R]" % turned, {6: stamp, 7: red})
    assert seen(adopt(file)) == seen(expected)
