"""The parts of a multipart upload: every byte once, within the limits of S3."""

from __future__ import annotations

import pytest
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
    ranges = [piece for part in plan_parts(sizes, SMALLEST, LARGEST) for piece in part.ranges]
    whole = [(source, byte) for source, size in enumerate(sizes) for byte in range(size)]
    assert [(r.source, byte) for r in ranges for byte in range(r.start, r.stop)] == whole


@given(st.lists(st.integers(1, 60), max_size=30))
def test_all_parts_but_the_last_keep_the_limits_of_s3(sizes: list[int]) -> None:
    *others, last = plan_parts(sizes, SMALLEST, LARGEST)
    for part in others:
        assert SMALLEST <= sum(r.size for r in part.ranges) <= LARGEST
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


def gather(*ranges: tuple[int, int, int]) -> Gather:
    return Gather(tuple(ByteRange(*each) for each in ranges))


def copy(source: int, start: int, stop: int) -> Copy:
    return Copy(ByteRange(source, start, stop))


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([], [gather()]),
        ([4], [gather((0, 0, 4))]),
        ([5], [copy(0, 0, 5), gather()]),
        ([3, 4, 9], [gather((0, 0, 3), (1, 0, 2)), gather((1, 2, 4), (2, 0, 3)), copy(2, 3, 9), gather()]),
        ([3, 2, 1], [gather((0, 0, 3), (1, 0, 2)), gather((2, 0, 1))]),
        ([3, 6], [gather((0, 0, 3), (1, 0, 2)), gather((1, 2, 6))]),
        ([13], [copy(0, 0, 13), gather()]),
        ([14], [copy(0, 0, 9), copy(0, 9, 14), gather()]),  # what is left for the second is large enough, too
        ([18], [copy(0, 0, 13), copy(0, 13, 18), gather()]),
        ([30], [copy(0, 0, 13), copy(0, 13, 25), copy(0, 25, 30), gather()]),
        ([1, 21], [gather((0, 0, 1), (1, 0, 4)), copy(1, 4, 16), copy(1, 16, 21), gather()]),
    ],
)
def test_how_sources_are_cut(sizes: list[int], parts: list[Copy | Gather]) -> None:
    assert list(plan_parts(sizes, SMALLEST, LARGEST)) == parts


def test_parts_keep_the_limits_of_s3_unless_told_otherwise() -> None:
    """5 MiB to 5 GiB, https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""
    mib, gib = 2**20, 2**30
    assert list(plan_parts([5 * mib])) == [copy(0, 0, 5 * mib), gather()]
    assert list(plan_parts([5 * mib - 1])) == [gather((0, 0, 5 * mib - 1))]
    assert list(plan_parts([5 * gib])) == [copy(0, 0, 5 * gib), gather()]
    border = 5 * gib + 1 - 5 * mib
    assert list(plan_parts([5 * gib + 1])) == [copy(0, 0, border), copy(0, border, 5 * gib + 1), gather()]


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([], [gather()]),
        ([5], [copy(0, 0, 5), gather()]),
        ([4, 12, 3], [gather((0, 0, 4), (1, 0, 1)), copy(1, 1, 6), copy(1, 6, 11), gather((1, 11, 12), (2, 0, 3))]),
        ([2, 0, 3, 1], [gather((0, 0, 2), (2, 0, 3)), gather((3, 0, 1))]),
    ],
)
def test_how_sources_are_cut_into_equal_parts(sizes: list[int], parts: list[Copy | Gather]) -> None:
    assert list(plan_equal_parts(sizes, 5, copied=True)) == parts
    sent = [Gather((part.range,)) if isinstance(part, Copy) else part for part in parts]
    assert list(plan_equal_parts(sizes, 5, copied=False)) == sent


@pytest.mark.parametrize(
    ("total", "size"),
    [
        (0, 5_242_880),
        (9_000 * 5_242_880, 5_242_880),
        (9_000 * 5_242_880 + 1, 5_242_881),
        (9_000 * 6_000_000, 6_000_000),
        (9_000 * 6_000_000 + 1, 6_000_001),
    ],
)
def test_the_size_of_equal_parts(total: int, size: int) -> None:
    assert equal_part_size(total) == size
