"""wave: all chunks of a wave returned, or all parts of the input; find what is sent next."""

from __future__ import annotations

from collections.abc import Sequence

from ..exports.coverage import cover
from ..exports.export import Export, State
from ..exports.waves import Wave, next_wave
from ..services import Services
from .outcomes import Done, Next, NotWanted, Outcome
from .plan import load_plan
from .plan.parts import missing_parts
from .step import Work


def body(work: Work) -> Outcome:
    """Find what is missing. The callback of a chord: what its parts returned is not trusted.

    A wave of which nothing is drawn, as far as Redis knows, is sent whole: a listing for each wave would cost more
    than a chunk now and then that is sent although it is drawn. Otherwise, and at the end, the bucket is asked.
    """
    if not isinstance(work.part, Wave):
        raise AssertionError("the step follows a wave")
    s, export, following = work.services, work.export, Wave(work.part.number + 2, work.part.width)
    if (chunks := following.chunks(export.chunks)) and not s.redis.progress.begun(export.id, chunks):
        return Next(export, following, tuple(chunks))
    missing = _missing(s, export)
    if not missing:
        return Done(export)
    paginate = export.state is State.PLANNING and s.measures.ranges(export.id) is not None
    if sent := next_wave(missing, work.part):
        return Next(export, *sent, paginate)
    # Nothing is left to send. The step `plan` can find the pages of what is measured; it waits for no wave.
    return Done(export) if paginate else NotWanted("the last chunks are under way")


def _missing(s: Services, export: Export) -> Sequence[int]:
    """Return the chunks that are not drawn; while the export is planned, the parts of its input to read."""
    if export.state is State.PLANNING:
        return missing_parts(s, export)
    return cover(load_plan(s, export), s.segments.found(export.id))[1]
