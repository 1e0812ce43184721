"""What earlier exports taught: seconds for a page, a plan, an assembly, a boot. No I/O; stored in the bucket.

Each value is a moving average that favours new values; a new value counts less if the export was small. A prior
stands in until the first export.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from ..exports.export import Export

WEIGHT = 0.3  # of a new value
PAGE_SECONDS = 0.02  # prior: between a page of a table and one with a photo
BOOT_SECONDS = 15.0  # prior: Heroku's users report 10 to 60 s
MAX_BOOT_SECONDS = 300.0  # no worker boots longer: its program did not start, and was repaired
CHUNK_SECONDS = 0.3  # overhead of a chunk: messages, reading, storing
STEP_SECONDS = 1.0  # overhead of a plan or an assembly


@dataclass(frozen=True)
class Learned:
    """By kind of document: seconds to draw a page, and a page's share of planning and of assembly.

    `boot`: seconds that a worker takes to boot.
    """

    page: Mapping[str, float] = field(default_factory=dict)
    plan: Mapping[str, float] = field(default_factory=dict)
    assembly: Mapping[str, float] = field(default_factory=dict)
    pages: Mapping[str, float] = field(default_factory=dict)  # of an export; the prediction while it is planned
    boot: float = BOOT_SECONDS
    prices: Mapping[str, float] = field(default_factory=dict)  # dollars a second by size, as Heroku listed them

    def page_seconds(self, document: str, prior: float = PAGE_SECONDS) -> float:
        """Predict the seconds to draw a page."""
        return self.page.get(document, prior)

    def chunk_seconds(self, document: str, pages: float, prior: float = PAGE_SECONDS) -> float:
        """Predict the seconds for a chunk of `pages` pages."""
        return CHUNK_SECONDS + pages * self.page_seconds(document, prior)

    def plan_seconds(self, document: str, pages: float) -> float:
        """Predict the seconds to plan `pages` pages."""
        return STEP_SECONDS + pages * self.plan.get(document, 0.0)

    def assembly_seconds(self, document: str, pages: float) -> float:
        """Predict the seconds to assemble `pages` pages."""
        return STEP_SECONDS + pages * self.assembly.get(document, 0.0)

    def with_export(self, export: Export) -> Learned:
        """Return the values updated from a finished export; unchanged if it failed."""
        made = export.result
        if made is None or not made.seconds or not export.planned_at or not export.rendered_at:
            return self
        began, ended = export.started_at or export.planned_at, export.finished_at or export.rendered_at
        spans = made.seconds, export.planned_at - began, ended - export.rendered_at
        drawn, planned, assembled = (_Timing(seconds, made.pages) for seconds in spans)
        kind = export.document
        return replace(
            self,
            page=drawn.update(self.page, kind, CHUNK_SECONDS * export.chunks, PAGE_SECONDS),
            plan=planned.update(self.plan, kind, STEP_SECONDS, 0.0),
            assembly=assembled.update(self.assembly, kind, STEP_SECONDS, 0.0),
            pages=_moving_average(self.pages, kind, float(made.pages)),
        )

    def with_boot(self, seconds: float) -> Learned:
        """Return the values updated with the time from a worker's order to its first look at the queue."""
        if seconds > MAX_BOOT_SECONDS:
            return self
        return replace(self, boot=self.boot + WEIGHT * (seconds - self.boot))

    @classmethod
    def from_dict(cls, found: object) -> Learned:
        """Read what `asdict` made, of this version of the program or another. Raises nothing."""
        try:
            return msgspec.convert(found, cls) if found else cls()
        except msgspec.ValidationError:
            return cls()

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes | None) -> Learned:
        """Read what `encode` made. Raises nothing: what cannot be read is learned again."""
        try:
            return _decoder.decode(data) if data else cls()
        except msgspec.DecodeError:
            return cls()


_decoder = msgspec.json.Decoder(Learned)  # made while there is one thread, see exports/encoding.py


@dataclass(frozen=True)
class _Timing:
    """What a step took for a number of pages."""

    seconds: float
    pages: int

    def update(self, known: Mapping[str, float], kind: str, overhead: float, prior: float) -> Mapping[str, float]:
        """Update a kind's seconds per page from the time beyond the fixed overhead, weighted by its share.

        Without any such time, a small export only gives an upper bound of a page's seconds.
        """
        beyond = self.seconds - overhead
        if beyond <= 0:
            bound = max(0.0, self.seconds) / self.pages
            return _moving_average(known, kind, min(known.get(kind, prior), bound))
        return _moving_average(known, kind, beyond / self.pages, WEIGHT * beyond / self.seconds)


def _moving_average(
    known: Mapping[str, float], kind: str, value: float, weight: float = WEIGHT
) -> Mapping[str, float]:
    before = known.get(kind, value)
    return {**known, kind: before + weight * (value - before)}
