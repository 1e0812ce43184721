"""plan: count the pages of the document and split it into chunks.

A large input is shared out first: workers store shares of it as lines and measure ranges of it (`parts.py`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from ... import documents
from ...documents import Measures
from ...documents.job import DocumentJob
from ...errors import ExportFailed, NotFound
from ...exports import measures
from ...exports.accepting import listing_key
from ...exports.export import Export, State
from ...exports.measures import Ranges
from ...exports.plan import Plan
from ...services import Services
from ..outcomes import Again, Done, Missing, NotWanted, Outcome, Partly
from ..sending import LARGE
from ..step import INTERRUPTIONS, Signal, Work, lease_name
from .freeze import pieces
from .hold import note_begin, read_by_key
from .paginate import Pagination
from .parts import missing_parts

log = logging.getLogger(__name__)


def body(work: Work) -> Outcome:
    """Make and store the plan. The chunks are rendered next.

    A large listing is stored as lines and measured first, by other messages; then this step comes back. Of one
    that is measured in waves it also comes in between, and finds the pages of what is measured so far.
    """
    if work.advance(State.PLANNING, started_at=time.time()).state is not State.PLANNING:
        return NotWanted(f"the export is {work.export.state}")
    with work.attempt("The document's size", "plan"):
        read_by_key(work, job_of(work.services, work.export))
        if unfrozen := _unfrozen(work.services, work.export):
            return _missing(work, unfrozen)
        job, ranges = _divided(work.services, work.export, partial(_watched, work))
        if ranges is None:
            return _planned(work, _plan_at_once(work.services, work.export, job))
    pagination = Pagination(work.services, work.export, job, ranges)
    if (outcome := _paginate(work, pagination)) is not None:
        return outcome
    missing = pagination.missing
    if len(missing) < ranges.count > LARGE:  # the other waves are sent one after the other
        return Partly(work.export, f"{pagination.at:,} bytes are done, {len(missing)} ranges are not measured")
    return _missing(work, missing)


def _missing(work: Work, missing: Sequence[int]) -> Outcome:
    """Return the shares or ranges that no other process is at."""
    leases = {lease_name("measure", work.export.id, number): number for number in missing}
    held = work.services.redis.leases.held(list(leases))
    unleased = tuple(number for lease, number in leases.items() if lease not in held)
    return Missing(work.export, unleased) if unleased else NotWanted("the last parts are under way")


def _unfrozen(services: Services, export: Export) -> list[int]:
    """Return the shares of a listing that are not stored as lines. The first call divides it."""
    job = job_of(services, export)
    if not (job.params.listing or job.has_key) or services.measures.ranges(export.id):
        return []
    if not services.frozen.shares(export.id) and (shares := job.divide()):
        services.frozen.write_shares(export.id, shares)
    return missing_parts(services, export)


def _paginate(work: Work, pagination: Pagination) -> Outcome | None:
    """Find the pages; None when ranges are missing. When time is short, what was found is stored, and the same
    message goes on."""
    with work.attempt(f"What is behind byte {pagination.at:,} of the listing", f"plan {pagination.at}"):
        if not pagination.run(lambda: work.checkpoint() is Signal.GO_ON):
            return NotWanted("the export is over") if work.unwanted else Again(f"{pagination.at:,} bytes are done")
        return _planned(work, pagination.plan()) if pagination.ended else None


def _planned(work: Work, made: Plan) -> Outcome:
    work.fence()
    plan = work.services.exports.write_plan(work.export.id, made)
    export = work.advance(
        State.RENDERING, records=plan.records, pages=plan.pages, chunks=len(plan.chunks), planned_at=time.time()
    )
    return (
        Done(export, plan.pages) if export.state is State.RENDERING else NotWanted(f"the export is {export.state}")
    )


def job_of(services: Services, export: Export) -> DocumentJob:
    """Return the document of an export with its parameters and inputs."""
    document = documents.find(export.document)
    params = documents.decode(document, export.params)
    return DocumentJob(document, params, params.listing or listing_key(export.id), services.inputs.of(export.owner))


def _watched(work: Work, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of a snapshot, each of which is progress. None is kept when the process is told to end: a
    query that begins again sees other data. So its beginning is noted."""
    if work.export.params.get("query"):
        note_begin(work.services, work.export, time.time())
    for piece in pieces:
        yield piece
        work.go_on()


def _divided(
    services: Services,
    export: Export,
    watched: Callable[[Iterable[bytes]], Iterable[bytes]] = lambda pieces: pieces,
) -> tuple[DocumentJob, Ranges | None]:
    """Return the job on lines of text, and the ranges to measure; None for a listing that is small.

    A query, or a file of another format, is stored as lines first; its pieces pass through `watched`.
    """
    job = job_of(services, export)
    if (ranges := services.measures.ranges(export.id)) is None:
        if shares := services.frozen.shares(export.id) if job.params.listing or job.has_key else None:
            job = job.frozen(services.frozen.listing(export.id, shares))
        job = job.snapshot(lambda pieces: services.exports.snapshot(export.id, watched(pieces)))
        listing = job.inputs.find(job.listing)
        if listing is None or listing.size <= measures.SMALL_BYTES or not isinstance(job.document, Measures):
            return job, None
        facts = job.on(listing).sample(INTERRUPTIONS)
        ranges = services.measures.write_ranges(export.id, Ranges(listing, measures.RANGE_BYTES, facts))
    return job.on(ranges.listing), ranges


def _plan_at_once(services: Services, export: Export, job: DocumentJob) -> Plan:
    """Read the input once and plan it."""
    return job.plan(services.settings, export.chunk_pages, export.volume, INTERRUPTIONS)


def load_plan(services: Services, export: Export) -> Plan:
    """Return the plan of an export. A lost plan is made again: the same input gives the same plan."""
    try:
        return services.exports.plan(export.id)
    except NotFound:
        log.warning("export %s: its plan is lost and is made again", export.id)
    made = _make_again(services, export)
    if (made.records, made.pages, len(made.chunks)) != (export.records, export.pages, export.chunks):
        advice = "Request the export again."
        raise ExportFailed("Its plan was lost, and a new one is different: the input changed.", advice=advice)
    return services.exports.write_plan(export.id, made)


def _make_again(services: Services, export: Export) -> Plan:
    unfrozen = _unfrozen(services, export)
    if shares := services.frozen.shares(export.id):
        for number in unfrozen:
            for start, stop, lines in pieces(job_of(services, export).share_lines(shares, number, 0), 0):
                services.frozen.write(export.id, shares, number, start, stop, lines)
    job, ranges = _divided(services, export)
    if ranges is None:
        return _plan_at_once(services, export, job)
    pagination = Pagination(services, export, job, ranges)
    pagination.run(lambda: True, alone=True)
    return pagination.plan()
