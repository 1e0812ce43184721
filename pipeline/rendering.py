"""One page range becomes a segment; and, without any service, a document becomes a file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, BinaryIO

import msgspec

from . import freezing
from .documents import Document, Range
from .errors import ChunkFailed, ExportFailed, InvalidRequest
from .export import Result, Skipped, new_id
from .pdf.assembly import About, Assembly
from .pdf.fonts import check_fonts, default_face
from .pdf.segment import Index, Lane, SegmentWriter
from .plan import Plan, cut
from .settings import Settings
from .sources import Inputs

SKIPPED_SHOWN = 1000

Keep = Callable[[Iterable[bytes]], str]
"""Writes pieces down once and says where they are."""

Between = Callable[[int], bool]
"""Asked after each page, with the number of pages done: is it time to stop?"""


@dataclass(frozen=True)
class Job:
    """A document with its checked parameters and what it reads."""

    document: Document[Any]
    params: Any
    listing: str
    inputs: Inputs

    def check(self) -> None:
        """InvalidRequest for what can be seen without reading anything."""
        self.document.check(self.params, self.inputs)
        freezing.check(self.params)

    def frozen(self, keep: Keep) -> Job:
        """The same job on a listing that can be cut: this one, or what was made of it and kept."""
        made = freezing.frozen(self.params, self.inputs.look(self.listing), self.inputs)
        if made is None:
            return self
        params = msgspec.structs.replace(self.params, format=made.format)
        return replace(self, params=params, listing=keep(made.pieces))

    def plan(self, settings: Settings, chunk_pages: int | None = None) -> Plan:
        """Read the input once and cut the document; the plan names the version that was read."""
        seen = self.inputs.look(self.listing)
        inputs = self.inputs.pinned(seen) if seen else self.inputs
        survey = self.document.survey(self.params, self.listing, inputs)
        if survey.pages < 1:
            raise InvalidRequest("There is nothing in it: the document would have no pages.", field="params")
        if survey.pages > settings.max_pages:
            raise ChunkFailed(
                f"The document has {survey.pages} pages; {settings.max_pages} are allowed (MAX_PAGES).",
                advice="Ask for it in several exports.",
            )
        plan = cut(survey, settings, chunk_pages, seen)
        return replace(plan, fonts=default_face().fingerprint)

    def planned(self, plan: Plan) -> Job:
        """The same job, reading what was read when it was planned, and nothing else."""
        if plan.listing is None:
            return self
        return replace(self, listing=plan.listing.key, inputs=self.inputs.pinned(plan.listing))


@contextmanager
def on_disk() -> Iterator[Keep]:
    """Keeps pieces in temporary files, as long as the context lasts."""
    with TemporaryDirectory() as folder:

        def keep(pieces: Iterable[bytes]) -> str:
            path = Path(folder) / new_id()
            with path.open("wb") as file:
                file.writelines(pieces)
            return str(path)

        yield keep


def render_range(
    job: Job,
    part: Range,
    lane: Lane,
    first_slot: int,
    out: BinaryIO,
    between: Between,
    interruptions: tuple[type[BaseException], ...] = (),
) -> Index:
    """Draw planned pages from part.first on into a segment.

    It ends with the chunk, or earlier when `between` says so or one of `interruptions` is raised in the
    middle of a page: that page is taken back, and what was finished is kept. An interruption before any
    page was finished is raised again.
    """
    header = part.chunk.number == 0 and part.first == 0
    writer = SegmentWriter(out, lane, part.first, first_slot, header=header)
    done, mark = 0, writer.mark()
    with closing(job.document.draw(job.params, job.listing, part, job.inputs, writer)) as pages:
        try:
            for _ in pages:
                done, mark = done + 1, writer.mark()
                if between(done):
                    break
        except interruptions:
            if not done:
                raise
            writer.back_to(mark)
    return writer.finish(done)


def render_file(
    job: Job, plan: Plan, about: About, out: Path, settings: Settings, progress: Callable[[int], None]
) -> Result:
    """The whole document in this process: chunk after chunk into segments, then assembled into `out`.

    Each segment is drawn into a temporary file first. `progress` is told the pages done so far. When it
    fails, no file is left.
    """
    check_fonts(plan.fonts)
    partial = out.with_name(out.name + ".part")
    try:
        with partial.open("w+b") as file:
            indexes = list(_segments(job.planned(plan), plan, file, settings, progress))
            assembly = Assembly(lambda: iter(indexes), about)
            check_counts(assembly, plan.records)
            for piece in assembly.tail():
                file.write(piece)
            size = file.tell()
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return result(assembly, str(out), out.name, size, indexes, plan.warnings)


def _segments(
    job: Job, plan: Plan, file: BinaryIO, settings: Settings, progress: Callable[[int], None]
) -> Iterator[Index]:
    for chunk in plan.chunks:
        part = Range(chunk, chunk.first_page, plan.pages, settings.max_image_pixels, plan.found)

        def between(done: int, before: int = chunk.first_page) -> bool:
            progress(before + done)
            return False

        with TemporaryFile() as segment:
            yield render_range(job, part, Lane(chunk.number, len(plan.chunks)), 0, segment, between)
            segment.seek(0)
            shutil.copyfileobj(segment, file)


def check_counts(assembly: Assembly, records: int) -> None:
    """ExportFailed unless every record was drawn or named as left out, and something was drawn."""
    totals = assembly.totals
    if totals.records != records:
        raise ExportFailed(f"{records} entries were planned, but {totals.records} were drawn or named as left out.")
    if not totals.pages:
        raise ExportFailed(
            "Every entry was left out, so the document has no pages.",
            advice="Look at the inputs, or choose on_unreadable = placeholder to see what is wrong with each.",
        )


def result(
    assembly: Assembly, key: str, name: str, size: int, indexes: Iterable[Index], noticed: tuple[str, ...] = ()
) -> Result:
    """What the file holds, counted over all segments; the first 1,000 skipped inputs by name.

    `noticed` are the warnings of the plan.
    """
    totals = assembly.totals
    skipped: list[Skipped] = []
    warnings: dict[str, None] = {}
    for index in indexes:
        skipped += index.skipped[: SKIPPED_SHOWN - len(skipped)]
        warnings.update(dict.fromkeys(index.warnings[: SKIPPED_SHOWN - len(warnings)]))
    return Result(
        key=key,
        name=name,
        bytes=size,
        pages=totals.pages,
        records=totals.records,
        drawn=totals.drawn,
        skipped=tuple(skipped),
        skipped_count=totals.records - totals.drawn,
        warnings=(*noticed, *assembly.warnings, *warnings),
    )
