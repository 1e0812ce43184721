"""Chunks before they are joined: drawn as a worker draws them, and each as a PDF of its own for the peers."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from itertools import islice
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO

from pipeline import documents
from pipeline.cli.folder import listed
from pipeline.documents import Range
from pipeline.documents.inputs import Inputs
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.job import DocumentJob
from pipeline.documents.params import Params
from pipeline.exports.plan import Cost, Marks, Survey
from pipeline.pdf.assembly import Assembly
from pipeline.pdf.catalog import About
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter
from pipeline.pdf.segment_index import SegmentIndex
from pipeline.settings import Settings

LINES = 12
PIXELS = 50_000_000
WORDS = "Line {line} of page {page}, which holds as many words as the body of a short letter does."


class TextParams(Params, frozen=True):
    """Parameters of `text`."""

    pages: int = 100
    records: tuple[str, ...] = ()


class Text:
    """Pages with twelve lines of text, for joining: about a kilobyte each."""

    name = "text"
    params = TextParams
    records_field = "records"

    def check(self, params: TextParams, inputs: Inputs) -> None:
        pass

    def survey(self, params: TextParams, listing: str, inputs: Inputs) -> Survey:  # noqa: ARG002  # the protocol
        marks = Marks()
        for page in range(params.pages):
            marks.add(page, page)
        return Survey(params.pages, params.pages, marks, params.pages, Cost(0.0005, 1000))

    def draw(
        self, params: TextParams, listing: str, part: Range, inputs: Inputs, out: SegmentWriter  # noqa: ARG002
    ) -> Generator[None, None, None]:  # fmt: skip
        for number in range(part.first, part.stop):
            with out.page(595, 842) as page:
                for line in range(LINES):
                    page.text(60, 760 - 16 * line, 10, WORDS.format(line=line + 1, page=number + 1))
            out.tally.records += 1
            out.tally.drawn += 1
            yield


def write_text(folder: Path, pages: int, chunk: int) -> None:
    """A folder of chunks of plain text pages."""
    documents.register(Text())
    job = DocumentJob(Text(), TextParams(pages=pages), "", FolderInputs(folder))
    _write(folder, job, chunk)


def write_album(folder: Path, album: Path, chunk: int) -> None:
    """A folder of chunks of an album."""
    with listed(album, captions=False) as (listing, sources, _):
        documents.load(["pipeline.documents.photos"])
        document = documents.find("photos")
        params = documents.decode(document, {"listing": listing.name, "captions": False, "bookmarks": "none"})
        _write(folder, DocumentJob(document, params, str(listing), FolderInputs(sources)), chunk)


def _write(folder: Path, job: DocumentJob, chunk_pages: int) -> None:
    folder.mkdir()
    plan = job.plan(Settings.from_env({}), chunk_pages)
    for chunk in plan.chunks:
        name = folder / f"{chunk.number:05d}"
        part = Range(chunk, chunk.first_page, plan.pages, PIXELS, plan.found)
        lane = Lane(chunk.number, len(plan.chunks))
        with name.with_suffix(".seg").open("w+b") as file:
            index = drawn(job, part, lane, chunk.pages, file, header=chunk.number == 0)
        name.with_suffix(".json").write_bytes(index.encode())
        with name.with_suffix(".pdf").open("w+b") as file:
            write_alone(job, part, chunk.pages, file)


def drawn(job: DocumentJob, part: Range, lane: Lane, pages: int, file: BinaryIO, header: bool) -> SegmentIndex:
    """So many pages of a part as a segment."""
    writer = SegmentWriter(file, lane, part.first, header=header)
    with closing(job.document.draw(job.params, job.listing, part, job.inputs, writer)) as drawing:
        for _ in islice(drawing, pages):
            pass
    return writer.finish(pages)


def write_alone(job: DocumentJob, part: Range, pages: int, file: BinaryIO) -> None:
    """So many pages of a part as a PDF of their own."""
    index = drawn(job, part, Lane(0, 1), pages, file, header=True)
    file.seek(0, SEEK_END)
    file.writelines(Assembly(lambda: iter([index]), About("Chunk", 0, "chunk")).tail())
