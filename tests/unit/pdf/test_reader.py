"""PDFs that are protected, damaged or misleading."""

from __future__ import annotations

import io
import re
from functools import partial
from pathlib import Path

import pikepdf
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pikepdf import Dictionary

from pipeline.errors import UnreadableSource
from pipeline.pdf import reader as foreign
from pipeline.pdf.adopt import adopt_pages
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter

from ...examples import examples
from ...make_pdf import filled
from .foreign_files import adopt, link, one_page, outlined, refused, simple, texts


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
        (b"GIF89a", "not a PDF"),
        (b"%PDF-1.7\n", "damaged"),
        (simple(0), "no pages"),
        (one_page(b"/Resources<</A " + b"[" * 100 + b"]" * 100 + b">>", {}), "deep"),
        (one_page(b"/Resources<</A[" + b"0 " * 100_001 + b"]>>", {}), "safe"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_plain_words(file: bytes, words: str) -> None:
    assert words in refused(file)


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


@pytest.mark.parametrize("box", [b"", b"/MediaBox[0 0 (300) 200]", b"/MediaBox[0 0 3e7 200]"])
def test_a_page_without_a_size_is_named(box: bytes) -> None:
    sizes = b"Pages of a copied PDF have no size that makes sense; US Letter was taken (its page 1)."
    assert sizes.decode() in remarks_on(simple(1).replace(b"/MediaBox[0 0 300 200]", box))


SEEDS = [simple(3), outlined(), one_page(b"/Annots[" + link(b"/Dest/n") + b"]", {}, b"/Dests<</n[3 0 R/Fit]>>")]


def packed_seed() -> bytes:
    with pikepdf.open(io.BytesIO(simple(5))) as pdf:
        file = io.BytesIO()
        pdf.save(file, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        return file.getvalue()


SEEDS.append(packed_seed())


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
