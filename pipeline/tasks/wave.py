"""wave: all chunks of a wave returned; find what is sent next."""

from __future__ import annotations

from ..exports.coverage import cover
from ..exports.waves import Wave, next_wave
from .plan import load_plan
from .step import Done, Next, NotWanted, Outcome, Work


def body(work: Work) -> Outcome:
    """Look in the bucket for what is missing. The callback of a chord: what its parts returned is not trusted."""
    if not isinstance(work.part, Wave):
        raise AssertionError("the step follows a wave")
    plan = load_plan(work.services, work.export)
    missing = cover(plan, work.services.segments.found(work.export.id))[1]
    if not missing:
        return Done(work.export)
    following = next_wave(missing, work.part)
    return Next(work.export, *following) if following else NotWanted("the last chunks are under way")
