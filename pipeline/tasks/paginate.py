"""Finds the pages of a listing that was measured, range by range."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from ..documents import InputRange, Measured
from ..documents.job import DocumentJob
from ..errors import ChunkFailed
from ..exports.export import Export
from ..exports.measures import Ranges
from ..exports.plan import Plan
from ..services import Services
from .step import INTERRUPTIONS

log = logging.getLogger(__name__)
SAVE_SECONDS = 5.0  # of work that a killed process loses


class Pagination:
    """Goes from measure to measure. `at` is the byte up to which pages were found, now or by a former attempt."""

    def __init__(self, services: Services, export: Export, job: DocumentJob, ranges: Ranges) -> None:
        self._s = services
        self._export = export
        self._job = job
        self._ranges = ranges
        self.at, saved = services.measures.pages(export.id)
        self._pages = job.pages(ranges.facts, saved, INTERRUPTIONS)
        found = services.measures.found(export.id)
        self._stops = dict(sorted(piece for pieces in found.values() for piece in pieces))  # the longest of each

    def run(self, go_on: Callable[[], bool]) -> bool:
        """Find the pages. Returns False when `go_on` does: then they are stored, as they are every few seconds."""
        saved = time.monotonic()
        while self.at < self._ranges.listing.size:
            for measured in self._next():
                self._pages.add(measured.data)
                self.at = measured.stop
                stops = not go_on()
                if stops or time.monotonic() - saved > SAVE_SECONDS:
                    self._s.measures.write_pages(self._export.id, self.at, self._pages.save())
                    saved = time.monotonic()
                if stops:
                    return False
        return True

    def plan(self) -> Plan:
        """Returns the plan, when all pages are found."""
        survey = self._job.surveyed(self._pages, INTERRUPTIONS)
        listing, export = self._ranges.listing, self._export
        return self._job.cut(survey, listing, self._s.settings, export.chunk_pages, export.volume)

    def _next(self) -> Iterator[Measured]:
        """What was measured from here on. It is measured now if no measure starts here: a range began elsewhere."""
        at, number = self.at, self._ranges.number(self.at)
        stop = self._stops.get(at, at)
        if stop != at and (data := self._s.measures.read(self._export.id, number, at, stop)):
            yield Measured(at, stop, data)
            return
        log.info("export %s: range %d is measured from byte %d", self._export.id, number, at)
        part = InputRange(at, self._ranges.stop(number))
        for measured in self._job.measure(self._ranges.facts, part, INTERRUPTIONS):
            self._s.measures.write(self._export.id, number, measured.start, measured.stop, measured.data)
            yield measured
        if self.at < part.stop:
            raise ChunkFailed(f"The document {self._export.document!r} measured nothing behind byte {self.at}.")
