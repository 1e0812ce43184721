"""render: draw a chunk, or its missing pages, into a segment."""

from __future__ import annotations

from tempfile import TemporaryFile

from ..exports.coverage import chain
from ..exports.plan import Chunk
from ..exports.segments import SegmentRepository
from ..pdf.fonts import check_fonts
from .drawing import draw_chunk
from .join.early_parts import copy_early
from .outcomes import Again, Done, NotWanted, Outcome
from .plan import job_of, load_plan
from .retry import pages_to_try
from .step import INTERRUPTIONS, Signal, Work


def body(work: Work) -> Outcome:
    """Draw from the first missing page on and store the segment.

    A chunk that Redis forgot may be drawn again, to the same bytes.
    """
    if not isinstance(work.part, int):
        raise AssertionError("the step renders a chunk")
    s, export, number = work.services, work.export, work.part
    plan = load_plan(s, export)
    check_fonts(plan.fonts)
    chunk = plan.chunks[number]
    first, slot = _first_missing(s.segments, export.id, chunk) if work.begun else (chunk.first_page, 0)
    stop = chunk.first_page + chunk.pages
    if first == stop:
        s.redis.progress.note_pages(export.id, number, chunk.pages)
        return NotWanted("all its pages are drawn")
    with (
        work.attempt(f"Page {first + 1} or one soon after it", f"{number}:{first}") as attempt,
        TemporaryFile() as file,
    ):
        most, before = pages_to_try(stop - first, attempt), first - chunk.first_page

        def should_stop(done: int) -> bool:
            signal = work.checkpoint(lambda: s.redis.progress.note_pages(export.id, number, before + done))
            return signal is not Signal.GO_ON or done >= most

        job = job_of(s, export).planned(plan)
        index = draw_chunk(
            job, plan, chunk, first, slot, s.settings.max_image_pixels, file, should_stop, INTERRUPTIONS
        )
        if work.is_over():
            return NotWanted("the export is over")
        etag = s.segments.write(export.id, index, file)
        copy_early(s, export, plan, index, etag)
        work.finish_chunk(first, index.stop - chunk.first_page)
    if index.stop < stop:
        return Again(f"{index.planned} pages are done, {stop - index.stop} go back", index.planned)
    return Done(export, index.planned)


def _first_missing(segments: SegmentRepository, export_id: str, chunk: Chunk) -> tuple[int, int]:
    """Return the first planned page without a segment, and the first free slot of the lane."""
    found = segments.found(export_id, chunk.number).get(chunk.number, ())
    pieces = chain(chunk.number, chunk.first_page, chunk.pages, found)
    if not pieces:
        return chunk.first_page, 0
    last = segments.index(export_id, chunk.number, *pieces[-1])
    return last.stop, last.stop_slot
