"""Tables are measured in many small ranges, and each takes its time; so does finding their pages.

Named by DOCUMENTS in the environment of the workers under test.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from pipeline.documents import Measured, register
from pipeline.documents.table import Table
from pipeline.documents.table.paging import TablePages
from pipeline.exports import measures
from pipeline.tasks.plan import paginate

SECONDS = 0.2
measures.RANGE_BYTES = 2000
measures.SMALL_BYTES = 0
paginate.SAVE_SECONDS = 0.5


class SlowTable(Table):
    """A table that is measured slowly."""

    def measure(self, *given: Any) -> Iterator[Measured]:
        time.sleep(SECONDS)
        yield from super().measure(*given)


def _slow_add(pages: TablePages, measure: bytes) -> None:
    time.sleep(SECONDS)
    _add(pages, measure)


_add = TablePages.add
TablePages.add = _slow_add  # type: ignore[assignment, method-assign]
register(SlowTable())
