"""Layers (optional content) of adopted pages."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from pipeline.pdf.adopt import adopt_pages, remarks
from pipeline.pdf.assembly import Assembly
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter

from ...make_pdf import opened, pictures
from .chunk_segments import ABOUT, assembled
from .foreign_files import adopt, one_page, stream

CONTENT = b"/OC /A BDC 1 0 0 rg 0 0 150 200 re f EMC /OC /B BDC 0 0 1 rg 150 0 150 200 re f EMC /X Do"


def layered(default: bytes, group: bytes = b"", member: bytes = b"6 0 R") -> bytes:
    """A page with two layers, a membership (/B is `member`) and a form on the first layer."""
    return one_page(
        b"/Contents 5 0 R/Resources<</Properties<</A 6 0 R/B %s>>/XObject<</X 8 0 R>>>>" % member,
        {5: stream(CONTENT), 6: b"<</Type/OCG/Name(A\xe4)%s>>" % group, 7: b"<</Type/OCG/Name(B)>>",
         8: stream(b"0 1 0 rg 140 90 20 20 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 300 200]/OC 6 0 R")},
        b"/OCProperties<</OCGs[6 0 R 7 0 R]/D<<%s>>>>" % default,
    )  # fmt: skip


@pytest.mark.parametrize(
    "file",
    [
        layered(b""),
        layered(b"/OFF[6 0 R]"),
        layered(b"/OFF[6 0 R]", member=b"7 0 R"),
        layered(b"/BaseState/OFF/ON[7 0 R]", member=b"7 0 R"),
        layered(b"/OFF[6 0 R]", b"/Intent/Design"),
        layered(b"/OFF[6 0 R]", b"/Intent[/Design/View]"),
        layered(b"/OFF[6 0 R]", member=b"<</Type/OCMD/OCGs[6 0 R 7 0 R]/P/AllOff>>"),
        layered(b"/OFF[6 0 R]", member=b"<</Type/OCMD/OCGs 6 0 R/VE[/Not 6 0 R]>>"),
        layered(b"/AS[<</Event/View/Category[/View]/OCGs[6 0 R]>>]", b"/Usage<</View<</ViewState/OFF>>>>"),
        layered(b"/OFF[6 0 R]").replace(b"/Type/OCG", b"         "),
        layered(b"/OFF[7 0 R]", member=b"7 0 R").replace(b"/Type/OCG", b"         "),
    ],
)
def test_layers_look_as_in_the_file_they_come_from(file: bytes) -> None:
    assert pictures(adopt(file)) == pictures(file)


def test_the_default_configuration_decides_and_not_the_viewer() -> None:
    usage = b"/Usage<</View<</ViewState/OFF>>>>"
    with opened(adopt(layered(b"/AS[<</Event/View/Category[/View]/OCGs[6 0 R]>>]", usage))) as pdf:
        assert [str(group.Name) for group in pdf.Root.OCProperties.D.OFF] == ["Aä"]
    with opened(adopt(layered(b"/OFF[6 0 R]", b"/Intent/Design"))) as pdf:
        assert not list(pdf.Root.OCProperties.D.OFF)


def test_layers_of_many_files_and_segments_stand_in_one_catalog(tmp_path: Path) -> None:
    parts = []
    for chunk in range(2):
        out = io.BytesIO()
        writer = SegmentWriter(out, Lane(chunk, 2), chunk, header=chunk == 0)
        for default in (b"/OFF[6 0 R]", b"", b"/OFF[6 0 R]"):
            adopt_pages(writer, io.BytesIO(layered(default, member=b"7 0 R")))
        assert [remark.words for remark in writer.tally.remarks] == [remarks.LAYERS]
        parts.append((writer.finish(1), out.getvalue()))
    pdf = assembled(tmp_path / "file.pdf", parts).read_bytes()
    shown, hidden = pictures(layered(b"", member=b"7 0 R")), pictures(layered(b"/OFF[6 0 R]", member=b"7 0 R"))
    assert pictures(pdf) == (hidden + shown + hidden) * 2
    with opened(pdf) as file:
        assert len(file.Root.OCProperties.OCGs) == 6  # in each segment: the first layer in two states, the second
        assert len(file.Root.OCProperties.D.OFF) == 2


def test_a_file_taken_back_leaves_no_layer() -> None:
    file = io.BytesIO()
    writer = SegmentWriter(file, Lane(0, 1), 0, header=True)
    with writer.page(100, 100):
        pass
    before = writer.rollback_point()
    adopt_pages(writer, io.BytesIO(layered(b"/OFF[6 0 R]")))
    writer.roll_back(before)
    index = writer.finish(1)
    assert (index.layers, index.hidden) == ([], [])
    with opened(file.getvalue() + b"".join(Assembly(lambda: iter([index]), ABOUT).tail())) as pdf:
        assert "/OCProperties" not in pdf.Root
