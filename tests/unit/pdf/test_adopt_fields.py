"""Form fields without a picture, of adopted pages: drawn by what is filled in, or named."""

from __future__ import annotations

import io

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.pdf.adopt import adopt_pages, remarks
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter

from ...examples import examples
from .foreign_files import adopt, one_page, stream

OLD = stream(b"1 0 0 rg 0 0 160 20 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 160 20]")
FORM = b"/AcroForm<</Fields[6 0 R]/DA(/Helv 0 Tf 0 g)%s>>"
LONG = b"All that was filled in must be legible, even in small print"
WHITE, RED, BLUE = (255, 255, 255), (255, 0, 0), (0, 0, 255)


def form(field: bytes, catalog: bytes = b"", box: bytes = b"20 20 180 40") -> bytes:
    held = {6: b"<</Type/Annot/Subtype/Widget/F 4/T(n)/Rect[%s]%s>>" % (box, field), 7: OLD}
    return one_page(b"/Annots[6 0 R]", held, FORM % catalog)


def words(file: bytes) -> str:
    """The text of the copy, as a reader searches it."""
    document = pypdfium2.PdfDocument(adopt(file))
    try:
        return " ".join(document[0].get_textpage().get_text_range().split())
    finally:
        document.close()


def pixel(file: bytes, x: int, y: int) -> tuple[int, ...]:
    """A colour of the copy; x and y from the lower left corner."""
    document = pypdfium2.PdfDocument(adopt(file))
    try:
        found: tuple[int, ...] = document[0].render().to_pil().convert("RGB").getpixel((x, 199 - y))
        return found
    finally:
        document.close()


def told(file: bytes) -> list[str]:
    out = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    adopt_pages(out, io.BytesIO(file))
    return [remark.words for remark in out.tally.remarks]


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        (b"/FT/Tx/V(Filled in)", "Filled in"),
        (b"/FT/Tx/V<FEFF00C50301>/DA(/F 9 Tf 0 0 1 rg)", "\u01fa"),
        (b"/FT/Tx/Q 2/V(\\344)", "\u00e4"),
        (b"/FT/Tx/V(%s)" % LONG, LONG.decode()),
        (b"/FT/Tx/Ff 4096/V(one\\r\\ntwo\\rthree)", "one two three"),
        (b"/FT/Tx/Ff 8192/V(secret)", "******"),
        (b"/FT/Tx/Ff 16777216/MaxLen 4/V(1234)", "1 2 3 4"),
        (b"/FT/Ch/Ff 131072/V(b)/Opt[[(a)(Alpha)][(b)(Beta)]]", "Beta"),
        (b"/FT/Ch/Ff 131072/V(of one's own)/Opt[(a)]", "of one's own"),
        (b"/FT/Btn/Ff 65536/MK<</CA(Print)>>", "Print"),
        (b"/FT/Tx/MK<</R 90>>/V(up)", "up"),
    ],
)
def test_what_is_filled_in_is_drawn_and_found(field: bytes, shown: str) -> None:
    file = form(field)
    assert words(file) == shown
    assert told(file) == [remarks.FIELD, remarks.DRAWN]


@pytest.mark.parametrize(
    ("button", "seen"),
    [
        (b"/AS/On/MK<</CA(n)>>", BLUE),
        (b"/V/On/MK<</CA(l)>>", BLUE),
        (b"/AS/Off/V/On/MK<</CA(n)/BG[1 0 0]>>", RED),
        (b"/Ff 32768/AS/On", BLUE),
        (b"/Ff 32768/MK<</BG[1 0 0]/BC[0]>>", RED),
    ],
)
def test_a_button_shows_its_state(button: bytes, seen: tuple[int, ...]) -> None:
    file = form(b"/FT/Btn/DA(/ZaDb 0 Tf 0 0 1 rg)" + button)
    assert pixel(file, 100, 30) == seen
    assert told(file) == [remarks.FIELD, remarks.DRAWN]


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_background_and_border_are_drawn_however_the_field_is_turned(turn: int) -> None:
    file = form(b"/FT/Tx/BS<</W 4>>/MK<</BG[1 0 0]/BC[0 0 1]/R %d>>" % turn)
    assert [pixel(file, x, 30) for x in (22, 100, 178, 182)] == [BLUE, RED, BLUE, WHITE]


@pytest.mark.parametrize(
    "field",
    [
        b"/FT/Tx",
        b"/FT/Tx/V()",
        b"/FT/Btn/AS/Off",
        b"/FT/Btn/Ff 32768",
        b"/FT/Ch/Ff 131072",
        b"/FT/Ch",
        b"/FT/Btn/MK<</CA(4)>>/AP<</N<</On 7 0 R>>>>/AS/Off",
        b"/FT/Tx/V null",
        b"/FT/Ch/Ff 131072/V null",
        b"/FT/Ch/V null",
    ],
)
def test_an_empty_field_is_no_loss(field: bytes) -> None:
    assert told(form(field)) == [remarks.FIELD]


@pytest.mark.parametrize("field", [b"/FT/Ch/V(b)/Opt[(a)(b)]", b"/FT/Tx/V 7 0 R", b"/V(no kind)"])
def test_what_is_not_drawn_is_named(field: bytes) -> None:
    assert told(form(field)) == [remarks.FIELD, remarks.NO_LOOK]


def test_text_that_does_not_fit_even_in_small_print_is_named_as_cut() -> None:
    assert told(form(b"/FT/Tx/V(%s)" % (LONG * 9))) == [remarks.FIELD, remarks.DRAWN, remarks.CUT_FIELD]
    assert remarks.CUT_FIELD in told(form(b"/FT/Tx/Ff 4096/V(%s)" % (LONG * 9)))
    assert remarks.CUT_FIELD in told(form(b"/FT/Tx/Ff 16777216/MaxLen 2/V(123)"))


def test_an_old_picture_is_replaced_where_the_form_says_so() -> None:
    field = b"/FT/Tx/V(new)/AP<</N 7 0 R>>"
    assert (words(form(field)), told(form(field))) == ("", [remarks.FIELD])
    stale = form(field, b"/NeedAppearances true")
    assert (words(stale), told(stale)) == ("new", [remarks.FIELD, remarks.DRAWN])
    listed = form(b"/FT/Ch/V(b)/AP<</N 7 0 R>>", b"/NeedAppearances true")
    assert told(listed) == [remarks.FIELD, remarks.STALE]


VALUES = st.sampled_from(
    [b"(text)", b"()", b"<FEFFD800>", b"<FE>", b"(\\000\\377)", b"/On", b"/Off", b"null", b"true", b"0", b"-1",
     b"1e9", b"4096", b"8192", b"32768", b"65536", b"131072", b"16777216", b"99999999999", b"[]", b"[(a)]",
     b"[[(a)(b)]]", b"[0 1 0]", b"[1 (x)]", b"<<>>", b"<</R 90/BG[1 0]/BC[.5]/CA(8)>>", b"<</W -1>>", b"<</W 99>>",
     b"<</R 45/CA 3/BC[0 0 0 1]>>", b"6 0 R", b"7 0 R", b"77 0 R", b"(/F 12 Tf 0 g)", b"(/F -3 Tf 1 1 rg)",
     b"(\\) Tf)", b"/Tx", b"/Ch", b"/Btn", b"/Sig"]
)  # fmt: skip
KEYS = [
    b"/FT",
    b"/Ff",
    b"/V",
    b"/AS",
    b"/MK",
    b"/BS",
    b"/DA",
    b"/Q",
    b"/MaxLen",
    b"/Opt",
    b"/AP",
    b"/Parent",
    b"/F",
    b"/OC",
]


@examples(60)
@given(
    kind=st.sampled_from([b"/Tx", b"/Ch", b"/Btn"]),
    entries=st.dictionaries(st.sampled_from(KEYS[1:]), VALUES, max_size=8),
    box=st.sampled_from([b"20 20 180 40", b"0 0 0 0", b"9 9 9 99", b"180 40 20 20", b"0 0 1 1", b"-9e5 0 9e5 1"]),
)
def test_a_field_of_any_entries_is_drawn_or_named(kind: bytes, entries: dict[bytes, bytes], box: bytes) -> None:
    file = form(b"/FT" + kind + b"".join(b"%s %s" % each for each in entries.items()), box=box)
    assert told(file)[0] in (remarks.FIELD, remarks.LAYERS)
    assert pixel(file, 290, 190) == WHITE


def test_a_state_without_a_picture_is_drawn_by_what_is_filled_in() -> None:
    ticked = b"/FT/Btn/V/On/AS/On/DA(0 0 1 rg)/MK<</CA(n)>>/AP<</N<</Off 7 0 R>>>>"
    assert pixel(form(ticked), 100, 30) == BLUE
    assert told(form(ticked)) == [remarks.FIELD, remarks.DRAWN]
    assert pixel(form(ticked.replace(b"/AS/On", b"/AS/Off")), 100, 30) == RED


@pytest.mark.parametrize("entries", [b"", b"/BBox[0 0 0 0]"])
def test_a_picture_without_a_size_is_named(entries: bytes) -> None:
    held = {
        6: b"<</Type/Annot/Subtype/Widget/FT/Tx/T(n)/V(x)/Rect[20 20 180 40]/AP<</N 7 0 R>>>>",
        7: stream(b"1 0 0 rg 0 0 160 20 re f", b"/Type/XObject/Subtype/Form" + entries),
    }
    file = one_page(b"/Annots[6 0 R]", held, FORM % b"")
    assert told(file) == [remarks.FIELD, remarks.NO_LOOK]
    hidden = file.replace(b"/Rect[20 20 180 40]", b"/Rect[20 20  20 40]")
    assert told(hidden) == [remarks.FIELD]
    for empty, lost in ((b"", []), (b"/MK<<>>", []), (b"/MK<</BC[0]>>", [remarks.NO_LOOK])):
        changed = held | {6: held[6].replace(b"/V(x)", empty)}
        assert told(one_page(b"/Annots[6 0 R]", changed, FORM % b"")) == [remarks.FIELD, *lost]
