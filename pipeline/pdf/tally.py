"""Counts of what a document draws, and the inputs it leaves out. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Skipped:
    """An input that could not be read: its record number, its source, and the reason."""

    record: int
    source: str
    reason: str


@dataclass
class Tally:
    """Counts of a document while it draws; records in = drawn + skipped."""

    records: int = 0
    drawn: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
