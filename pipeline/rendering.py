"""One page range becomes a segment; and, without any service, a document becomes a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from math import ceil, inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import msgspec

from . import binding, freezing
from .binding import Made, Volume
from .documents import Document, Range
from .errors import ChunkFailed, ExportFailed, InvalidRequest
from .exports.export import File, Result
from .exports.ids import new_id
from .exports.plan import Plan, split_into_chunks
from .exports.volumes import UNCUT, WHOLE, SegmentEntry, VolumeLimit, VolumePlan, index_name
from .pdf.assembly import About, Totals
from .pdf.fonts import check_fonts, default_chain
from .pdf.numbering import Lane
from .pdf.segment import SegmentWriter
from .pdf.segment_index import SegmentIndex
from .pdf.tail_bound import TailBound
from .pdf.tally import Skipped
from .settings import Settings
from .sources import Inputs

SKIPPED_SHOWN = 1000

Keep = Callable[[Iterable[bytes]], str]
"""Writes pieces down once and says where they are."""

Between = Callable[[int], bool]
"""Asked after each page, with the number of pages done: is it time to stop?"""

Show = Callable[[str, int, int], None]
"""Told what is being done, how many are done, of how many (0: nobody knows)."""


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

    def plan(self, settings: Settings, chunk_pages: int | None = None, volume: VolumeLimit = UNCUT) -> Plan:
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
        volumes = ceil(survey.pages / volume.pages) if volume.pages else 1
        if volumes > settings.max_chunks:
            raise ChunkFailed(
                f"The document would have {volumes} volumes; {settings.max_chunks} are allowed (MAX_CHUNKS).",
                advice="Ask for larger volumes.",
            )
        plan = split_into_chunks(survey, settings, chunk_pages, seen, volume)
        return replace(plan, fonts=default_chain().fingerprint)

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
    volumes: VolumePlan = WHOLE,
) -> SegmentIndex:
    """Draw planned pages from part.first on into a segment.

    It ends with the chunk, or earlier when it is as large as a segment may be, when `between` says so, or when
    one of `interruptions` is raised in the middle of a page: that page is taken back, and what was finished
    is kept. An interruption before any page was finished is raised again.
    """
    # By size, nobody knows yet which segments will stand first in a file.
    header = volumes.bytes is not None or (lane.chunk == lane.before and not first_slot)
    writer = SegmentWriter(out, lane, part.first, first_slot, header=header, volumes=volumes.several)
    most = volumes.segment_bytes or inf
    done, mark = 0, writer.mark()
    with closing(job.document.draw(job.params, job.listing, part, job.inputs, writer)) as pages:
        try:
            for _ in pages:
                done, mark = done + 1, writer.mark()
                if between(done) or writer.size >= most or part.first + done == part.stop:
                    break
        except interruptions:
            if not done:
                raise
            writer.back_to(mark)
    return writer.finish(done)


def make_file(
    job: Job, out: Path, settings: Settings, show: Show, chunk_pages: int | None = None, volume: VolumeLimit = UNCUT
) -> Result:
    """A job from its check to its file, all in this process."""
    job.check()
    show("planning", 0, 0)
    with on_disk() as keep:
        job = job.frozen(keep)
        plan = job.plan(settings, chunk_pages, volume)
        about = About(job.params.title, time.time(), new_id())
        return render_file(job, plan, about, out, settings, lambda done: show("rendering pages", done, plan.pages))


def render_file(
    job: Job, plan: Plan, about: About, out: Path, settings: Settings, progress: Callable[[int], None]
) -> Result:
    """The whole document in this process: chunk after chunk into segments, then assembled into `out`, or into
    volumes and an index beside it.

    Everything is drawn into a folder beside it first. `progress` is told the pages done so far. When it
    fails, no file is left.
    """
    check_fonts(plan.fonts)
    with TemporaryDirectory(prefix=".", dir=out.parent) as folder:
        spool = Path(folder) / "segments"
        with spool.open("wb") as spooled:
            indexes = list(_segments(job.planned(plan), plan, spooled, settings, progress))
        inventory = TailBound()
        segments = [SegmentEntry(i.chunk, i.size, i.pages, inventory.take(i)) for i in indexes]
        check_counts(inventory.totals, plan.records)
        made: list[Made] = []
        files: list[tuple[Path, File]] = []
        for volume in binding.volumes(plan.volumes, segments, inventory, _part_of(indexes), about, out.name):
            path = _bound(volume, spool, segments)
            key = str(out.with_name(volume.name))
            made.append(binding.made(volume, key, path.stat().st_size, plan.volumes.bytes))
            files.append((path, made[-1].file))
        index = _index(Path(folder), out, about, made) if len(made) > 1 else None
        if index:
            files.append((Path(folder) / index.name, index))
        for path, file in files:
            path.replace(file.key)
    return result(inventory, made, index, indexes, plan.warnings)


def _copy(source: BinaryIO, to: BinaryIO, size: int) -> None:
    while size:
        block = source.read(min(size, 1 << 20))
        to.write(block)
        size -= len(block)


def _part_of(indexes: list[SegmentIndex]) -> Callable[[range], Iterator[SegmentIndex]]:
    return lambda members: iter(indexes[members.start : members.stop])


def _index(folder: Path, out: Path, about: About, made: list[Made]) -> File:
    name = index_name(out.name)
    with (folder / name).open("w+b") as file:
        pages = binding.write_index(file, about, made)
        return File(str(out.with_name(name)), name, file.tell(), 0, pages)


def _bound(volume: Volume, spool: Path, segments: Sequence[SegmentEntry]) -> Path:
    """A volume's file: its part of the spooled segments, and the tail. The whole of them needs no copy."""
    members = volume.members
    path = spool if len(members) == len(segments) else spool.with_name(volume.name)
    with path.open("ab") as file:
        if path != spool:
            with spool.open("rb") as source:
                source.seek(sum(segment.size for segment in segments[: members.start]))
                for i in members:
                    _copy(source, file, segments[i].size)
        for piece in volume.assembly.tail():
            file.write(piece)
    return path


def _segments(
    job: Job, plan: Plan, file: BinaryIO, settings: Settings, progress: Callable[[int], None]
) -> Iterator[SegmentIndex]:
    for chunk in plan.chunks:
        first, slot, stop = chunk.first_page, 0, chunk.first_page + chunk.pages
        lane = plan.volumes.lane(chunk.number, len(plan.chunks))
        while first < stop:
            part = Range(chunk.reading, first, plan.pages, settings.max_image_pixels, plan.found)

            def between(done: int, before: int = first) -> bool:
                progress(before + done)
                return False

            yield (index := render_range(job, part, lane, slot, file, between, volumes=plan.volumes))
            if not index.planned:
                break  # the document ends early; the counts tell
            first, slot = index.stop, index.stop_slot


def check_counts(totals: Totals, records: int) -> None:
    """ExportFailed unless every record was drawn or named as left out, and something was drawn."""
    if totals.records != records:
        raise ExportFailed(f"{records} entries were planned, but {totals.records} were drawn or named as left out.")
    if not totals.pages:
        raise ExportFailed(
            "Every entry was left out, so the document has no pages.",
            advice="Look at the inputs, or choose on_unreadable = placeholder to see what is wrong with each.",
        )


def result(
    inventory: TailBound,
    made: Sequence[Made],
    index: File | None,
    indexes: Iterable[SegmentIndex],
    noticed: tuple[str, ...] = (),
) -> Result:
    """What the files hold, counted over all segments; the first 1,000 skipped inputs by name.

    `noticed` are the warnings of the plan.
    """
    totals = inventory.totals
    skipped: list[Skipped] = []
    warnings: dict[str, None] = {}
    for each in indexes:
        skipped += each.skipped[: SKIPPED_SHOWN - len(skipped)]
        warnings.update(dict.fromkeys(each.warnings[: SKIPPED_SHOWN - len(warnings)]))
    own = [warning for each in made for warning in each.warnings]
    files = tuple(each.file for each in made)
    first = index or files[0]
    return Result(
        key=first.key,
        name=first.name,
        bytes=sum(file.bytes for file in (*files, *([index] if index else ()))),
        pages=totals.pages,
        records=totals.records,
        drawn=totals.drawn,
        skipped=tuple(skipped),
        skipped_count=totals.records - totals.drawn,
        warnings=(*noticed, *inventory.warnings, *own, *warnings),
        volumes=files if index else (),
        index=index,
    )
