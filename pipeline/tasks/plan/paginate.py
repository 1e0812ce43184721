"""Finds the pages of a listing that is measured, range by range. The next measures are read meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing

from ...documents import InputRange, Measured
from ...documents.job import DocumentJob
from ...errors import ChunkFailed
from ...exports.export import Export
from ...exports.measures import Pieces, Ranges, longest
from ...exports.plan import Plan
from ...services import Services
from ..read_ahead import read_ahead
from ..step import INTERRUPTIONS

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
        self._kept_at = self.at
        self._pages = job.pages(ranges.facts, saved, INTERRUPTIONS)
        self._found: Mapping[int, Pieces] = {}

    @property
    def ended(self) -> bool:
        """True when all pages are found."""
        return self.at >= self._ranges.listing.size

    @property
    def missing(self) -> list[int]:
        """The ranges of which something was not measured, when `run` looked last."""
        return self._ranges.missing(self._found)

    def run(self, go_on: Callable[[], bool], *, alone: bool = False) -> bool:
        """Find the pages up to what is not measured yet; `alone`, that is measured here. Returns False when `go_on`
        does. What is found is stored every few seconds, and unless these are all pages."""
        saved, stops = time.monotonic(), False
        with closing(self._measures(alone)) as measures:
            for measured in measures:
                self._pages.add(measured.data)
                self.at = measured.stop
                if stops := not go_on():
                    break
                if time.monotonic() - saved > SAVE_SECONDS:
                    self._keep()
                    saved = time.monotonic()
        if stops or not self.ended:
            self._keep()
        return not stops

    def plan(self) -> Plan:
        """Return the plan, when all pages are found."""
        survey = self._job.surveyed(self._pages, INTERRUPTIONS)
        listing, export = self._ranges.listing, self._export
        return self._job.cut(survey, listing, self._s.settings, export.chunk_pages, export.volume)

    def _keep(self) -> None:
        if self.at != self._kept_at:
            self._s.measures.write_pages(self._export.id, self.at, self._pages.save())
            self._kept_at = self.at

    def _measures(self, alone: bool) -> Generator[Measured, None, None]:
        """Yield what was measured from here on. Looks anew for what other processes measured meanwhile."""
        while not self.ended:
            self._found = self._s.measures.found(self._export.id)
            begin, number = self.at, self._ranges.number(self.at)
            with closing(read_ahead(self._read, self._stored())) as pieces:
                for piece in pieces:
                    if piece is None:
                        break
                    yield piece
            if self.at > begin:
                continue
            if not alone and self._ranges.rest(number, self._found.get(number, ())) is not None:
                return
            yield from self._measured_now()

    def _stored(self) -> Iterator[tuple[int, int]]:
        """Yield the first byte of each measure and the one behind its last, as far as they follow each other."""
        stops = longest([piece for pieces in self._found.values() for piece in pieces])
        at = self.at
        while (stop := stops.get(at, at)) != at:
            yield at, stop
            at = stop

    def _read(self, piece: tuple[int, int]) -> Measured | None:
        start, stop = piece
        data = self._s.measures.read(self._export.id, self._ranges.number(start), start, stop)
        return Measured(start, stop, data) if data else None

    def _measured_now(self) -> Iterator[Measured]:
        """Measure the rest of a range: no measure starts here, since it began elsewhere, or one is damaged."""
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
