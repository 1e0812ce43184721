"""What a reader sees in a PDF, as values that can be compared."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
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


@dataclass(frozen=True)
class DrawnLine:
    """A line of text: where it begins, in points, and its characters by the fonts' ToUnicode."""

    x: float
    y: float
    text: str


@dataclass
class DrawnPage:
    """The lines of text of a page in the order of drawing, and the heights of its horizontal rules."""

    lines: list[DrawnLine]
    rules: list[float]


def drawn_pages(path: Path) -> Iterator[DrawnPage]:
    """Read the text of a file that was drawn without a canvas: each text is set by Td, T* or '."""
    with pikepdf.open(path) as pdf:
        for page in pdf.pages:
            fonts = {name: _meanings(font) for name, font in page.Resources.get("/Font", {}).items()}
            yield _drawn_page(pikepdf.parse_content_stream(page), fonts)


def _drawn_page(operators: Any, fonts: dict[str, dict[bytes, str]]) -> DrawnPage:
    found: list[DrawnLine] = []
    rules: list[float] = []
    at = 0.0, 0.0
    font: dict[bytes, str] = {}
    x = y = leading = 0.0
    begun = False  # whether the line at this position has text
    for given, operator in operators:
        name = str(operator)
        if name == "Tf":
            font = fonts[str(given[0])]
        elif name == "TL":
            leading = float(given[0])
        elif name == "m":
            at = float(given[0]), float(given[1])
        elif name == "l" and float(given[1]) == at[1]:
            rules.append(at[1])
        elif name in ("BT", "Td", "T*", "'"):
            x, y = (0.0, 0.0) if name == "BT" else (x, y - leading)
            if name == "Td":
                x, y = x + float(given[0]), y + leading + float(given[1])
            begun = False
        if name in ("Tj", "TJ", "'"):
            pieces = given[0] if name == "TJ" else given
            text = "".join(_decoded(bytes(piece), font) for piece in pieces if isinstance(piece, pikepdf.String))
            if begun:
                text = found.pop().text + text
            found.append(DrawnLine(x, y, text))
            begun = True
    return DrawnPage(found, rules)


def _decoded(codes: bytes, font: dict[bytes, str]) -> str:
    return "".join(font[codes[i : i + 2]] for i in range(0, len(codes), 2))


def _meanings(font: Any) -> dict[bytes, str]:
    """What each code of a font stands for."""
    pairs = re.findall(rb"<([0-9A-F]{4})> <([0-9A-Fa-f]+)>", bytes(font.ToUnicode.read_bytes()))
    return {bytes.fromhex(code.decode()): bytes.fromhex(text.decode()).decode("utf-16-be") for code, text in pairs}
