"""The daily report: which exports ended yesterday, why some failed, what was drawn, and what it cost.

It lists the exports that are kept, as a failed one may have been retried after days, and reads those whose record
was written since yesterday began: time grows with these, memory with the kinds of documents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ...exports.export import Export
from ...exports.ids import new_id
from ...exports.stores import Stores
from .entries import CLEAN_HOURS

FAILURES = 50  # told one by one
KINDS = 50  # of documents told one by one
CLOCKS_DIFFER = 900.0  # seconds at most: S3 refuses requests above that


@dataclass
class Totals:
    """What ended, added up."""

    exports: Counter[str] = field(default_factory=Counter)  # by outcome
    pages: int = 0
    dollars: float = 0.0
    uncharged: int = 0

    def add(self, export: Export) -> None:
        self.exports[outcome(export)] += 1
        self.pages += export.result.pages if export.result else 0
        self.dollars += export.charge.dollars if export.charge else 0.0
        self.uncharged += export.charge is None

    def words(self) -> str:
        counts = ", ".join(f"{self.exports[each]:,} {each}" for each in ("ready", "failed", "cancelled"))
        uncharged = f" ({self.uncharged:,} not charged yet)" if self.uncharged else ""
        return f"{counts}; {self.pages:,} pages; ${self.dollars:.4f}{uncharged}"


@dataclass(frozen=True)
class Report:
    """A day of exports, in lines."""

    day: str
    lines: tuple[str, ...]
    totals: Totals


def outcome(export: Export) -> str:
    """Return how an export ended, also when its file has expired since."""
    return "failed" if export.failure else "ready" if export.result else "cancelled"


def yesterday(now: float, timezone: str) -> tuple[str, float, float]:
    """Return the day before `now` in a time zone: its name, and when it began and ended."""
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    before = today - timedelta(days=1)  # by the calendar, so it may have 23 or 25 hours
    return before.strftime("%Y-%m-%d"), before.timestamp(), today.timestamp()


def report(s: Stores, now: float) -> Report:
    """Return the report on the exports that ended yesterday, in TIMEZONE."""
    day, begin, end = yesterday(now, s.settings.timezone)
    kinds: dict[str, Totals] = {}
    every, failures = Totals(), list[str]()
    for export in _written(s, begin, end):
        if not begin <= (export.finished_at or 0.0) < end:
            continue
        every.add(export)
        kind = export.document if export.document in kinds or len(kinds) < KINDS else "others"
        kinds.setdefault(kind, Totals()).add(export)
        if export.failure and len(failures) < FAILURES:
            failures.append(f"{export.id}  {export.name}: {export.failure.message}")
    return Report(day, tuple(_lines(day, s.settings.timezone, every, kinds, failures)), every)


def _lines(day: str, timezone: str, every: Totals, kinds: dict[str, Totals], failures: list[str]) -> Iterator[str]:
    yield f"Exports that ended on {day} ({timezone}): {every.words()}."
    for kind, totals in sorted(kinds.items()):
        yield f"  {kind}: {totals.words()}"
    if failures:
        yield ""
        yield "Failed:"
        yield from (f"  {line}" for line in failures)
        if (more := every.exports["failed"] - len(failures)) > 0:
            yield f"  and {more:,} more"


def _written(s: Stores, begin: float, end: float) -> Iterator[Export]:
    """Yield the exports that were requested before `end`, and whose record was written from `begin` on."""
    oldest = begin - s.settings.keep_seconds - CLEAN_HOURS * 3600 - s.settings.export_deadline
    first, last = new_id(max(0.0, oldest)), new_id(end)  # ids sort by time, so it is one listing
    for entry in s.bucket.entries("exports/", after=f"exports/{first}"):
        export_id, _, name = entry.key.removeprefix("exports/").partition("/")
        if export_id > last:
            return
        written = name == "export.json" and entry.modified >= begin - CLOCKS_DIFFER
        if written and (export := s.exports.find(export_id)):
            yield export
