"""wave: all chunks of a wave returned, or all ranges; find what is sent next."""

from __future__ import annotations

from collections.abc import Sequence

from ..exports.coverage import cover
from ..exports.export import Export, State
from ..exports.waves import Wave, next_wave
from ..services import Services
from .plan import load_plan
from .step import Done, Next, NotWanted, Outcome, Work


def body(work: Work) -> Outcome:
    """Look in the bucket for what is missing. The callback of a chord: what its parts returned is not trusted."""
    if not isinstance(work.part, Wave):
        raise AssertionError("the step follows a wave")
    missing = _missing(work.services, work.export)
    if not missing:
        return Done(work.export)
    following = next_wave(missing, work.part)
    return Next(work.export, *following) if following else NotWanted("the last chunks are under way")


def _missing(s: Services, export: Export) -> Sequence[int]:
    """Returns the chunks that are not drawn; while the export is planned, the ranges that are not measured."""
    if export.state is State.PLANNING:
        ranges = s.measures.ranges(export.id)
        return ranges.missing(s.measures.found(export.id)) if ranges else ()
    return cover(load_plan(s, export), s.segments.found(export.id))[1]
