"""Joining: chunks that are finished become one file. Ours are segments; the peers get each chunk as a PDF of
its own, with the same pages. Making either is not part of the work."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from .registry import OURS, tool


def chunks(source: Path, suffix: str = ".pdf") -> list[Path]:
    """The chunks' files, in order."""
    return sorted(source.glob(f"*{suffix}"))


@tool("joining", OURS, "segments one behind the other, then the tail: `pipeline.pdf.assembly`")
def ours(source: Path, out: Path, pages: int) -> None:
    from pipeline.pdf.assembly import Assembly
    from pipeline.pdf.catalog import About
    from pipeline.pdf.segment_index import SegmentIndex

    def indexes() -> Iterator[SegmentIndex]:
        return (SegmentIndex.decode(path.read_bytes()) for path in chunks(source, ".json"))

    concatenation(source, out, pages)
    with out.open("ab") as file:
        for piece in Assembly(indexes, About("Joined", 0, "joined")).tail():
            file.write(piece)


@tool("joining", "bare concatenation", "the bytes of the same segments, no PDF: the limit")
def concatenation(source: Path, out: Path, pages: int) -> None:  # whatever is there
    with out.open("wb") as file:
        for path in chunks(source, ".seg"):
            with path.open("rb") as chunk:
                shutil.copyfileobj(chunk, file)


@tool("joining", "pypdf", "`PdfWriter.append`, `write`", ("pypdf",))
def pypdf(source: Path, out: Path, pages: int) -> None:  # whatever is there
    import pypdf

    with pypdf.PdfWriter() as writer:
        for path in chunks(source):
            writer.append(str(path))
        writer.write(str(out))


@tool("joining", "pikepdf", "`pages.extend`, `save`", ("pikepdf",))
def pikepdf(source: Path, out: Path, pages: int) -> None:  # whatever is there
    import pikepdf

    with ExitStack() as opened, pikepdf.new() as joined:
        for path in chunks(source):
            joined.pages.extend(opened.enter_context(pikepdf.open(path)).pages)
        joined.save(out)


@tool("joining", "pymupdf", "`insert_pdf`, `save`", ("pymupdf",))
def pymupdf(source: Path, out: Path, pages: int) -> None:  # whatever is there
    import pymupdf

    joined = pymupdf.open()
    for path in chunks(source):
        with pymupdf.open(str(path)) as chunk:
            joined.insert_pdf(chunk)
    joined.save(str(out))


@tool("joining", "pypdfium2", "`import_pages`, `save`", ("pypdfium2",))
def pypdfium2(source: Path, out: Path, pages: int) -> None:  # whatever is there
    import pypdfium2

    joined = pypdfium2.PdfDocument.new()
    for path in chunks(source):
        chunk = pypdfium2.PdfDocument(path)
        joined.import_pages(chunk)
        chunk.close()
    joined.save(str(out))
    joined.close()
