"""Which stored segments make up a document, and which chunks have pages missing. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import DamagedSegment
from .plan import Chunk, Plan

Found = dict[int, list[tuple[int, int]]]
"""Chunk -> the (first page, pages) of its stored segments."""


def cover(plan: Plan, found: Found) -> tuple[list[tuple[Chunk, int, int]], list[int]]:
    """The segments that make up the document, in order, as (chunk, first page, pages); and the chunks
    of which pages are missing."""
    picked: list[tuple[Chunk, int, int]] = []
    missing: list[int] = []
    for chunk in plan.chunks:
        pieces = chain(chunk.number, chunk.first_page, chunk.pages, found.get(chunk.number, ()))
        picked += [(chunk, first, pages) for first, pages in pieces]
        if sum(pages for _, pages in pieces) < chunk.pages:
            missing.append(chunk.number)
    return picked, missing


def chain(chunk: int, first: int, pages: int, found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Which of the (first page, pages) segments make up a chunk, in order: always the longest next one.

    A chunk may have been cut, by several workers at different places; any gapless chain is right. The
    list stops where pages are missing.
    """
    longest: dict[int, int] = {}
    for start, count in found:
        if count:  # or it would be picked for ever
            longest[start] = max(count, longest.get(start, 0))
    picked: list[tuple[int, int]] = []
    at = first
    while at < first + pages and at in longest:
        picked.append((at, longest[at]))
        at += longest[at]
    if at > first + pages:
        raise DamagedSegment(f"Chunk {chunk} has a segment that goes beyond its last page.")
    return picked
