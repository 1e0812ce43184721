"""A finished file, opened by those who did not write it; each in a process of its own.

    python -m bench.readers READER FILE PAGES

Each counts the pages and reads what the first, the middle and the last one say of their number; prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .alone import peak

ROWS = 4_200_000  # objects: PDFium takes so many, and pypdf is told to
Reader = Callable[[Path, list[int]], tuple[int, list[str], str]]
"""(file, page indexes) -> pages, their texts, a remark."""


def shown_pages(pages: int) -> list[int]:
    """First, middle and last."""
    return [0, pages // 2, pages - 1]


def pypdf(path: Path, wanted: list[int]) -> tuple[int, list[str], str]:
    import pypdf

    with pypdf.PdfReader(path, xref_stream_maximum_entries=ROWS) as reader:
        count = reader.get_num_pages()
        texts = [reader.pages[page].extract_text() for page in wanted]
    return count, texts, f"xref_stream_maximum_entries={ROWS}"


def qpdf(path: Path, wanted: list[int]) -> tuple[int, list[str], str]:  # it reads no text
    import pikepdf

    with pikepdf.open(path) as pdf:
        complaints = pdf.check_pdf_syntax()
        return len(pdf.pages), [], f"{len(complaints)} complaints about syntax"


def pdfium(path: Path, wanted: list[int]) -> tuple[int, list[str], str]:
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    texts = [document[page].get_textpage().get_text_bounded() for page in wanted]
    return len(document), texts, ""


def mupdf(path: Path, wanted: list[int]) -> tuple[int, list[str], str]:
    import pymupdf

    with pymupdf.open(str(path)) as document:
        texts = [document[page].get_text() for page in wanted]
        repaired = "repaired" if document.is_repaired else "not repaired"
        return document.page_count, texts, repaired


READERS: dict[str, Reader] = {"pypdf": pypdf, "qpdf": qpdf, "PDFium": pdfium, "MuPDF": mupdf}
THEIRS = ("MuPDF",)  # in the peers' environment


def main(name: str, file: str, pages: str) -> None:
    began, wanted = time.perf_counter(), shown_pages(int(pages))
    count, texts, remark = READERS[name](Path(file), wanted)
    right = sum(f"{page + 1} of {pages}" in text for page, text in zip(wanted, texts, strict=False))
    said = f"{count:,} pages"
    said += f"; numbers right on {right} of {len(texts)} pages looked at" if texts else ""
    said += f"; {remark}" if remark else ""
    sound = count == int(pages) and right == len(texts) and not remark.startswith(("1", "2", "repaired"))
    found = {"name": name, "said": said, "sound": sound}
    found |= {"seconds": time.perf_counter() - began, "peak_mib": peak() / 2**20}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
