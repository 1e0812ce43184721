"""What a reader sees in a PDF, as values that can be compared."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pikepdf
import pypdf


@dataclass(frozen=True)
class SeenPage:
    """A page by what it shows: its text, its operators, and its pictures by their bytes."""

    text: str
    box: tuple[float, ...]
    operators: bytes
    drawn: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Seen:
    """A file by what it shows. Bookmarks are (title, page index, top, depth)."""

    pages: tuple[SeenPage, ...]
    bookmarks: tuple[tuple[str, int, float, int], ...]
    complaints: tuple[str, ...]


def read(path: Path) -> Seen:
    """Read a file with qpdf and with pypdf."""
    with pikepdf.open(path) as pdf, pypdf.PdfReader(path) as reader:
        pages = tuple(
            SeenPage(
                other.extract_text(),
                tuple(float(v) for v in page.MediaBox),
                page.Contents.read_bytes(),
                tuple(sorted(_drawn(page.Resources))),
            )
            for page, other in zip(pdf.pages, reader.pages, strict=True)
        )
        bookmarks = tuple(_bookmarks(reader, reader.outline, 1))
        return Seen(pages, bookmarks, tuple(pdf.check_pdf_syntax()))


def _drawn(resources: Any) -> list[tuple[str, str]]:
    found = resources.get("/XObject", {})
    return [(name, hashlib.sha256(_bytes(found[name])).hexdigest()) for name in found]


def _bytes(stream: Any) -> bytes:
    mask = stream.get("/SMask")
    return bytes(stream.read_raw_bytes()) + (bytes(mask.read_raw_bytes()) if mask is not None else b"")


def _bookmarks(reader: pypdf.PdfReader, items: Any, depth: int) -> list[tuple[str, int, float, int]]:
    found: list[tuple[str, int, float, int]] = []
    for item in items:
        if isinstance(item, list):
            found += _bookmarks(reader, item, depth + 1)
        else:
            page = reader.get_destination_page_number(item)
            assert page is not None
            found.append((str(item.title), page, float(item.top), depth))
    return found
