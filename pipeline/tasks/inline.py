"""The steps of an export in one process, without any service."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from ..documents import Range
from ..documents.job import DocumentJob, draw_range, spool_to_disk
from ..exports.export import File, Result
from ..exports.ids import new_id
from ..exports.plan import Plan
from ..exports.volumes import UNCUT, SegmentEntry, VolumeLimit, index_name
from ..pdf.assembly import About
from ..pdf.fonts import check_fonts
from ..pdf.segment_index import SegmentIndex
from ..pdf.tail_bound import TailBound
from ..settings import Settings
from . import join
from .join import FinishedFile, Volume, check_counts, result

OnProgress = Callable[[str, int, int], None]
"""Told what is being done, how many are done, of how many (0: nobody knows)."""


def make_file(
    job: DocumentJob,
    out: Path,
    settings: Settings,
    show: OnProgress,
    chunk_pages: int | None = None,
    volume: VolumeLimit = UNCUT,
) -> Result:
    """A job from its check to its file, all in this process."""
    job.check()
    show("planning", 0, 0)
    with spool_to_disk() as spool:
        job = job.snapshot(spool)
        plan = job.plan(settings, chunk_pages, volume)
        about = About(job.params.title, time.time(), new_id())
        return render_file(job, plan, about, out, settings, lambda done: show("rendering pages", done, plan.pages))


def render_file(
    job: DocumentJob, plan: Plan, about: About, out: Path, settings: Settings, progress: Callable[[int], None]
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
        made: list[FinishedFile] = []
        files: list[tuple[Path, File]] = []
        for volume in join.volumes(plan.volumes, segments, inventory, _part_of(indexes), about, out.name):
            path = _bound(volume, spool, segments)
            key = str(out.with_name(volume.name))
            made.append(join.made(volume, key, path.stat().st_size, plan.volumes.bytes))
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


def _index(folder: Path, out: Path, about: About, made: list[FinishedFile]) -> File:
    name = index_name(out.name)
    with (folder / name).open("w+b") as file:
        pages = join.write_index(file, about, made)
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
    job: DocumentJob, plan: Plan, file: BinaryIO, settings: Settings, progress: Callable[[int], None]
) -> Iterator[SegmentIndex]:
    for chunk in plan.chunks:
        first, slot, stop = chunk.first_page, 0, chunk.first_page + chunk.pages
        lane = plan.volumes.lane(chunk.number, len(plan.chunks))
        while first < stop:
            part = Range(chunk.reading, first, plan.pages, settings.max_image_pixels, plan.found)

            def between(done: int, before: int = first) -> bool:
                progress(before + done)
                return False

            yield (index := draw_range(job, part, lane, slot, file, between, volumes=plan.volumes))
            if not index.planned:
                break  # the document ends early; the counts tell
            first, slot = index.stop, index.stop_slot
