"""Draws a chunk into a segment, for workers and for the command line alike."""

from __future__ import annotations

from typing import BinaryIO

from ..documents import Range
from ..documents.job import DocumentJob, ShouldStop, draw_range
from ..errors import ExportFailed
from ..exports.plan import Chunk, Plan
from ..exports.strict import refuse
from ..pdf.segment_index import SegmentIndex
from ..pdf.tally import MissingCharacters


def draw_chunk(
    job: DocumentJob, plan: Plan, chunk: Chunk, first: int, slot: int, max_image_pixels: int, file: BinaryIO,
    should_stop: ShouldStop, interruptions: tuple[type[BaseException], ...] = (),
) -> SegmentIndex:  # fmt: skip
    """Draw a chunk from page `first` and slot `slot` on. Raises ExportFailed when there is no such page."""
    part = Range(chunk.reading, first, plan.pages, max_image_pixels, plan.found)
    lane = plan.volumes.lane(chunk.number, len(plan.chunks))
    index = draw_range(job, part, lane, slot, file, should_stop, interruptions, plan.volumes)
    if not index.planned:
        raise ExportFailed(
            f"The document ended at page {first}, but {plan.pages} pages were planned.",
            advice="Its `draw` must make as many pages as its `survey` counts, whatever the chunk.",
        )
    refuse(plan.strict, [*map(str, index.remarks), *MissingCharacters(index.missing).warnings], index.skipped)
    return index
