"""A query that is read in many small ranges of its key, and each piece of one takes its time.

Named by DOCUMENTS in the environment of the workers under test.
"""

from __future__ import annotations

import time

from pipeline.documents.inputs import key_ranges
from pipeline.documents.inputs.sql import Query, register
from pipeline.exports import frozen

SECONDS = 0.1
key_ranges.SHARE_ROWS = 100
key_ranges.BATCH_ROWS = 10
key_ranges.MOST_COST = 1000.0
frozen.PIECE_BYTES = 2000

_write = frozen.FrozenRepository.write


def _write_slowly(
    self: frozen.FrozenRepository,
    export_id: str,
    shares: frozen.Shares,
    number: int,
    start: int,
    stop: int,
    lines: bytes,
) -> None:
    time.sleep(SECONDS)
    _write(self, export_id, shares, number, start, stop, lines)


frozen.FrozenRepository.write = _write_slowly  # type: ignore[method-assign]
register(Query("keyed", "SHOP_DATABASE_URL", "SELECT id, name FROM orders ORDER BY id", key="id"))
