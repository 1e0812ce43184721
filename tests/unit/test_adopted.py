"""Pages that came in a PDF as pages of a segment; seen by qpdf, PDFium and pypdf."""

from __future__ import annotations

import io
import re
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pikepdf
import pypdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name

from pipeline.errors import UnreadableSource
from pipeline.pdf import adopt as adopted
from pipeline.pdf import reader as foreign
from pipeline.pdf.numbering import Lane
from pipeline.pdf.reader import Heading
from pipeline.pdf.segment import FANOUT, SegmentWriter

from ..make_pdf import filled, opened, pictures


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
    return filled(lambda out: [out.adopt(io.BytesIO(file)) for file in files])


def refused(file: bytes) -> str:
    """Why a file is not taken; what was refused must not have left anything."""
    out = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    before = out.size, out.reserve()
    with pytest.raises(UnreadableSource) as error:
        out.adopt(io.BytesIO(file))
    assert (out.size, out.pages, out.reserve()) == (before[0], 0, before[1] + 1)
    return error.value.message


def texts(pdf: bytes) -> list[str]:
    with pypdf.PdfReader(io.BytesIO(pdf)) as reader:
        return [page.extract_text().strip() for page in reader.pages]


def test_pages_keep_their_order_among_others_over_many_leaves_of_the_page_tree() -> None:
    def fill(out: SegmentWriter) -> None:
        with out.page(200, 200) as page:
            page.text(10, 10, 12, "before")
        assert out.adopt(io.BytesIO(simple(2 * FANOUT - 4, "adopted"))) == 60
        with out.canvas(200, 200) as canvas:
            canvas.drawString(10, 10, "after")

    pdf = filled(fill)
    assert texts(pdf) == ["before", *(f"adopted {i}" for i in range(60)), "after"]
    with opened(pdf) as file:
        assert len(file.pages) == 62
        nodes = [obj for obj in file.objects if isinstance(obj, Dictionary) and obj.get("/Type") == "/Pages"]
        assert max(len(node.Kids) for node in nodes) == FANOUT


def test_pages_look_as_in_the_file_they_come_from() -> None:
    file = simple(3, entries=b"/Rotate 90/CropBox[10 10 250 150]")
    assert pictures(adopt(file)) == pictures(file)


def test_inherited_entries_stand_in_the_page_and_what_is_shared_is_written_once() -> None:
    with opened(adopt(simple(4, entries=b"/Rotate 450/CropBox[10 10 250 150]"))) as pdf:
        pages = [page.obj for page in pdf.pages]
        assert [int(page.Rotate) for page in pages] == [90] * 4
        assert [[int(side) for side in page.CropBox] for page in pages] == [[10, 10, 250, 150]] * 4
        assert len({page.Resources.objgen for page in pages}) == 1
        assert sum(obj.get("/Type") == "/Font" for obj in pdf.objects if isinstance(obj, Dictionary)) == 1


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
        SegmentWriter(out, Lane(0, 1), 0, header=True).adopt(file)
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


def link(target: bytes) -> bytes:
    return b"<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/Border[0 0 1]%s>>" % target


def test_links_lead_to_the_web_and_to_pages_of_the_file_and_nowhere_else() -> None:
    kept = [
        b"/Dest[10 0 R/XYZ 0 50 null]",
        b"/A<</S/GoTo/D[10 0 R/Fit]>>",
        b"/Dest/named",
        b"/A<</S/URI/URI(https://example.com)>>",
        b"/A<</S/URI/URI(MAILTO:a@example.com)>>",
    ]
    dropped = [
        b"/Dest[99 0 R/Fit]",  # a page that is not there
        b"/Dest[7 0 R/Fit]",  # a page that is not among the pages
        b"/Dest/unknown",
        b"/A<</S/URI/URI(javascript:alert\\(1\\))>>",
        b"/A<</S/URI/URI( https://example.com)>>",
        b"/A<</S/URI/URI(file:///etc/passwd)>>",
        b"/A<</S/JavaScript/JS(alert)>>",
        b"/A<</S/Launch/F(program)>>",
        b"/A<</S/GoToR/F(other.pdf)/D[0/Fit]>>",
        b"/A<</S/GoToE/T<</R/C>>/D[0/Fit]>>",
        b"",
    ]
    annotations = (
        b"".join(map(link, kept + dropped)) + b"<</Type/Annot/Subtype/Widget/Rect[0 0 9 9]/FT/Tx>> 12 null"
    )
    file = simple(2).replace(b"/Parent 2 0 R/Contents 13 0 R", b"/Parent 2 0 R/Contents 13 0 R/Annots 8 0 R")
    file = file.replace(
        b"%PDF-1.7\n", b"%PDF-1.7\n8 0 obj[" + annotations + b"]endobj 7 0 obj<</Type/Page>>endobj "
    )
    file = file.replace(b"/Pages 2 0 R", b"/Pages 2 0 R/Dests<</named[12 0 R/FitH 60]>>")
    file = file[: file.index(b"xref\n")]  # the table is made anew from what stands in the file
    file += b"trailer<</Root 1 0 R/Size 99>>\nstartxref\n0\n%%EOF"
    with opened(adopt(file)) as pdf:
        first, second = (page.obj for page in pdf.pages)
        place, action, named, web, mail = second.Annots
        assert [each.Dest[0].objgen for each in (place, action, named)] == [first.objgen] * 2 + [second.objgen]
        assert place.Dest[1:] == [Name.XYZ, 0, 50, None] or list(place.Dest)[1:4] == [Name.XYZ, 0, 50]
        assert [str(each.A.URI) for each in (web, mail)] == ["https://example.com", "MAILTO:a@example.com"]
        assert list(place.Border) == [0, 0, 1]


def test_what_acts_hides_or_tells_is_left_behind() -> None:
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
    telling = b"Metadata xmpmeta StructParent PieceInfo Private /Thumb"
    for word in (acting + b" " + telling).split():
        assert word in file
        assert word not in pdf


def test_a_font_may_be_called_like_an_entry_that_is_left_behind() -> None:
    file = simple(1).replace(b"/F ", b"/Metadata ").replace(b"<</F<", b"<</Metadata<")
    assert texts(adopt(file)) == ["page 0"]


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


def annexed(headings: list[Heading]) -> Iterable[Heading]:
    return [Heading(1, 0, 100, "Annex"), *(replace(heading, level=heading.level + 1) for heading in headings)]


@pytest.mark.parametrize(
    ("bookmark", "expected"),
    [
        (None, ()),
        (list, (("Folder", 1, 100, 1), ("In the folder", 1, 100, 2), ("Last page", 2, 40, 1))),
        (
            annexed,
            (("Annex", 0, 100, 1), ("Folder", 1, 100, 2), ("In the folder", 1, 100, 3), ("Last page", 2, 40, 2)),
        ),
    ],
)
def test_the_outline_of_a_file_is_what_the_document_makes_of_it(
    bookmark: adopted.Bookmarking | None, expected: object, tmp_path: Path
) -> None:
    pdf = filled(lambda out: out.adopt(io.BytesIO(outlined()), bookmark))
    (tmp_path / "file.pdf").write_bytes(pdf)
    with pypdf.PdfReader(tmp_path / "file.pdf") as reader:
        assert tuple(entries(reader, reader.outline, 1)) == expected


def entries(reader: pypdf.PdfReader, items: Any, depth: int) -> Iterable[tuple[str, int | None, float, int]]:
    for item in items:
        if isinstance(item, list):
            yield from entries(reader, item, depth + 1)
        else:
            yield str(item.title), reader.get_destination_page_number(item), float(item.top), depth


def test_what_is_taken_back_in_the_middle_of_a_page_leaves_nothing() -> None:
    def fill(out: SegmentWriter, *, stumble: bool) -> None:
        out.adopt(io.BytesIO(simple(3, "kept")))
        mark = out.mark()
        if stumble:
            out.adopt(io.BytesIO(simple(40, "taken back")), list)
            with out.canvas(200, 200) as canvas:
                canvas.drawString(10, 10, "taken back 0")
            out.back_to(mark)
        out.adopt(io.BytesIO(simple(2, "taken back")))

    stumbled = filled(lambda out: fill(out, stumble=True))
    assert stumbled == filled(lambda out: fill(out, stumble=False))
    assert texts(stumbled)[3:] == ["taken back 0", "taken back 1"]


@pytest.mark.parametrize(
    "how",
    [
        pikepdf.Encryption(owner="o", user="", R=3, aes=False, metadata=False),
        pikepdf.Encryption(owner="o", user="secret", R=3, aes=False, metadata=False),
        pikepdf.Encryption(owner="o", user="", R=6),
        pikepdf.Encryption(owner="o", user="secret", R=6),
    ],
)
def test_protected_files_are_refused(how: pikepdf.Encryption) -> None:
    with pikepdf.open(io.BytesIO(simple(1))) as pdf:
        file = io.BytesIO()
        pdf.save(file, encryption=how)
    assert "protected" in refused(file.getvalue())


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "empty"),
        (b"GIF89a", "no PDF"),
        (b"%PDF-1.7\n", "damaged"),
        (simple(0), "no pages"),
        (one_page(b"/Resources<</A " + b"[" * 100 + b"]" * 100 + b">>", {}), "deep"),
        (one_page(b"/Resources<</A[" + b"0 " * 100_001 + b"]>>", {}), "safe"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_plain_words(file: bytes, words: str) -> None:
    assert words in refused(file)


def test_a_page_that_cannot_be_copied_takes_those_before_it_along() -> None:
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


class Counted(io.BufferedReader):
    """A file that knows how many of its bytes were read."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def test_objects_are_found_where_they_are_when_the_table_is_wrong(tmp_path: Path) -> None:
    right = simple(50)
    for wrong in (
        right.replace(b"%PDF-1.7\n", b"%PDF-1.7\n% bytes that the table does not know of\n"),
        re.sub(rb"\n(\d+) 1\n\d{10}", rb"\n\1 1\n%010d" % right.index(b"4 0 obj"), right),
    ):
        (tmp_path / "wrong.pdf").write_bytes(wrong)
        with Counted(io.FileIO(tmp_path / "wrong.pdf")) as file:
            pdf = filled(partial(SegmentWriter.adopt, file=file))
            assert file.count < 30 * len(wrong)
        assert texts(pdf) == [f"page {i}" for i in range(50)]


def test_a_page_that_stands_in_its_file_twice_comes_twice() -> None:
    again = simple(2).replace(b"Kids[10 0 R 12 0 R", b"Kids[10 0 R 12 0 R 10 0 R")
    again = again.replace(
        b"/Parent 2 0 R/Contents 13", b"/Parent 2 0 R/Annots[%s]/Contents 13" % link(b"/Dest[10 0 R/Fit]")
    )
    pdf = adopt(again)
    assert texts(pdf) == ["page 0", "page 1", "page 0"]
    with opened(pdf) as file:
        first, second, third = (page.obj for page in file.pages)
        assert second.Annots[0].Dest[0].objgen == first.objgen != third.objgen


def test_a_search_does_not_depend_on_where_blocks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    file = simple(9).replace(b"\n2 0 obj", b"\n1234567890 12345 obj")
    whole = foreign._objects_in(io.BytesIO(file))
    assert len(whole) == 22
    assert all(file[at:].startswith(b"%d %d obj" % found) for found, at in whole.items())
    for size in range(1, 200):
        monkeypatch.setattr(foreign, "_BLOCK", size)
        assert foreign._objects_in(io.BytesIO(file)) == whole


def test_references_to_objects_that_the_file_does_not_have_are_null() -> None:
    file = simple(2).replace(b"/Contents 11 0 R", b"/Contents 98 0 R")
    assert texts(adopt(file)) == ["", "page 1"]


SEEDS = [simple(3), outlined(), one_page(b"/Annots[" + link(b"/Dest/n") + b"]", {}, b"/Dests<</n[3 0 R/Fit]>>")]


def packed_seed() -> bytes:
    with pikepdf.open(io.BytesIO(simple(5))) as pdf:
        file = io.BytesIO()
        pdf.save(file, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        return file.getvalue()


SEEDS.append(packed_seed())


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.sampled_from(SEEDS), data=st.data())
def test_a_damaged_file_is_read_or_refused_and_never_spoils_the_document(seed: bytes, data: st.DataObject) -> None:
    if data.draw(st.booleans()):
        file = bytearray(seed[: data.draw(st.integers(0, len(seed)))])
    else:
        file = bytearray(seed)
        for _ in range(data.draw(st.integers(1, 6))):
            at = data.draw(st.integers(0, len(file) - 1))
            file[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))

    def fill(out: SegmentWriter) -> None:
        with out.page(200, 200) as page:
            page.text(10, 10, 12, "before")
        try:
            out.adopt(io.BytesIO(bytes(file)), list)
        except UnreadableSource:
            assert out.pages == 1
        with out.page(200, 200) as page:
            page.text(10, 10, 12, "after")

    with pikepdf.open(io.BytesIO(filled(fill))) as pdf:
        assert len(pdf.pages) >= 2
        assert not [page for page in pdf.pages if not isinstance(page.obj.Resources, Dictionary)]
