"""Which segments cover a chunk."""

from __future__ import annotations

import pytest

from pipeline.errors import DamagedSegment
from pipeline.exports.coverage import SegmentsByChunk, chain, cover
from pipeline.exports.plan import Chunk, Plan


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], []),
        ([(10, 5)], [(10, 5)]),
        ([(10, 2), (12, 3)], [(10, 2), (12, 3)]),
        ([(10, 2), (10, 5), (12, 3)], [(10, 5)]),  # two workers: the longest chain
        ([(10, 2), (13, 2)], [(10, 2)]),  # a gap
        ([(12, 3)], []),
        ([(10, 2), (12, 0)], [(10, 2)]),  # one without pages is no step forward
    ],
)
def test_a_chunk_is_a_gapless_chain_of_segments(
    found: list[tuple[int, int]], expected: list[tuple[int, int]]
) -> None:
    assert chain(0, 10, 5, found) == expected


@pytest.mark.parametrize("found", [[(10, 6)], [(10, 3), (13, 3)]])
def test_a_segment_that_goes_beyond_its_chunk_is_damaged(found: list[tuple[int, int]]) -> None:
    with pytest.raises(DamagedSegment, match="Chunk 7 has a segment that goes beyond its last page"):
        chain(7, 10, 5, found)


def test_a_segment_behind_the_last_page_of_its_chunk_is_not_looked_at() -> None:
    assert chain(0, 10, 5, [(10, 5), (15, 2)]) == [(10, 5)]


FIRST, SECOND, THIRD = Chunk(0, 0, 4, 0, 40), Chunk(1, 4, 4, 40, 80), Chunk(2, 8, 2, 80, 99)
PLAN = Plan(records=10, pages=10, chunks=(FIRST, SECOND, THIRD))


@pytest.mark.parametrize(
    ("stored", "picked", "missing"),
    [
        ({}, [], [0, 1, 2]),
        ({0: [(0, 4)], 1: [(4, 3)]}, [(FIRST, 0, 4), (SECOND, 4, 3)], [1, 2]),
        ({0: [(0, 4)], 1: [(6, 2)], 2: [(8, 2)]}, [(FIRST, 0, 4), (THIRD, 8, 2)], [1]),
        (
            {2: [(8, 2)], 1: [(6, 2), (4, 2)], 0: [(0, 4)]},
            [(FIRST, 0, 4), (SECOND, 4, 2), (SECOND, 6, 2), (THIRD, 8, 2)],
            [],
        ),
    ],
)
def test_a_document_is_whole_when_each_chunk_has_all_its_pages(
    stored: SegmentsByChunk, picked: list[tuple[Chunk, int, int]], missing: list[int]
) -> None:
    assert cover(PLAN, stored) == (picked, missing)
