"""The parts of an input that workers share out while it is planned: shares to store as lines, then ranges.

The messages of both are those of the step `measure`.
"""

from __future__ import annotations

from ...exports.export import Export
from ...services import Services
from ..step import lease_name

PART_SECONDS = 1.0  # that a part takes, until one of the export is done


def missing_parts(s: Services, export: Export) -> list[int]:
    """Return the parts of an export's input of which something is not done, as far as the input is divided.

    Of a query there are none while no process plans: that one holds the snapshot.
    """
    if ranges := s.measures.ranges(export.id):
        return ranges.missing(s.measures.found(export.id))
    shares = s.frozen.shares(export.id)
    if shares and shares.generation and not s.redis.leases.holders([lease_name("plan", export.id, None)]):
        return []
    return s.frozen.missing(export.id, shares) if shares else []


def part_seconds(s: Services, export: Export) -> float:
    """Return how long a part of what is done now takes."""
    if not (known := s.redis.progress.load(export.id)):
        return PART_SECONDS
    seconds, count = known.measured if s.measures.ranges(export.id) else known.frozen
    return seconds / count if count else PART_SECONDS
