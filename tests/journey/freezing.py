"""Parquet files are stored as lines in many small pieces, and each takes its time; a log of them.

Named by DOCUMENTS in the environment of the workers under test; appends lines to the file PIECE_LOG.
"""

from __future__ import annotations

import os
import time

from pipeline.documents.inputs import parquet, snapshot
from pipeline.exports import frozen

SECONDS = 0.1
snapshot.LARGE = 0
parquet.SHARE_BYTES = 3000
parquet.BATCH_ROWS = 20  # a piece ends with a batch
frozen.PIECE_BYTES = 1000

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
    """Note that a piece was made, and store it a little later."""
    file = os.open(os.environ["PIECE_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{export_id} {number} {start} {stop}\n".encode())  # one write, so that lines stay whole
    os.close(file)
    time.sleep(SECONDS)
    _write(self, export_id, shares, number, start, stop, lines)


frozen.FrozenRepository.write = _write_slowly  # type: ignore[method-assign]
