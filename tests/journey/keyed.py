"""A query that is read in many small ranges of its key, and each piece of one takes its time.

Named by DOCUMENTS in the environment of the workers under test.
"""

from __future__ import annotations

from pipeline.documents.inputs import key_ranges
from pipeline.documents.inputs.sql import Query, register
from pipeline.exports import frozen

from . import freezing  # noqa: F401  # each piece takes its time, and is noted in PIECE_LOG

key_ranges.SHARE_ROWS = 100
key_ranges.BATCH_ROWS = 10
key_ranges.MOST_COST = 1000.0
frozen.PIECE_BYTES = 2000

register(Query("keyed", "SHOP_DATABASE_URL", "SELECT id, name FROM orders ORDER BY id", key="id"))
