"""Which segments cover a chunk."""

from __future__ import annotations

import pytest

from pipeline.exports.coverage import chain


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
