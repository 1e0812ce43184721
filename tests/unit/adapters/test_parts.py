"""The parts of a multipart upload: every byte once, within the limits of S3."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.bucket.parts import ByteRange, Copy, Gather, plan_parts

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
