"""Holds the snapshot of a query while all workers read it, each some ranges of its key.

The process that plans exports the snapshot, sends the shares, and takes shares itself until none is left. So
nothing waits for workers that do not come. A snapshot ends with the transaction that exported it: if this process
dies, what was read of it counts no more, and the next attempt begins another *generation* of shares.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from msgspec.structs import replace

from ...documents.inputs.key_ranges import RangedQuery
from ...documents.job import DocumentJob
from ...errors import Conflict, RedisDown
from ...exports.export import Export
from ...exports.frozen import Share, Shares
from ...exports.ids import new_id
from ...services import Services
from ..lease import LeaseLost, exclusive
from ..sending import begin, ranges, width
from ..stall import progressed
from ..step import MEASURE, Work, lease_name
from .freeze import pieces

log = logging.getLogger(__name__)
WAIT_SECONDS = 0.5  # between two looks at shares that others are at


def read_by_key(work: Work, job: DocumentJob) -> None:
    """Store the rows of a query by ranges of its key, unless they are stored. Does nothing for other inputs, nor
    for a query that one statement reads as well."""
    s, export = work.services, work.export
    if not job.has_key or s.measures.ranges(export.id):
        return
    before = former, _ = s.frozen.current(export.id)
    if former and not s.frozen.missing(export.id, former):
        return
    began = time.time()
    with job.hold() as query:
        shares = _divide(work, query) if query else ()
        work.fence()
        if query is None or len(shares) < 2:
            if former:
                _begin_generation(s, export, None, before)
            return
        generation = Shares(None, tuple(shares), new_id(), query.snapshot)
        _begin_generation(s, export, generation, before)
        note_begin(s, export, began)
        _store(work, query, generation)
    work.fence()


def _begin_generation(
    s: Services, export: Export, shares: Shares | None, before: tuple[Shares | None, str | None]
) -> None:
    """Replace the shares. Their record decides, for a process may be held up behind its fence."""
    try:
        s.frozen.begin_generation(export.id, shares, before)
    except Conflict:
        raise _overtaken(export) from None


def _overtaken(export: Export) -> LeaseLost:
    return LeaseLost(f"Another process has begun the query of export {export.id} again.")


def note_begin(s: Services, export: Export, began: float) -> None:
    """Note that the query was begun, whose rows are those of that time."""

    def change(export: Export) -> Export:
        if export.query_began_at == began:
            return export
        return replace(export, query_began_at=began, query_starts=export.query_starts + 1)

    s.exports.change(export.id, change)


def _divide(work: Work, query: RangedQuery) -> Sequence[Share]:
    shares = []
    for share in query.divide():
        shares.append(share)
        work.go_on()
    return shares


def _store(work: Work, query: RangedQuery, shares: Shares) -> None:
    """Send the shares, and store what no other process is at, until all is stored. Workers begin with the first
    one, this process with the last. What others store is progress, too."""
    s, export = work.services, work.export
    sent, rows_before = False, -1
    while missing := shares.unstored(stored := s.frozen.stored(export.id, shares)):
        if (rows := sum(stored.values())) > rows_before:
            rows_before = rows
            progressed()
        else:
            query.touch()
            work.wait(WAIT_SECONDS)
        try:
            sent = sent or begin(s, ranges(export, missing, width(s)))
            for number in reversed(missing):
                _store_share(work, query, shares, number)
        except RedisDown as error:  # it may be back soon, while a new snapshot would lose all that is stored
            log.warning("export %s: %s", export.id, error.message)


def _store_share(work: Work, query: RangedQuery, shares: Shares, number: int) -> None:
    """Store what is missing of a share, unless another process is at it."""
    s, export, began = work.services, work.export, time.monotonic()
    name = lease_name(MEASURE, export.id, number)
    with exclusive(s.redis.leases, name, s.settings.lease_seconds) as held:
        if held is None or (at := s.frozen.rest(export.id, shares, number)) is None:
            return
        now = s.frozen.shares(export.id)
        if now is None or now.generation != shares.generation:
            raise _overtaken(export)
        for start, stop, lines in pieces(query.lines(shares.shares[number], at), at):
            s.frozen.write(export.id, shares, number, start, stop, lines)
            work.go_on()
    s.redis.progress.note_frozen(export.id, number, time.monotonic() - began)
