"""A finished file, opened by those who did not write it; each in a process of its own.

    python -m bench.readers READER FILE PAGES

Each counts the pages and reads what the first, the middle and the last one say of their number; prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .alone import peak

ROWS = 4_200_000  # of the cross-reference: pypdf takes two million unless told otherwise


@dataclass(frozen=True)
class Opinion:
    """What a reader found: pages, the texts of those it was asked for, complaints, and how it was set up."""

    pages: int
    texts: Sequence[str] = ()
    complaints: Sequence[str] = ()
    settings: str = ""


Reader = Callable[[Path, Sequence[int]], Opinion]
"""(file, page indexes) -> opinion."""


def shown_pages(pages: int) -> list[int]:
    """First, middle and last."""
    return [0, pages // 2, pages - 1]


def pypdf(path: Path, wanted: Sequence[int]) -> Opinion:
    import pypdf

    tree: dict[str, Any] = {"page_tree_maximum_entries": ROWS, "page_tree_maximum_page_entries": 32 * ROWS}
    limits = ", ".join(f"{name}={value}" for name, value in {"xref_stream_maximum_entries": ROWS, **tree}.items())
    with (
        pypdf.apply_configuration(**tree),
        pypdf.PdfReader(path, xref_stream_maximum_entries=ROWS) as reader,
    ):
        texts = [reader.pages[page].extract_text() for page in wanted]
        return Opinion(len(reader.pages), texts, settings=limits)


def qpdf(path: Path, wanted: Sequence[int]) -> Opinion:
    """It shows no text, and checks the structure of everything."""
    import pikepdf

    with pikepdf.open(path) as pdf:
        return Opinion(len(pdf.pages), complaints=pdf.check_pdf_syntax(), settings="check_pdf_syntax()")


def pdfium(path: Path, wanted: Sequence[int]) -> Opinion:
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    return Opinion(len(document), [document[page].get_textpage().get_text_bounded() for page in wanted])


def mupdf(path: Path, wanted: Sequence[int]) -> Opinion:
    import pymupdf

    with pymupdf.open(str(path)) as document:
        complaints = ["it had to be repaired"] if document.is_repaired else []
        return Opinion(document.page_count, [document[page].get_text() for page in wanted], complaints)


READERS: dict[str, Reader] = {"pypdf": pypdf, "qpdf": qpdf, "PDFium": pdfium, "MuPDF": mupdf}
THEIRS = ("MuPDF",)  # in the peers' environment


def main(name: str, file: str, pages: str) -> None:
    began, wanted = time.perf_counter(), shown_pages(int(pages))
    opinion = READERS[name](Path(file), wanted)
    right = sum(f"{page + 1} of {pages}" in text for page, text in zip(wanted, opinion.texts, strict=False))
    said = [f"{opinion.pages:,} pages", f"{len(opinion.complaints)} complaints", *opinion.complaints[:3]]
    said += [f"{right} of {len(wanted)} pages say their number"] if opinion.texts else []
    said += [f"with `{opinion.settings}`"] if opinion.settings else []
    sound = opinion.pages == int(pages) and right == len(opinion.texts) and not opinion.complaints
    found = {"name": name, "said": "; ".join(said), "sound": sound}
    found |= {"seconds": time.perf_counter() - began, "peak_mib": peak() / 2**20}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
