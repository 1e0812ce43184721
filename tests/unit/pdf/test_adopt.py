"""Pages of other PDFs as pages of a segment, seen by qpdf, PDFium and pypdf."""

from __future__ import annotations

import io
import tracemalloc
from tempfile import TemporaryFile
from typing import Any

import pikepdf
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name

from pipeline.pdf.adopt import adopt_pages, remarks
from pipeline.pdf.adopt import values as adopted
from pipeline.pdf.numbering import Lane
from pipeline.pdf.page_tree import FANOUT
from pipeline.pdf.segment import SegmentWriter

from ...make_pdf import filled, opened, pictures
from .foreign_files import adopt, file_of, one_page, refused, simple, stream, texts


def test_adopted_pages_keep_their_order_among_others() -> None:
    def fill(out: SegmentWriter) -> None:
        with out.page(200, 200) as page:
            page.text(10, 10, 12, "before")
        assert adopt_pages(out, io.BytesIO(simple(2 * FANOUT - 4, "adopted"))) == 60
        with out.canvas(200, 200) as canvas:
            canvas.drawString(10, 10, "after")

    pdf = filled(fill)
    assert texts(pdf) == ["before", *(f"adopted {i}" for i in range(60)), "after"]
    with opened(pdf) as file:
        assert len(file.pages) == 62
        nodes = [obj for obj in file.objects if isinstance(obj, Dictionary) and obj.get("/Type") == "/Pages"]
        assert max(len(node.Kids) for node in nodes) == FANOUT


@pytest.mark.parametrize("turned", [0, 90, 180, 270, -90, 630, 45])
def test_pages_look_as_in_the_file_they_come_from(turned: int) -> None:
    file = simple(3, entries=b"/Rotate %d/CropBox[10 10 250 150]" % turned)
    assert pictures(adopt(file)) == pictures(file)


def test_inherited_entries_are_copied_and_shared_ones_once() -> None:
    with opened(adopt(simple(4, entries=b"/Rotate 450/CropBox[10 10 250 150]"))) as pdf:
        pages = [page.obj for page in pdf.pages]
        assert [int(page.Rotate) for page in pages] == [90] * 4
        assert [[int(side) for side in page.CropBox] for page in pages] == [[10, 10, 250, 150]] * 4
        assert len({page.Resources.objgen for page in pages}) == 1
        assert sum(obj.get("/Type") == "/Font" for obj in pdf.objects if isinstance(obj, Dictionary)) == 1


def test_the_unit_of_a_page_is_kept() -> None:
    with opened(adopt(one_page(b"/UserUnit 1.5", {}))) as pdf:
        assert float(pdf.pages[0].UserUnit) == 1.5


WRONG = {4: b"(text)", 5: stream(b"q Q", b"/A/B"), 6: b"<<>>", 7: b"<</Type/Annot/Font<<>>>>"}


@pytest.mark.parametrize(
    ("entry", "kept"),
    [
        *((b"/Resources " + value, b"/Resources <<>>") for value in (b"4 0 R", b"5 0 R", b"[4 0 R]", b"7")),
        *((b"/Resources " + value, b"/Resources <<>>") for value in (b"1 0 R", b"<</Type/Pages>>", b"7 0 R")),
        *((b"/Contents " + value, None) for value in (b"/Name", b"6 0 R", b"7", b"(text)", b"1 0 R")),
        *((b"/Group " + value, None) for value in (b"5 0 R", b"[6 0 R]", b"true", b"1 0 R")),
        (b"/UserUnit /Two", None),
        (b"/Rotate [90]", None),
        (b"/Annots 6 0 R", None),
    ],
)
def test_what_a_page_has_of_a_wrong_kind_is_left_out_and_named(entry: bytes, kept: bytes | None) -> None:
    out = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    adopt_pages(out, io.BytesIO(one_page(entry, WRONG)))
    key = entry.split()[0]
    assert [(each.words, each.examples) for each in out.tally.remarks] == [
        (remarks.DAMAGED, (f"its page 1 has no usable {key.decode()}",))
    ]
    copy = adopt(one_page(entry, WRONG))
    page = copy[copy.index(b"/Type/Page/") :].partition(b"endobj")[0]
    assert kept in page if kept else key not in page
    with opened(copy) as pdf:
        assert len(pdf.pages) == 1
        assert not pdf.get_warnings()


def test_resources_that_are_not_there_become_an_empty_dictionary() -> None:
    assert b"/Resources <<>>" in adopt(one_page(b"/Resources 99 0 R", {}))


@pytest.mark.parametrize("key", [b"/Resources", b"/Contents", b"/Group", b"/Annots"])
def test_what_a_page_says_is_null_is_no_damage(key: bytes) -> None:
    out = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    adopt_pages(out, io.BytesIO(one_page(key + b" null", {})))
    assert not out.tally.remarks


def test_a_page_inherits_what_is_null_in_itself() -> None:
    """Null means the same as no entry (ISO 32000-1, 7.3.7)."""
    null = b"/Resources null/MediaBox null/Rotate null"
    file = simple(1, entries=b"/Rotate 90").replace(b"/Type/Page/", b"/Type/Page%s/" % null)
    with opened(adopt(file)) as pdf:
        page = pdf.pages[0]
        assert int(page.Rotate) == 90
        assert [*map(int, page.MediaBox)] == [0, 0, 300, 200]
        assert page.Resources.Font.F.BaseFont == "/Helvetica"


def test_direct_resources_that_pages_inherit_are_written_once() -> None:
    file = simple(4).replace(b"/Resources 3 0 R", b"/Resources<</A 3 0 R>>")
    with opened(adopt(file)) as pdf:
        assert len({page.Resources.objgen for page in pdf.pages}) == 1


def test_the_same_stream_in_several_files_is_written_once() -> None:
    pdf = adopt(simple(2, "twice"), simple(3, "twice"))
    assert [pdf.count(b"(twice %d)" % i) for i in range(3)] == [1, 1, 1]
    assert texts(pdf) == ["twice 0", "twice 1", "twice 0", "twice 1", "twice 2"]


def test_streams_are_copied_without_being_decoded() -> None:
    data = bytes(range(256)) * 3
    file = one_page(
        b"/Resources<</XObject<</A 4 0 R>>>>",
        {4: stream(data, b"/Subtype/Image/Filter[/JBIG2Decode/Unheard]/DecodeParms[5 0 R null]/F(/etc/passwd)"),
         5: b"<</K -1/Globals 6 0 R>>", 6: stream(b"globals")},
    )  # fmt: skip
    with opened(adopt(file)) as pdf:
        image = pdf.pages[0].Resources.XObject.A
        assert image.read_raw_bytes() == data
        assert list(image.Filter) == ["/JBIG2Decode", "/Unheard"]
        assert "/F" not in image
        assert image.DecodeParms[0].Globals.read_raw_bytes() == b"globals"


def test_one_stream_is_in_memory_at_a_time() -> None:
    pictures = {obj: stream(b"%d" % obj * 500_000, b"/Subtype/Image") for obj in range(10, 40)}
    names = b"".join(b"/I%d %d 0 R" % (obj, obj) for obj in pictures)
    with TemporaryFile() as file, TemporaryFile() as out:
        file.write(one_page(b"/Resources<</XObject<<%s>>>>" % names, pictures))
        tracemalloc.start()
        adopt_pages(SegmentWriter(out, Lane(0, 1), 0, header=True), file)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert out.tell() > 30_000_000 > 8 * most


def test_circles_are_copied_as_circles_or_cut() -> None:
    file = one_page(
        b"/Resources<</XObject<</Form 4 0 R/Image 5 0 R>>/Properties<</Me 6 0 R/Page 3 0 R/Tree 2 0 R>>>>",
        {4: stream(b"", b"/Subtype/Form/Resources<</XObject<</Again 4 0 R/Image 5 0 R>>>>"),
         5: stream(b"x", b"/Subtype/Image/SMask 5 0 R"), 6: b"<</Me 6 0 R/Gone 99 0 R>>"},
    )  # fmt: skip
    with opened(adopt(file)) as pdf:
        page = pdf.pages[0].obj
        form, properties = page.Resources.XObject.Form, page.Resources.Properties
        assert form.Resources.XObject.Again.objgen == form.objgen
        assert form.Resources.XObject.Image.objgen == page.Resources.XObject.Image.objgen
        assert "/SMask" not in page.Resources.XObject.Image
        assert properties.Me.Me.objgen == properties.Me.objgen
        assert properties.Page.objgen == page.objgen
        assert "/Tree" not in properties
        assert "/Gone" not in properties.Me


def test_scripts_files_and_metadata_are_left_out() -> None:
    script = b"<</S/JavaScript/JS(alert)>>"
    form = stream(
        b"", b"/Subtype/Form/Resources<<>>/Metadata 5 0 R/PieceInfo<</App 7 0 R>>/StructParent 3/AF[6 0 R]"
    )
    file = one_page(
        b"/AA<</O%s>>/Metadata 5 0 R/StructParents 0/PieceInfo<</App 7 0 R>>/AF[6 0 R]/Thumb 5 0 R"
        b"/Resources<</XObject<</A 4 0 R>>/Properties<</P 6 0 R/Q<</Type/Filespec/F(direct)>>/R 8 0 R>>>>" % script,
        {
            4: form,
            5: stream(b"<x:xmpmeta/>", b"/Type/Metadata"),
            6: b"<</Type/Filespec/EF<</F 8 0 R>>>>",
            7: b"<</Private(secret)>>",
            8: stream(b"attached", b"/Type/EmbeddedFile"),
        },
        catalog=b"/OpenAction %s/Names<</JavaScript<</Names[(a) %s]>>/EmbeddedFiles<</Names[(f) 6 0 R]>>>>"
        b"/AcroForm<</XFA(x)>>/Metadata 5 0 R" % (script, script),
    )
    pdf = adopt(file)
    opened(pdf).close()
    acting = b"JavaScript /AA OpenAction Filespec attached AcroForm"
    telling = b"<x:xmpmeta/> StructParent PieceInfo Private /Thumb"
    for word in (acting + b" " + telling).split():
        assert word in file
        assert word not in pdf
    assert pdf.count(b"/Metadata") == 2  # of the new file: the stream and the catalog's entry


def test_a_font_may_have_the_name_of_a_left_out_entry() -> None:
    file = simple(1).replace(b"/F ", b"/Metadata ").replace(b"<</F<", b"<</Metadata<")
    assert texts(adopt(file)) == ["page 0"]


@pytest.mark.parametrize("packed", [False, True])
def test_names_keep_their_bytes(packed: bool) -> None:
    form = stream(b"1 0 0 rg 0 0 300 200 re f", b"/Type/Page/Subtype/Form/BBox[0 0 300 200]")
    content = stream(b"/\xe9\xc0\xff 1 Do /Caf#e9 Do /Caf\xc3\xa9 Do".replace(b" 1 ", b" "))
    names = b"/\xe9\xc0\xff 4 0 R/Caf\xe9 4 0 R/Caf\xc3\xa9 5 0 R/\xc4\xe3 7 0 R"  # the last are letters in GBK
    file = one_page(
        b"/Contents 6 0 R/Resources<</XObject<<%s>>/ColorSpace<</S[/Separation/Rot\xe4/DeviceGray 5 0 R]>>>>"
        % names,
        {4: form, 5: form, 6: content, 7: form},
    )
    if packed:
        packing = io.BytesIO()
        with pikepdf.open(io.BytesIO(file)) as pdf:
            pdf.save(packing, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        file = packing.getvalue()
    copy = adopt(file)
    for name in (b"/#E9#C0#FF ", b"/Caf#E9 ", b"/Caf#C3#A9 ", b"/#C4#E3 ", b"/Rot#E4"):
        assert copy.count(name) == 1
    assert pictures(copy) == pictures(file)


def test_a_null_byte_ends_a_name() -> None:
    file = one_page(b"/Resources<</Properties<</P[/DeviceRGB\x00255/Q\x00]>>>>", {})
    with opened(adopt(file)) as pdf:
        assert list(pdf.pages[0].Resources.Properties.P) == [Name.DeviceRGB, 255, Name.Q]


def test_names_of_other_readers_in_the_process_are_decoded_as_ever() -> None:
    file = one_page(b"/Resources<</XObject<</Caf\xc3\xa9 4 0 R>>>>", {4: stream(b"")})
    adopt(file)
    with pypdf.PdfReader(io.BytesIO(file)) as reader:
        assert list(reader.pages[0]["/Resources"]["/XObject"]) == ["/Café"]  # type: ignore[index]


words = st.text("abz#()/ <>[]{}%é", min_size=1, max_size=5)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.decimals(-10000, 10000, places=6)
    | st.binary(max_size=20)
    | words.map(lambda word: Name("/" + word))
)


values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


def pdf_value(value: Any) -> Any:
    if isinstance(value, list):
        return Array([pdf_value(part) for part in value])
    if isinstance(value, dict):
        return Dictionary({f"/{key}": pdf_value(part) for key, part in value.items() if part is not None})
    return pikepdf.String(value) if isinstance(value, bytes) else value


@settings(max_examples=60, deadline=None)
@given(value=values, packed=st.booleans())
def test_values_of_every_kind_mean_the_same_afterwards(value: Any, packed: bool) -> None:
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.pages[0].obj.Resources = Dictionary(Properties=Dictionary(P=Array([pdf_value(value)])))
        file = io.BytesIO()
        mode = pikepdf.ObjectStreamMode.generate if packed else pikepdf.ObjectStreamMode.disable
        pdf.save(file, object_stream_mode=mode)
        with opened(adopt(file.getvalue())) as copy:
            assert copy.pages[0].Resources.Properties.P == pdf.pages[0].Resources.Properties.P


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 10**21])
def test_a_number_that_no_reader_counts_with_does_not_lose_the_page(number: int) -> None:
    with opened(adopt(one_page(b"/Resources<</Font %d>>" % number, {}))) as copy:
        assert len(copy.pages) == 1
        assert copy.pages[0].Resources.Font == number


def test_a_page_that_cannot_be_copied_undoes_the_file() -> None:
    deep = b"/Group<</A " + b"[" * 100 + b"]" * 100 + b">>"
    assert "deep" in refused(simple(3).replace(b"/Contents 15 0 R", b"/Contents 15 0 R" + deep))


def test_there_is_a_limit_to_what_one_file_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adopted, "MAX_OBJECTS", 40)
    assert "objects" in refused(simple(60))
    monkeypatch.undo()
    monkeypatch.setattr(adopted, "_MAX_VALUES", 1000)
    again = file_of(
        {1: b"<</Type/Catalog/Pages 2 0 R>>",
         2: b"<</Type/Pages/Count 90/Kids[%s]>>" % (b"3 0 R " * 90),
         3: b"<</Type/Page/Parent 2 0 R/Contents[%s]>>" % (b"4 0 R " * 90), 4: stream(b"")}
    )  # fmt: skip
    assert "repeats" in refused(again)


def test_a_turn_may_be_written_as_a_real_number() -> None:
    for turn in (b"90.0", b"-90.0", b"270.00"):
        file = one_page(b"/Rotate " + turn, {})
        assert [len(page) for page in pictures(adopt(file))] == [len(page) for page in pictures(file)]
        with opened(adopt(file)) as pdf:
            assert pdf.pages[0].Rotate == float(turn) % 360


@pytest.mark.parametrize(
    ("catalog", "words"),
    [
        (b"/PageLabels<</Nums[0<</S/r>>2<</S/D>>]>>", (remarks.LABELS,)),
        (b"/PageLabels<</Nums[0<</S/D/St 7>>]>>", (remarks.LABELS,)),
        (b"/PageLabels<</Kids[9 0 R]>>", (remarks.LABELS,)),
        (b"/PageLabels<</Nums[0<</S/D>>]>>", ()),
        (b"/OutputIntents[<</S/GTS_PDFA1/OutputConditionIdentifier(x)>>]", (remarks.INTENT,)),
        (b"/OutputIntents[]", ()),
        (b"/AcroForm<</XFA 9 0 R/Fields[]>>/NeedsRendering true", (remarks.SCRIPT, remarks.XFA)),
        (b"/AcroForm<</XFA 9 0 R/Fields[]>>", (remarks.SCRIPT,)),
    ],
)
def test_what_a_file_says_of_all_its_pages_is_named(catalog: bytes, words: tuple[str, ...]) -> None:
    out = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    adopt_pages(out, io.BytesIO(one_page(b"", {9: b"<<>>"}, catalog)))
    assert tuple(each.words for each in out.tally.remarks) == words
