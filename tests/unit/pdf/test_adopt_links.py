"""Links and outlines of adopted pages."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdf
import pytest
from pikepdf import Name

from pipeline.pdf import adopt as adopted
from pipeline.pdf.adopt import adopt_pages
from pipeline.pdf.reader import Heading

from ...make_pdf import filled, opened, pictures
from .foreign_files import adopt, link, one_page, outlined, simple, stream, texts


def test_links_to_the_web_and_to_own_pages_are_kept() -> None:
    kept = [
        b"/Dest[10 0 R/XYZ 0 50 null]",
        b"/A<</S/GoTo/D[10 0 R/Fit]>>",
        b"/Dest/named",
        b"/A<</S/URI/URI(https://example.com)>>",
        b"/A<</S/URI/URI(MAILTO:a@example.com)>>",
        b"/A<</S/URI/URI(tel:+49-30-1234)>>",
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
        place, action, named, web, mail, phone = second.Annots
        assert [each.Dest[0].objgen for each in (place, action, named)] == [first.objgen] * 2 + [second.objgen]
        assert place.Dest[1:] == [Name.XYZ, 0, 50, None] or list(place.Dest)[1:4] == [Name.XYZ, 0, 50]
        assert [str(each.A.URI) for each in (web, mail, phone)] == [
            "https://example.com", "MAILTO:a@example.com", "tel:+49-30-1234"
        ]  # fmt: skip
        assert list(place.Border) == [0, 0, 1]


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
def test_the_document_decides_what_becomes_of_the_outline(
    bookmark: adopted.Bookmarking | None, expected: object, tmp_path: Path
) -> None:
    pdf = filled(lambda out: adopt_pages(out, io.BytesIO(outlined()), bookmark))
    (tmp_path / "file.pdf").write_bytes(pdf)
    with pypdf.PdfReader(tmp_path / "file.pdf") as reader:
        assert tuple(entries(reader, reader.outline, 1)) == expected


def entries(reader: pypdf.PdfReader, items: Any, depth: int) -> Iterable[tuple[str, int | None, float, int]]:
    for item in items:
        if isinstance(item, list):
            yield from entries(reader, item, depth + 1)
        else:
            yield str(item.title), reader.get_destination_page_number(item), float(item.top), depth


def test_a_page_listed_twice_is_copied_twice() -> None:
    again = simple(2).replace(b"Kids[10 0 R 12 0 R", b"Kids[10 0 R 12 0 R 10 0 R")
    again = again.replace(
        b"/Parent 2 0 R/Contents 13", b"/Parent 2 0 R/Annots[%s]/Contents 13" % link(b"/Dest[10 0 R/Fit]")
    )
    pdf = adopt(again)
    assert texts(pdf) == ["page 0", "page 1", "page 0"]
    with opened(pdf) as file:
        first, second, third = (page.obj for page in file.pages)
        assert second.Annots[0].Dest[0].objgen == first.objgen != third.objgen


@pytest.mark.parametrize("look", [b"/AP<</N 5 0 R>>", b"/AP<</N<</On 5 0 R/Off 6 0 R>>>>/AS/On"])
def test_a_link_keeps_its_look(look: bytes) -> None:
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 100 100]"
    file = one_page(
        b"/Annots[<</Type/Annot/Subtype/Link/Rect[20 20 99 99]/A<</S/URI/URI(tel:1)>>%s>>]" % look,
        {5: stream(b"1 0 0 rg 0 0 100 100 re f", form), 6: stream(b"", form)},
    )
    assert pictures(adopt(file)) == pictures(file) != pictures(one_page(b"", {}))
