"""What a document counts while it draws, and the inputs it had to leave out. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Skipped:
    """An input that could not be read, and what was done about it."""

    record: int
    source: str
    reason: str


@dataclass
class Tally:
    """What a document counts while it draws: records in = drawn + skipped."""

    records: int = 0
    drawn: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
