"""Finds the pages of a listing that was measured, range by range. The next measures are read meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing

from ..documents import InputRange, Measured
from ..documents.job import DocumentJob
from ..errors import ChunkFailed
from ..exports.export import Export
from ..exports.measures import Pieces, Ranges
from ..exports.plan import Plan
from ..services import Services
from .read_ahead import read_ahead
from .step import INTERRUPTIONS

log = logging.getLogger(__name__)
SAVE_SECONDS = 5.0  # of work that a killed process loses


class Pagination:
    """Goes from measure to measure. `at` is the byte up to which pages were found, now or by a former attempt."""

    def __init__(
        self, services: Services, export: Export, job: DocumentJob, ranges: Ranges, found: Mapping[int, Pieces]
    ) -> None:
        """`found`: what is measured of each range."""
        self._s = services
        self._export = export
        self._job = job
        self._ranges = ranges
        self.at, saved = services.measures.pages(export.id)
        self._pages = job.pages(ranges.facts, saved, INTERRUPTIONS)
        self._stops = dict(sorted(piece for pieces in found.values() for piece in pieces))  # the longest of each

    def run(self, go_on: Callable[[], bool]) -> bool:
        """Find the pages. Returns False when `go_on` does: then they are stored, as they are every few seconds."""
        saved = time.monotonic()
        with closing(self._measures()) as measures:
            for measured in measures:
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

    def _measures(self) -> Generator[Measured, None, None]:
        """Yields what was measured from here on."""
        while self.at < self._ranges.listing.size:
            with closing(read_ahead(self._read, self._stored())) as pieces:
                for piece in pieces:
                    if piece is None:
                        break
                    yield piece
            if self.at < self._ranges.listing.size:
                yield from self._measured_now()

    def _stored(self) -> Iterator[tuple[int, int]]:
        """Yields the first byte of each measure and the one behind its last, as far as they follow each other."""
        at = self.at
        while (stop := self._stops.get(at, at)) != at:
            yield at, stop
            at = stop

    def _read(self, piece: tuple[int, int]) -> Measured | None:
        start, stop = piece
        data = self._s.measures.read(self._export.id, self._ranges.number(start), start, stop)
        return Measured(start, stop, data) if data else None

    def _measured_now(self) -> Iterator[Measured]:
        """Measures the rest of a range: no measure starts here, since it began elsewhere, or one is damaged."""
        at, number = self.at, self._ranges.number(self.at)
        log.info("export %s: range %d is measured from byte %d", self._export.id, number, at)
        part = InputRange(at, self._ranges.stop(number))
        for measured in self._job.measure(self._ranges.facts, part, INTERRUPTIONS):
            self._s.measures.write(self._export.id, number, measured.start, measured.stop, measured.data)
            yield measured
        if self.at < part.stop:
            raise ChunkFailed(
                f"The document {self._export.document!r} measured nothing behind byte {self.at}.",
                advice="Its `measure` must go to the end of the range, also where it finds no record.",
            )
