"""Tables are measured in many small ranges, and each takes its time.

Named by DOCUMENTS in the environment of the workers under test.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from pipeline.documents import Measured, register
from pipeline.documents.table import Table
from pipeline.exports import measures

SECONDS = 0.2
measures.RANGE_BYTES = 2000
measures.SMALL_BYTES = 0


class SlowTable(Table):
    """A table that is measured slowly."""

    def measure(self, *given: Any) -> Iterator[Measured]:
        time.sleep(SECONDS)
        yield from super().measure(*given)


register(SlowTable())
