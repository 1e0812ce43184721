"""assemble: join the segments into the file, inside S3 where possible."""

from __future__ import annotations

import time

from msgspec.structs import replace

from ..errors import ChunkFailed, DamagedSegment, RedisDown, UploadGone
from ..exports.coverage import cover
from ..exports.export import State
from ..exports.names import file_name
from ..exports.plan import Plan
from ..exports.segments import segment_key
from ..pdf.catalog import About
from .join import join
from .join.bucket import BucketOutput, StoredSegments
from .join.segment_cache import SegmentCache
from .outcomes import Again, Done, Missing, NotWanted, Outcome
from .plan import load_plan
from .step import Signal, Work


def body(work: Work) -> Outcome:
    """Join the segments into the file or its volumes, if none is missing. The export is ready then."""
    s, export = work.services, work.export
    plan = load_plan(s, export)
    picked, missing = cover(plan, s.segments.found(export.id))
    if missing:
        return NotWanted("chunks are missing")  # they are being rendered, or the keeper sends them again
    if work.advance(State.ASSEMBLING, rendered_at=time.time()).state is not State.ASSEMBLING:
        return NotWanted(f"the export is {work.export.state}")
    keys = [segment_key(export.id, chunk.number, first, pages) for chunk, first, pages in picked]
    try:
        with work.attempt("The file", "assemble"), SegmentCache(s.segments) as cache:
            result = join(
                plan,
                StoredSegments(s.segments, cache, keys, work.go_on),
                About(export.name, export.created_at, export.id),
                file_name(export),
                BucketOutput(work, cache),
                lambda: work.checkpoint() is Signal.GO_ON,
            )
    except (DamagedSegment, UploadGone):
        dropped = cover(plan, s.segments.found(export.id))[1]
        if dropped and not s.exports.load(export.id).state.over:
            _count_damage(work, plan, dropped)
            return Missing(export, tuple(dropped))
        raise
    if result is None:
        return Again("volumes are left")
    result = replace(result, seconds=_drawing_seconds(work))
    made = work.advance(State.READY, result=result, finished_at=time.time())
    # Over in any case. If it was cancelled meanwhile, the delivery that follows removes these files.
    return Done(made, result.pages)


def _count_damage(work: Work, plan: Plan, dropped: list[int]) -> None:
    """Raise ChunkFailed when segments of one chunk were damaged more than MAX_ATTEMPTS times."""
    limit = work.services.settings.max_attempts
    for number in dropped:
        times = work.services.redis.counters.count_attempt(f"{work.export.id}:damaged:{number}")
        if times > limit:
            page = plan.chunks[number].first_page + 1
            raise ChunkFailed(
                f"The pages from {page} on were stored {times} times; each time the bucket returned other bytes.",
                advice="Check the bucket with `python -m pipeline doctor`.",
            )


def _drawing_seconds(work: Work) -> float:
    """Return the seconds that all workers drew; 0 when Redis does not know them for every chunk."""
    try:
        known = work.services.redis.progress.load(work.export.id)
    except RedisDown:
        return 0.0
    return known.seconds if known and known.timed >= work.export.chunks else 0.0
