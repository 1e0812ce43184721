"""What a PDF has besides what its pages show, and is named when it is left out."""

from __future__ import annotations

import io

import pytest

from pipeline.pdf.adopt import adopt_pages, remarks
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter

from .foreign_files import one_page

SCRIPT = b"<</S/JavaScript/JS(alert)>>"
HELD = {
    6: b"<</Type/Filespec/F(a.txt)>>",
    7: b"<</FT/Sig/T(s)/V<</Type/Sig>>>>",
    8: b"<</FT/Tx/T(t)/V(secret)>>",
    9: b"<</FT/Tx/T(t)>>",
    10: b"<</T(above)/FT/Tx/Kids[8 0 R 9 0 R]>>",
    11: b"<</T(shown)/FT/Tx/V(x)/Kids[12 0 R 13 0 R]>>",
    12: b"<</Type/Annot/Subtype/Widget/Rect[0 0 9 9]/Parent 11 0 R>>",
    13: b"<</Type/Annot/Subtype/Widget/Rect[0 0 9 9]/Parent 11 0 R>>",
    14: b"<</T(loop)/FT/Tx/Kids[14 0 R]>>",
    15: b"<</T(box)/FT/Btn/V/Off>>",
}


def said(page: bytes, catalog: bytes) -> list[str]:
    out = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    adopt_pages(out, io.BytesIO(one_page(page, HELD, catalog)), list)
    return [remark.words for remark in out.tally.remarks]


@pytest.mark.parametrize(
    ("catalog", "words"),
    [
        (b"/Threads[6 0 R]", remarks.OTHER),
        (b"/Names<</Templates<</Names[(a) 6 0 R]>>>>", remarks.OTHER),
        (b"/Names<</EmbeddedFiles<</Names[(a) 6 0 R]>>>>", remarks.ATTACHED),
        (b"/Names<</JavaScript<</Kids[6 0 R]>>>>", remarks.SCRIPT),
        (b"/AF[6 0 R]", remarks.ATTACHED),
        (b"/Collection<</View/D>>", remarks.ATTACHED),
        (b"/OpenAction" + SCRIPT, remarks.SCRIPT),
        (b"/OpenAction<</S/GoTo/D[3 0 R/Fit]/Next %s>>" % SCRIPT, remarks.SCRIPT),
        (b"/StructTreeRoot<</K[6 0 R]>>", remarks.TAGS),
        (b"/Perms<</DocMDP 7 0 R>>", remarks.SIGNATURE),
        (b"/AcroForm<</Fields[7 0 R]>>", remarks.SIGNATURE),
        (b"/AcroForm<</Fields[10 0 R]>>", remarks.UNSEEN),
        (b"/Names<</EmbeddedFiles<</Names[]>>/JavaScript<</Names[]>>>>", None),
        (b"/Names<</EmbeddedFiles<<>>/JavaScript<</Kids[]>>>>", None),
        (b"/AA<<>>/Perms<<>>/DPartRoot<<>>/Collection<<>>", None),
        (b"/AcroForm<</Fields[15 0 R]>>", None),
        (b"/StructTreeRoot<</Type/StructTreeRoot>>", None),
        (b"/StructTreeRoot<</K[]>>", None),
        (b"/Threads[]/OutputIntents[]/AF null", None),
        (b"/OpenAction[3 0 R/Fit]", None),
        (b"/AcroForm<</Fields[9 0 R 14 0 R 6 0 R]>>", None),
    ],
)
def test_what_a_file_has_besides_its_pages_is_named(catalog: bytes, words: str | None) -> None:
    assert said(b"", catalog) == ([words] if words else [])


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (b"/VP[<</BBox[0 0 9 9]>>]", remarks.OTHER),
        (b"/Trans<</S/Wipe>>", remarks.OTHER),
        (b"/Dur 3", remarks.OTHER),
        (b"/AF[6 0 R]", remarks.ATTACHED),
        (b"/OutputIntents[<</S/GTS_PDFX>>]", remarks.INTENT),
        (b"/AA<</O %s>>" % SCRIPT, remarks.CLICK),
        (b"/Trans<</S/R>>/VP[]/AF[]/AA null", None),
        (b"/Trans<<>>/AA<<>>", None),
        (b"/Tabs/S/StructParents 3/Metadata 6 0 R", None),
    ],
)
def test_what_a_page_has_besides_its_picture_is_named(entries: bytes, words: str | None) -> None:
    assert said(entries, b"") == ([words] if words else [])


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (b"/A<</S/URI/URI(http://a.b)/Next %s>>" % SCRIPT, [remarks.CLICK]),
        (b"/A<</S/GoTo/D[3 0 R/Fit]/Next[%s]>>" % SCRIPT, [remarks.CLICK]),
        (b"/A<</S/URI/URI(http://a.b)>>/AA<</E %s>>" % SCRIPT, [remarks.CLICK]),
        (b"/A<</S/URI/URI(http://a.b)>>", []),
        (b"/A<</S/URI/URI(http://a.b)/Next[]>>/AA<<>>", []),
        (b"/Dest[3 0 R/Fit]", []),
    ],
)
def test_what_a_click_on_a_link_does_besides_is_named(action: bytes, words: list[str]) -> None:
    assert said(b"/Annots[<</Subtype/Link/Rect[0 0 9 9]%s>>]" % action, b"") == words


def test_a_field_that_a_page_shows_somewhere_is_not_unseen() -> None:
    assert remarks.UNSEEN not in said(b"/Annots[12 0 R]", b"/AcroForm<</Fields[11 0 R]>>")
