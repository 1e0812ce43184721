"""How a document is cut into volumes: borders, object numbers, names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest
from pipeline.exports.plan import Cost, Marks, Survey, split_into_chunks
from pipeline.exports.volumes import SegmentEntry, VolumeLimit, VolumePlan, index_name, volume_name
from pipeline.pdf.numbering import FIRST, Lane
from pipeline.settings import MIB, Settings

SETTINGS = Settings.from_env({})


@given(
    pages=st.integers(1, 30_000),
    each=st.integers(1, 30_000),
    chunk_pages=st.integers(1, 500),
    stride=st.sampled_from([1, 2, 8, 128]),
    front=st.integers(0, 5),
    back=st.integers(0, 5),
)
def test_no_chunk_crosses_the_border_of_a_volume(
    pages: int, each: int, chunk_pages: int, stride: int, front: int, back: int
) -> None:
    """The lead of a chunk begins at a mark, or with the pages in front."""
    counted, pages = pages, pages + front + back
    each = max(each, pages // 400 + 1)
    marks = Marks(stride, [page * 10 for page in range(0, counted, stride)], list(range(0, counted, stride)))
    survey = Survey(
        pages, pages, marks, counted * 10, Cost(0.001, 1000), state=counted, front=front, back=back
    )  # fmt: skip
    plan = split_into_chunks(survey, SETTINGS, chunk_pages, volume=VolumeLimit(pages=each))
    at = 0
    for chunk in plan.chunks:
        assert chunk.first_page == at
        assert chunk.first_page // each == (chunk.first_page + chunk.pages - 1) // each
        begin, stop = chunk.reading.first_page, chunk.first_page + chunk.pages
        assert chunk.start == max(0, begin - front) * 10
        assert begin == 0 or (begin - front) % stride == 0
        assert chunk.lead < front + stride + back
        assert chunk.stop >= min(stop - front, counted) * 10
        assert chunk.stop > chunk.start
        assert (chunk.state, chunk.after) == (chunk.start // 10, chunk.stop // 10)
        at += chunk.pages
    assert at == pages
    firsts = [plan.chunks[k].first_page for k in plan.volumes.firsts]
    assert firsts == list(range(0, pages, each))
    assert len(plan.chunks) <= SETTINGS.max_chunks + len(firsts)


def test_every_volume_numbers_its_objects_from_the_start() -> None:
    volumes = VolumePlan((0, 3, 4))
    lanes = [volumes.lane(chunk, 6) for chunk in range(6)]
    assert lanes == [Lane(0, 3), Lane(1, 3), Lane(2, 3), Lane(3, 1, 3), Lane(4, 2, 4), Lane(5, 2, 4)]
    assert [lane.number(0) - FIRST for lane in lanes] == [0, 1, 2, 0, 0, 1]


@pytest.mark.parametrize(
    ("sizes", "most", "expected"),
    [
        ([3, 3, 3], 100, [3]),
        ([3, 3, 3], 9, [3]),
        ([3, 3, 3], 8, [2, 1]),
        ([9, 1, 1], 5, [1, 2]),  # a segment that alone is too large
        ([1, 9, 1], 5, [1, 1, 1]),
        ([5], 1, [1]),
    ],
)
def test_volumes_are_filled_one_after_the_other(sizes: list[int], most: int, expected: list[int]) -> None:
    segments = [SegmentEntry(chunk, size, 1, 0) for chunk, size in enumerate(sizes)]
    assert [len(members) for members in VolumePlan(bytes=most).fill(segments, 0)] == expected


def test_a_volume_has_room_for_its_tail() -> None:
    segments = [SegmentEntry(chunk, 10, 1, 5) for chunk in range(4)]
    assert [len(members) for members in VolumePlan(bytes=40).fill(segments, 10)] == [2, 2]


def test_a_volume_without_pages_is_dropped() -> None:
    segments = [SegmentEntry(chunk, 10, pages, 0) for chunk, pages in enumerate([2, 0, 0, 1])]
    assert VolumePlan((0, 1, 2, 3)).fill(segments, 0) == [range(1), range(3, 4)]


def test_names_sort_as_volumes_do() -> None:
    assert volume_name("Über 1.2 2026.pdf", 2, 5) == "Über 1.2 2026-2-of-5.pdf"
    names = [volume_name("a.pdf", number, 120) for number in range(1, 121)]
    assert names == sorted(names)
    assert index_name("a.pdf") == "a-index.pdf"


@pytest.mark.parametrize(
    ("size", "field"),
    [
        (VolumeLimit(0), "volume_pages"),
        (VolumeLimit(-1), "volume_pages"),
        (VolumeLimit(bytes=MIB - 1), "volume_bytes"),
        (VolumeLimit(5, 5 * MIB), "volume_bytes"),
    ],
)
def test_impossible_sizes_are_refused(size: VolumeLimit, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        size.check()
    assert refused.value.field == field
