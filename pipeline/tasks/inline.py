"""The steps of an export in one process, without any service: plan, draw, join."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from msgspec.structs import replace

from ..documents.job import DocumentJob, spool_to_disk
from ..errors.shortages import shortages
from ..exports.export import Result
from ..exports.ids import new_id
from ..exports.plan import Plan
from ..exports.volumes import UNCUT, VolumeLimit
from ..pdf.catalog import About
from ..pdf.fonts import check_fonts
from ..pdf.segment_index import SegmentIndex
from ..settings import Settings
from .drawing import draw_chunk
from .join import join
from .join.folder import FolderOutput, SpooledSegments

OnProgress = Callable[[str, int, int], None]
"""Called with the current step, how many are done, and of how many (0: not known)."""


def make_file(
    job: DocumentJob,
    out: Path,
    settings: Settings,
    show: OnProgress,
    chunk_pages: int | None = None,
    volume: VolumeLimit = UNCUT,
) -> Result:
    """Check, plan, draw and join a document into its file or its volumes. The result's `seconds` are those of all.

    When it fails, no file is left.
    """
    began = time.monotonic()
    job.check()
    show("planning", 0, 0)
    with shortages(tempfile.gettempdir()), spool_to_disk() as spool:
        job = job.snapshot(spool)
        plan = job.plan(settings, chunk_pages, volume)
        about = About(job.params.title, time.time(), new_id())
        result = render_file(
            job, plan, about, out, settings, lambda done: show("rendering pages", done, plan.pages)
        )
    return replace(result, seconds=round(time.monotonic() - began, 3))


def render_file(
    job: DocumentJob, plan: Plan, about: About, out: Path, settings: Settings, progress: Callable[[int], None]
) -> Result:
    """Draw a planned document chunk after chunk, and join it into `out`, or into volumes and an index beside it.

    `progress` is called with the number of pages done.
    """
    check_fonts(plan.fonts)
    with shortages(str(out.parent)), TemporaryDirectory(prefix=".", dir=out.parent) as folder:
        spool = Path(folder) / "segments"
        with spool.open("wb") as spooled:
            indexes = list(_segments(job.planned(plan), plan, spooled, settings, progress))
        segments, output = SpooledSegments(indexes), FolderOutput(spool, out.parent)
        result = join(plan, segments, about, out.name, output, lambda: True)
    if result is None:
        raise AssertionError("a join that may always go on ends with a result")
    return result


def _segments(
    job: DocumentJob, plan: Plan, file: BinaryIO, settings: Settings, progress: Callable[[int], None]
) -> Iterator[SegmentIndex]:
    for chunk in plan.chunks:
        first, slot, stop = chunk.first_page, 0, chunk.first_page + chunk.pages
        while first < stop:

            def should_stop(done: int, before: int = first) -> bool:
                progress(before + done)
                return False

            yield (index := draw_chunk(job, plan, chunk, first, slot, settings.max_image_pixels, file, should_stop))
            first, slot = index.stop, index.stop_slot
