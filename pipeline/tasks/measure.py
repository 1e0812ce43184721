"""measure: find out what paginating must know of a range of the listing; or store a share of it as lines first."""

from __future__ import annotations

from ..documents import InputRange
from ..errors import InvalidRequest
from .outcomes import Again, Done, NotWanted, Outcome
from .plan import job_of
from .plan.freeze import freeze
from .step import INTERRUPTIONS, Signal, Work


def body(work: Work) -> Outcome:
    """Measure what is missing of a range and store it, piece by piece. Before there are ranges: freeze a share."""
    if not isinstance(work.part, int):
        raise AssertionError("the step measures a range")
    s, export, number = work.services, work.export, work.part
    ranges = s.measures.ranges(export.id)
    if ranges is None and (shares := s.frozen.shares(export.id)):
        return freeze(work, job_of(s, export), shares, number)
    if ranges is None or number >= ranges.count:
        return NotWanted("there is no such range")
    found = s.measures.found(export.id, number).get(number, [])
    if (at := ranges.rest(number, found)) is None:
        return NotWanted("it is measured")
    begin, part = at, InputRange(at, ranges.stop(number), known=not number or bool(found))
    with work.attempt(f"What is behind byte {at:,} of the listing", f"measure {number}:{at}"):
        try:
            for measured in job_of(s, export).on(ranges.listing).measure(ranges.facts, part, INTERRUPTIONS):
                if work.is_over():
                    return NotWanted("the export is over")
                s.measures.write(export.id, number, measured.start, measured.stop, measured.data)
                at = measured.stop
                if at < part.stop and work.checkpoint() is not Signal.GO_ON:
                    done = f"it is measured to byte {at:,}"
                    return NotWanted("the export is over") if work.unwanted else Again(done)
        except InvalidRequest:
            if not number:
                raise
        # A range but the first may begin at a wrong byte. Paginating raises what is wrong if it comes here.
        if at == begin:
            s.measures.write(export.id, number, at, at, b"")
    s.redis.progress.note_measured(export.id, number, work.seconds)
    return Done(export)
