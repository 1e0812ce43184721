"""The parts of a multipart upload: every byte once, within the limits of S3."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.bucket.parts import (
    MIN_PART,
    ByteRange,
    Copy,
    Gather,
    equal_part_size,
    plan_equal_parts,
    plan_parts,
)

SMALLEST, LARGEST = 5, 13


@given(st.lists(st.integers(1, 60), max_size=30))
def test_every_byte_is_in_one_part_in_order(sizes: list[int]) -> None:
    ranges = [
        piece
        for part in plan_parts(sizes, SMALLEST, LARGEST)
        for piece in (part.ranges if isinstance(part, Gather) else (part.range,))
    ]
    whole = [(source, byte) for source, size in enumerate(sizes) for byte in range(size)]
    assert [(r.source, byte) for r in ranges for byte in range(r.start, r.stop)] == whole


@given(st.lists(st.integers(1, 60), max_size=30))
def test_all_parts_but_the_last_keep_the_limits_of_s3(sizes: list[int]) -> None:
    *others, last = plan_parts(sizes, SMALLEST, LARGEST)
    for part in others:
        size = sum(r.size for r in part.ranges) if isinstance(part, Gather) else part.range.size
        assert SMALLEST <= size <= LARGEST
    assert isinstance(last, Gather)
    assert sum(r.size for r in last.ranges) < SMALLEST


@given(st.lists(st.integers(1, 60), max_size=30))
def test_large_sources_are_copied_except_at_their_edges(sizes: list[int]) -> None:
    through = sum(
        r.size for part in plan_parts(sizes, SMALLEST, LARGEST) if isinstance(part, Gather) for r in part.ranges
    )
    small = sum(size for size in sizes if size < SMALLEST)
    assert through <= small + 2 * SMALLEST * sum(size >= SMALLEST for size in sizes)


def test_sources_of_five_mib_never_pass_through() -> None:
    assert list(plan_parts([7, 5, 9], SMALLEST, LARGEST)) == [
        Copy(ByteRange(0, 0, 7)),
        Copy(ByteRange(1, 0, 5)),
        Copy(ByteRange(2, 0, 9)),
        Gather(()),
    ]


def size_of(part: Copy | Gather) -> int:
    return part.range.size if isinstance(part, Copy) else sum(r.size for r in part.ranges)


@given(st.lists(st.integers(1, 60), max_size=30), st.booleans())
def test_equal_parts_are_equal_and_have_every_byte_once(sizes: list[int], copied: bool) -> None:
    parts = list(plan_equal_parts(sizes, SMALLEST, copied=copied))
    *others, last = parts
    assert {size_of(part) for part in others} <= {SMALLEST}
    assert isinstance(last, Gather)
    assert size_of(last) < SMALLEST
    ranges = [r for part in parts for r in ((part.range,) if isinstance(part, Copy) else part.ranges)]
    whole = [(source, byte) for source, size in enumerate(sizes) for byte in range(size)]
    assert [(r.source, byte) for r in ranges for byte in range(r.start, r.stop)] == whole
    gathered = [part for part in others if isinstance(part, Gather)]
    assert len(gathered) <= len(sizes) if copied else len(gathered) == len(others)


@given(st.integers(0, 10**13))
def test_ten_thousand_equal_parts_hold_a_file_and_its_tail(total: int) -> None:
    size = equal_part_size(total)
    assert size >= MIN_PART
    assert total <= 9_000 * size
