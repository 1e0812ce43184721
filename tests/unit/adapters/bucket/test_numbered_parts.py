"""Numbers of parts: known before other segments are, and always in order."""

from __future__ import annotations

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.bucket.parts import MAX_SHARES, Copy, numbered, plan_parts, whole_number

segments = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 60)), min_size=1, max_size=60)


@given(segments)
def test_numbers_are_in_order_and_few_enough(found: list[tuple[int, int]]) -> None:
    """Segments of so many pages and bytes each, and parts of ten bytes at least."""
    pages, sizes = [p for p, _ in found], [size for _, size in found]
    firsts = list(accumulate(pages, initial=0))
    wanted = [whole_number(first, firsts[-1]) for first in firsts[:-1]]
    parts = list(plan_parts(sizes, 10, 50))
    numbers = [number for number, _ in numbered(parts, sizes, wanted)]
    assert [part for _, part in numbered(parts, sizes, wanted)] == parts
    assert numbers[0] >= 1
    assert all(a < b for a, b in pairwise(numbers))
    assert numbers[-1] <= MAX_SHARES + 1


def test_whole_segments_have_the_numbers_under_which_they_were_copied() -> None:
    sizes = [20] * 5
    wanted = [whole_number(page, 50) for page in range(0, 50, 10)]
    parts = list(plan_parts(sizes, 10, 50))
    whole = [number for number, part in numbered(parts, sizes, wanted) if isinstance(part, Copy)]
    assert whole == wanted == [1, 1801, 3601, 5401, 7201]


def test_where_numbers_do_not_suffice_they_follow_each_other() -> None:
    """Nearly all bytes are behind nearly all pages."""
    sizes = [10] * 5000
    parts = list(plan_parts(sizes, 10, 50))
    late = [MAX_SHARES - 1000] * len(sizes)
    assert [number for number, _ in numbered(parts, sizes, late)] == list(range(1, len(parts) + 1))


def test_the_last_number_is_one_more_than_there_are_shares() -> None:
    """A tail behind the last segment, which begins with the last page of a million."""
    assert (whole_number(0, 1_000_000), whole_number(999_999, 1_000_000)) == (1, MAX_SHARES)
    parts = list(plan_parts(sizes := [20, 20], 10, 50))  # two copies, and what is left for the tail
    assert [number for number, _ in numbered(parts, sizes, [1, MAX_SHARES])] == [1, MAX_SHARES, MAX_SHARES + 1]
    assert [number for number, _ in numbered(parts, sizes, [1, MAX_SHARES + 1])] == [1, 2, 3]
