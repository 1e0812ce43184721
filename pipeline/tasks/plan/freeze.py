"""Stores a share of an input as lines, piece by piece."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence

from ...documents.job import DocumentJob
from ...errors import SnapshotGone
from ...exports import frozen
from ...exports.frozen import Shares
from ..outcomes import Again, Done, NotWanted, Outcome
from ..stall import progressed
from ..step import Signal, Work

log = logging.getLogger(__name__)


def freeze(work: Work, job: DocumentJob, shares: Shares, number: int) -> Outcome:
    """Store what is missing of a share."""
    s, export = work.services, work.export
    if number >= len(shares.shares):
        return NotWanted("there is no such share")
    if (at := s.frozen.rest(export.id, shares, number)) is None:
        return NotWanted("it is stored")
    share = shares.shares[number]
    what = f"What is behind row {share.begin + at:,} of the input"
    try:
        with work.attempt(what, f"freeze {shares.generation}{number}:{at}"):
            for start, stop, lines in pieces(job.share_lines(shares, number, at), at):
                if work.is_over():
                    return NotWanted("the export is over")
                s.frozen.write(export.id, shares, number, start, stop, lines)
                if stop < share.rows and work.checkpoint() is not Signal.GO_ON:
                    return (
                        NotWanted("the export is over") if work.unwanted else Again(f"it is stored to row {stop:,}")
                    )
    except SnapshotGone as gone:  # the process that plans next begins anew, with other shares
        log.info("export %s: %s", export.id, gone.message)
        return NotWanted("its snapshot is gone")
    s.redis.progress.note_frozen(export.id, number, work.seconds)
    return Done(export)


def pieces(batches: Iterable[Sequence[bytes]], at: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield the lines of a share from row `at` on, in pieces: each with its first row and the one behind it.
    A piece ends with a batch."""
    lines, row = bytearray(), at
    for batch in batches:
        progressed()
        lines += b"".join(batch)
        row += len(batch)
        if len(lines) >= frozen.PIECE_BYTES:
            yield at, row, bytes(lines)
            lines.clear()
            at = row
    if lines:
        yield at, row, bytes(lines)
