"""Files changed by what is appended: what a later table says of an object counts (ISO 32000-1, 7.5.6)."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Collection, Mapping

import pikepdf
import pytest

from pipeline.pdf.adopt import adopt_pages, remarks
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter

from .foreign_files import adopt, one_page, simple, stream, texts

TABLE = 99  # the number of a table that is an object
FONT = b"<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
Objects = Mapping[int, bytes]


def text(words: bytes, y: int = 100) -> bytes:
    return stream(b"BT /F 20 Tf 20 %d Td (%s) Tj ET" % (y, words))


def one(content: bytes, objects: Objects) -> bytes:
    return one_page(b"/Resources %s/Contents %s" % (FONT, content), dict(objects))


def updated(
    file: bytes, objects: Objects, freed: Collection[int] = (), *, packed: bool, generation: int = 1
) -> bytes:
    """The file with objects changed and others freed, by a table, or by a stream that is one."""
    (root,) = set(re.findall(rb"/Root (\d+) 0 R", file))
    before = int(re.findall(rb"startxref\s+(\d+)", file)[-1])
    out = bytearray(file + b"\n")
    places = {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    if packed:
        entries = [(number, 1, place, 0) for number, place in {**places, TABLE: start}.items()]
        entries += [(number, 0, 0, generation) for number in freed]
        index = b" ".join(b"%d 1" % number for number, *_ in entries)
        rows = b"".join(struct.pack(">BIH", *row) for _, *row in entries)
        table = stream(rows, b"/Type/XRef/W[1 4 2]/Index[%s]/Size 100/Root %s 0 R/Prev %d" % (index, root, before))
        out += b"%d 0 obj\n%s\nendobj\n" % (TABLE, table)
    else:
        out += b"xref\n0 1\n0000000000 65535 f \n"
        out += b"".join(b"%d 1\n%010d 00000 n \n" % each for each in places.items())
        out += b"".join(b"%d 1\n0000000000 %05d f \n" % (number, generation) for number in freed)
        out += b"trailer<</Size 100/Root %s 0 R/Prev %d>>\n" % (root, before)
    return bytes(out + b"startxref\n%d\n%%%%EOF" % start)


def warnings(file: bytes) -> list[str]:
    out = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    adopt_pages(out, io.BytesIO(file), list)
    return list(map(str, out.tally.remarks))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("generation", [0, 1, 65535])
def test_what_was_deleted_later_stays_deleted_and_is_named(packed: bool, generation: int) -> None:
    file = one(b"[5 0 R 6 0 R]", {5: text(b"kept"), 6: text(b"secret", 50)})
    assert texts(adopt(file)) == ["kept\nsecret"]
    changed = updated(file, {}, [6], packed=packed, generation=generation)
    assert texts(adopt(changed)) == ["kept"]
    assert warnings(changed) == [f"{remarks.DAMAGED} (object 6 is used, but was deleted)."]
    again = updated(changed, {6: text(b"new", 50)}, packed=packed)
    assert texts(adopt(again)) == ["kept\nnew"]
    assert warnings(again) == []


def test_an_object_that_the_only_table_calls_free_is_not_searched_for() -> None:
    file = one(b"[5 0 R 6 0 R]", {5: text(b"kept"), 6: text(b"secret", 50)})
    freed = file.replace(b"6 1\n%010d 00000 n" % file.index(b"6 0 obj"), b"6 1\n0000000000 00001 f")
    assert freed != file
    assert texts(adopt(freed)) == ["kept"]


def packed_page() -> tuple[bytes, int]:
    """A file whose pages are packed in a stream of objects, and the number of the second one."""
    with pikepdf.open(io.BytesIO(simple(3))) as pdf:
        pdf.save(out := io.BytesIO(), object_stream_mode=pikepdf.ObjectStreamMode.generate)
    with pikepdf.open(io.BytesIO(out.getvalue())) as pdf:
        return out.getvalue(), int(str(pdf.pages[1].objgen[0]))


@pytest.mark.parametrize("packed", [False, True])
def test_a_later_object_counts_also_where_the_tables_are_lost(packed: bool) -> None:
    file, number = packed_page()
    page = b"<</Type/Page/MediaBox[0 0 300 200]/Resources %s/Contents 98 0 R>>" % FONT
    changed = updated(file, {number: page, 98: text(b"later")}, packed=packed)
    assert texts(adopt(changed)) == ["page 0", "later", "page 2"]
    lost = re.sub(rb"startxref\s+\d+\s+%%EOF\Z", b"startxref\n5\n%%EOF", changed)
    assert texts(adopt(lost)) == ["page 0", "later", "page 2"]
    assert warnings(lost)[0].startswith(remarks.DAMAGED)


def test_an_object_may_have_the_number_of_an_earlier_table() -> None:
    changed = updated(one(b"5 0 R", {5: text(b"first")}), {5: text(b"second")}, packed=True)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Resources %s/Contents %d 0 R>>" % (FONT, TABLE)
    again = updated(changed, {3: page, TABLE: text(b"third")}, packed=False)
    assert texts(adopt(again)) == ["third"]


def hybrid() -> bytes:
    """A file with a table for old readers, which calls the resources free, and a stream that has them (7.5.8.4)."""
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 5 0 R/Resources 6 0 R>>",
        5: text(b"hidden"),
        7: stream(b"6 0 " + FONT, b"/Type/ObjStm/N 1/First 4"),
        8: stream(struct.pack(">BIH", 2, 7, 0), b"/Type/XRef/W[1 4 2]/Index[6 1]/Size 9/Root 1 0 R"),
    }
    out, rows = bytearray(b"%PDF-1.5\n"), [b"0000000000 65535 f \n"] * 9
    for number, body in objects.items():
        rows[number] = b"%010d 00000 n \n" % len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table, more = len(out), int(rows[8][:10])
    trailer = b"trailer<</Size 9/Root 1 0 R/XRefStm %d>>\nstartxref\n%d\n%%%%EOF" % (more, table)
    return bytes(out) + b"xref\n0 9\n" + b"".join(rows) + trailer


def test_what_only_new_readers_see_is_not_deleted() -> None:
    assert texts(adopt(hybrid())) == ["hidden"]
    assert warnings(hybrid()) == []
    assert texts(adopt(updated(hybrid(), {5: text(b"later")}, packed=False))) == ["later"]
    assert warnings(updated(hybrid(), {}, [6], packed=False))[0].startswith(remarks.DAMAGED)
