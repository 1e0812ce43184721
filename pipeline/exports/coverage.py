"""Which stored segments make up a document, and which chunks have pages missing. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import DamagedSegment
from .plan import Chunk, Plan

SegmentsByChunk = dict[int, list[tuple[int, int]]]
"""Chunk number -> (first page, pages) of each of its stored segments."""


def cover(plan: Plan, stored: SegmentsByChunk) -> tuple[list[tuple[Chunk, int, int]], list[int]]:
    """Return the segments that make up the document, and the numbers of the chunks that have pages missing.

    A segment is (chunk, first page, pages); the segments are in page order.
    """
    picked: list[tuple[Chunk, int, int]] = []
    missing: list[int] = []
    for chunk in plan.chunks:
        pieces = chain(chunk.number, chunk.first_page, chunk.pages, stored.get(chunk.number, ()))
        picked += [(chunk, first, pages) for first, pages in pieces]
        if sum(pages for _, pages in pieces) < chunk.pages:
            missing.append(chunk.number)
    return picked, missing


def chain(chunk: int, first: int, pages: int, stored: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the (first page, pages) segments that make up a chunk, in page order; always the longest next one.

    Several workers may have cut a chunk at different pages; any chain without a gap is right. The list stops where
    pages are missing. Raises DamagedSegment when a segment goes beyond the chunk.
    """
    # In this order the longest one is the last with its start. One without pages would be picked for ever.
    longest = {start: count for start, count in sorted(stored) if count}
    picked: list[tuple[int, int]] = []
    at = first
    while at < first + pages and at in longest:
        picked.append((at, longest[at]))
        at += longest[at]
    if at > first + pages:
        raise DamagedSegment(f"Chunk {chunk} has a segment that goes beyond its last page.")
    return picked
