"""What a file says about itself."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from pipeline.pdf.catalog import About, metadata
from pipeline.pdf.segment import SegmentWriter

from ...make_pdf import filled, opened


def test_catalog_information_and_metadata_agree() -> None:
    def fill(out: SegmentWriter) -> None:
        with out.page(100, 100) as page:
            page.text(10, 10, 8, "x")

    with opened(filled(fill)) as pdf:
        assert str(pdf.Root.Lang) == "en"
        assert bool(pdf.Root.ViewerPreferences.DisplayDocTitle)
        with pdf.open_metadata() as xmp:
            assert xmp["dc:title"] == str(pdf.docinfo["/Title"]) == "One segment"
            assert xmp["pdf:Producer"] == str(pdf.docinfo["/Producer"]) == "pipeline"
            assert xmp["xmp:CreateDate"] == xmp["xmp:ModifyDate"] == "2023-11-14T22:13:20Z"
            assert str(pdf.docinfo["/CreationDate"]) == str(pdf.docinfo["/ModDate"]) == "D:20231114221320Z"
            assert xmp["dc:language"] == {"en"}
            assert xmp["dc:creator"] == [str(pdf.docinfo["/Author"])] == ["pipeline"]


@pytest.mark.parametrize("title", ["a<b>&]]>", "\0\x1b\ud800\ufffe", "Ärger 漢 \U0001f600", ""])
def test_metadata_are_xml_whatever_the_title(title: str) -> None:
    packet = b"".join(map(bytes, metadata(About(title, 0.0, "id", "de-DE", title)).read()))
    assert ET.fromstring(packet.partition(b"?>")[2].rpartition(b"<?")[0]) is not None  # noqa: S314  # our own


def test_equal_documents_have_equal_metadata() -> None:
    first, second = (b"".join(map(bytes, metadata(About("T", 0.0, "id")).read())) for _ in range(2))
    assert first == second
