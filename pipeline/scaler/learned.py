"""What the last exports taught: seconds of a page, a plan, an assembly, a boot. Pure; kept in the bucket.

Each value is a running mean that leans to what is new, little where that is small. Before the first time a
prior stands in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from ..exports.export import Export

WEIGHT = 0.3  # of what is new
PAGE_SECONDS = 0.02  # priors: a page between a table's and a photo's,
BOOT_SECONDS = 15.0  # and what Heroku's users report, 10 to 60 s (facts of the platform)
BOOT_MOST = 300.0  # later than that no worker booted: its program did not start, and was mended
CHUNK_SECONDS = 0.3  # around the drawing of a chunk: messages, reading, storing
STEP_SECONDS = 1.0  # a plan or an assembly


@dataclass(frozen=True)
class Learned:
    """By kind of document: seconds to draw a page, to plan and to assemble a page's share. `boot` of a worker."""

    page: Mapping[str, float] = field(default_factory=dict)
    plan: Mapping[str, float] = field(default_factory=dict)
    assembly: Mapping[str, float] = field(default_factory=dict)
    pages: Mapping[str, float] = field(default_factory=dict)  # of an export; stands in while it is planned
    boot: float = BOOT_SECONDS
    prices: Mapping[str, float] = field(default_factory=dict)  # dollars a second by size, as Heroku listed them

    def page_seconds(self, document: str, prior: float = PAGE_SECONDS) -> float:
        """How long a page takes to draw."""
        return self.page.get(document, prior)

    def chunk_seconds(self, document: str, pages: float, prior: float = PAGE_SECONDS) -> float:
        """How long a chunk of so many pages will take."""
        return CHUNK_SECONDS + pages * self.page_seconds(document, prior)

    def plan_seconds(self, document: str, pages: float) -> float:
        return STEP_SECONDS + pages * self.plan.get(document, 0.0)

    def assembly_seconds(self, document: str, pages: float) -> float:
        return STEP_SECONDS + pages * self.assembly.get(document, 0.0)

    def after(self, export: Export) -> Learned:
        """With what a finished export taught; one that failed teaches nothing."""
        made = export.result
        if made is None or not made.seconds or not export.planned_at or not export.rendered_at:
            return self
        began, ended = export.started_at or export.planned_at, export.finished_at or export.rendered_at
        spans = made.seconds, export.planned_at - began, ended - export.rendered_at
        drawn, planned, assembled = (Took(seconds, made.pages) for seconds in spans)
        kind = export.document
        return replace(
            self,
            page=drawn.taught(self.page, kind, CHUNK_SECONDS * export.chunks, PAGE_SECONDS),
            plan=planned.taught(self.plan, kind, STEP_SECONDS, 0.0),
            assembly=assembled.taught(self.assembly, kind, STEP_SECONDS, 0.0),
            pages=_leaning(self.pages, kind, float(made.pages)),
        )

    def booted(self, seconds: float) -> Learned:
        """With the time that one more worker took from its order to its first look at the queue."""
        if seconds > BOOT_MOST:
            return self
        return replace(self, boot=self.boot + WEIGHT * (seconds - self.boot))

    @classmethod
    def of(cls, found: object) -> Learned:
        """From what `asdict` made of it, in this version of the program or another. Raises nothing."""
        try:
            return msgspec.convert(found, cls) if found else cls()
        except msgspec.ValidationError:
            return cls()

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes | None) -> Learned:
        """Raises nothing: what cannot be read is learned anew."""
        try:
            return _decoder.decode(data) if data else cls()
        except msgspec.DecodeError:
            return cls()


_decoder = msgspec.json.Decoder(Learned)  # made while there is one thread, see exports/encoding.py


@dataclass(frozen=True)
class Took:
    """What a step took for so many pages."""

    seconds: float
    pages: int

    def taught(self, known: Mapping[str, float], kind: str, around: float, prior: float) -> Mapping[str, float]:
        """Seconds of one page's share: of what went beyond the seconds around it, believed the more, the more
        that is. Without any, a small export says no more than the most that a page can take."""
        beyond = self.seconds - around
        if beyond <= 0:
            return _leaning(known, kind, min(known.get(kind, prior), max(0.0, self.seconds) / self.pages))
        return _leaning(known, kind, beyond / self.pages, WEIGHT * beyond / self.seconds)


def _leaning(known: Mapping[str, float], kind: str, value: float, weight: float = WEIGHT) -> Mapping[str, float]:
    before = known.get(kind, value)
    return {**known, kind: before + weight * (value - before)}
