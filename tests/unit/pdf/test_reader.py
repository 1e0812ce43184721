"""PDFs that are protected, damaged or misleading."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pikepdf
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pikepdf import Dictionary

from pipeline.errors import UnreadableSource
from pipeline.pdf import foreign_objects as foreign
from pipeline.pdf.adopt import adopt_pages
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter

from ...examples import examples
from ...make_pdf import filled, pictures
from .foreign_files import adopt, link, one_page, outlined, refused, simple, stream, texts


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


@pytest.mark.parametrize("nothing", [b"null", b"98 0 R"])
def test_a_file_whose_protection_is_null_is_not_protected(nothing: bytes) -> None:
    file = simple(2).replace(b"trailer<<", b"trailer<</Encrypt %s" % nothing)
    assert texts(adopt(file)) == ["page 0", "page 1"]


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "empty"),
        (b"GIF89a", "not a PDF"),
        (b"%PDF-1.7\n", "damaged"),
        (simple(0), "no pages"),
        (one_page(b"/Resources<</A " + b"[" * 100 + b"]" * 100 + b">>", {}), "deep"),
        (one_page(b"/Resources<</A[" + b"0 " * 100_001 + b"]>>", {}), "safe"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_plain_words(file: bytes, words: str) -> None:
    assert words in refused(file)


def packed(file: bytes) -> bytes:
    """The file with its objects in streams."""
    with pikepdf.open(io.BytesIO(file)) as pdf:
        out = io.BytesIO()
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return out.getvalue()


class Counted(io.BufferedReader):
    """A file that knows how many of its bytes were read."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def test_objects_are_found_when_the_table_is_wrong(tmp_path: Path) -> None:
    right = simple(50)
    for wrong in (
        right.replace(b"%PDF-1.7\n", b"%PDF-1.7\n% bytes that the table does not know of\n"),
        re.sub(rb"\n(\d+) 1\n\d{10}", rb"\n\1 1\n%010d" % right.index(b"4 0 obj"), right),
    ):
        (tmp_path / "wrong.pdf").write_bytes(wrong)
        with Counted(io.FileIO(tmp_path / "wrong.pdf")) as file:
            pdf = filled(partial(adopt_pages, file=file))
            assert file.count < 30 * len(wrong)
        assert texts(pdf) == [f"page {i}" for i in range(50)]


def test_a_search_does_not_depend_on_where_blocks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    file = simple(9).replace(b"\n2 0 obj", b"\n1234567890 12345 obj")
    whole = foreign._objects_in(io.BytesIO(file))
    assert len(whole) == 22
    assert all(file[at:].startswith(b"%d %d obj" % found) for found, at in whole.items())
    for size in range(1, 200):
        monkeypatch.setattr(foreign, "_BLOCK", size)
        assert foreign._objects_in(io.BytesIO(file)) == whole


def test_references_to_missing_objects_are_null() -> None:
    file = simple(2).replace(b"/Contents 11 0 R", b"/Contents 98 0 R")
    assert texts(adopt(file)) == ["", "page 1"]


def remarks_on(file: bytes) -> list[str]:
    out = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    adopt_pages(out, io.BytesIO(file), list)
    return list(map(str, out.tally.remarks))


DAMAGED = "A copied PDF is damaged; what could not be read was guessed or left out"


def test_what_was_mended_in_a_damaged_file_is_named() -> None:
    sound = simple(2)
    assert remarks_on(sound) == []
    moved = sound.replace(b"%PDF-1.7\n", b"%PDF-1.7\n%moved\n")
    assert remarks_on(moved)[0].startswith(DAMAGED)
    value = sound.replace(b"/Type/Page/Parent 2 0 R", b"/Type/Page/X --5/Parent 2 0 R", 1)
    assert remarks_on(value)[0].startswith(DAMAGED)
    assert remarks_on(sound) == []


def test_a_mark_that_is_no_longer_there_is_no_damage() -> None:
    """Programs that flatten forms leave references to fields, which are null (ISO 32000-1, 7.3.10)."""
    assert remarks_on(one_page(b"/Annots[98 0 R]", {})) == []


def test_an_entry_that_is_there_twice_is_named_if_it_is_copied() -> None:
    """TCPDF says twice how a file with bookmarks is opened."""
    assert remarks_on(one_page(b"", {}, b"/PageMode/UseNone/PageMode/UseOutlines")) == []
    assert remarks_on(one_page(b"/Rotate 0/Rotate 90", {}))[0].startswith(DAMAGED)


@pytest.mark.parametrize(
    "entries",
    [b"/Contents 98 0 R", b"/Contents[98 0 R]", b"/Resources 98 0 R", b"/Resources<</XObject<</I 98 0 R>>>>"],
)
def test_what_a_page_draws_and_the_file_lacks_is_named(entries: bytes) -> None:
    (remark,) = remarks_on(one_page(entries, {}))
    assert remark.startswith(DAMAGED)


def without_end(file: bytes) -> bytes:
    return file[: file.rindex(b"startxref")]


LOST = [
    (without_end, simple(2)),
    (lambda file: file.removesuffix(b"%%EOF"), simple(2)),
    (lambda file: file[: file.rindex(b"xref\n0")] + b"trailer<</Root 1 0 R>>", simple(2)),
    (without_end, packed(simple(2))),
    (lambda file: file.replace(b"xref\n0 1\n0000000000", b"xref\n1 1\nnonsense"), simple(2)),
    (lambda file: file.replace(b"xref\n0 1\n0000000000 65535 f", b"xref\n1 0 R1\n n"), simple(2)),
]


@pytest.mark.parametrize(("lose", "file"), LOST, ids=["end", "mark", "table", "packed", "nonsense", "reference"])
def test_a_file_without_its_end_or_table_is_searched_and_named(lose: Callable[[bytes], bytes], file: bytes) -> None:
    damaged = lose(file)
    assert pictures(adopt(damaged)) == pictures(file)
    assert remarks_on(damaged)[0].startswith(DAMAGED)


def test_an_object_may_be_a_reference() -> None:
    chain = {4: b"5 0 R", 5: b"6 0 R", 6: stream(b"1 0 0 rg 0 0 99 99 re f"), 7: b"8 0 R", 8: b"7 0 R"}
    entries = b"/Resources<</Font<</F 7 0 R>>>>/Contents %d 0 R"
    direct = one_page(entries % 6, {6: chain[6], 7: b"null"})
    assert pictures(adopt(one_page(entries % 4, chain))) == pictures(direct)


def test_pages_that_are_not_there_are_named() -> None:
    for entries in (b"/Count 3/Kids[10 0 R 12 0 R]", b"/Count 3/Kids[10 0 R 77 0 R 12 0 R]"):
        file = simple(2).replace(b"/Count 2/Kids[10 0 R 12 0 R]", entries)
        assert len(texts(adopt(file))) == 2
        assert remarks_on(file)[0].startswith(DAMAGED)


def test_a_program_that_silences_pypdf_hears_of_repairs_in_the_result(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "pypdf")
    assert remarks_on(simple(2).replace(b"%PDF-1.7\n", b"%PDF-1.7\n%moved\n"))[0].startswith(DAMAGED)
    logging.getLogger("pypdf").propagate = True


def test_bookmarks_that_lead_nowhere_are_named() -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 100)
    writer.add_outline_item(title="A page", page_number=0)
    for title in ("Nowhere", "Nor here"):
        writer.add_outline_item(title=title, page_number=None)
    file = io.BytesIO()
    writer.write(file)
    words = "Bookmarks of a copied PDF that lead to no page of it were left out (2 times)."
    assert remarks_on(file.getvalue()) == [words]


@pytest.mark.parametrize(
    "box",
    [b"", b"/MediaBox[0 0 (300) 200]", b"/MediaBox[0 0 3e7 200]", b"/MediaBox[0 0 0 0]", b"/MediaBox[9 0 9 9]"],
)
def test_a_page_without_a_size_is_named(box: bytes) -> None:
    sizes = b"Pages of a copied PDF have no size that makes sense; US Letter was taken (its page 1)."
    assert sizes.decode() in remarks_on(simple(1).replace(b"/MediaBox[0 0 300 200]", box))


SEEDS = [simple(3), outlined(), one_page(b"/Annots[" + link(b"/Dest/n") + b"]", {}, b"/Dests<</n[3 0 R/Fit]>>")]


@pytest.mark.parametrize(
    ("entries", "key"),
    [
        (b"/Rotate 45", "/Rotate"),
        (b"/Rotate 89.6", "/Rotate"),
        (b"/CropBox[0 0 0 0]", "/CropBox"),
        (b"/CropBox[400 400 500 500]", "/CropBox"),
        (b"/TrimBox(wide)", "/TrimBox"),
        (b"/TrimBox[400 400 500 500]", "/TrimBox"),
        (b"/TrimBox[0 0 0 0]/BleedBox[9 9 9 20]/ArtBox[9 9 9 9]", None),
        (b"/CropBox[-9 -9 999 999]/TrimBox null/Rotate 90.0/ArtBox[9 9 20 20]", None),
    ],
)
def test_boxes_and_turns_that_readers_take_as_they_like_are_left_out_and_named(
    entries: bytes, key: str | None
) -> None:
    file = one_page(entries, {})
    assert remarks_on(file) == ([f"{DAMAGED} (its page 1 has no usable {key})."] if key else [])
    with pikepdf.open(io.BytesIO(adopt(file))) as pdf:
        assert key is None or key not in pdf.pages[0].obj


def packed_seed() -> bytes:
    with pikepdf.open(io.BytesIO(simple(5))) as pdf:
        file = io.BytesIO()
        pdf.save(file, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        return file.getvalue()


SEEDS.append(packed_seed())


def test_an_object_that_stands_for_itself_is_named_by_its_number() -> None:
    file = one_page(b"/Contents 4 0 R", {4: b"<</Length 4 0 R>>\nstream\nq Q\nendstream"})
    assert refused(file).endswith("Detected loop with self reference for object 4.")


@examples(80)
@given(seed=st.sampled_from(SEEDS), data=st.data())
def test_a_damaged_file_never_spoils_the_document(seed: bytes, data: st.DataObject) -> None:
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
            adopt_pages(out, io.BytesIO(bytes(file)), list)
        except UnreadableSource:
            assert out.pages == 1
        with out.page(200, 200) as page:
            page.text(10, 10, 12, "after")

    with pikepdf.open(io.BytesIO(filled(fill))) as pdf:
        assert len(pdf.pages) >= 2
        assert not [page for page in pdf.pages if not isinstance(page.obj.Resources, Dictionary)]
