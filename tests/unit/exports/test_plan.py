"""A document becomes chunks: their number and size, and what they cover."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exports.plan import (
    MAX_MARKS,
    Chunk,
    Cost,
    Listing,
    Marks,
    Plan,
    Survey,
    pages_per_chunk,
    split_into_chunks,
)
from pipeline.exports.volumes import UNCUT, VolumeLimit
from pipeline.settings import MIB, Settings

CHEAP = Cost(seconds=0.001, bytes=1000)


def limits(**changes: str) -> Settings:
    return Settings.from_env({"WORKER_MEMORY_MB": "512", "MAX_WORKERS": "4", "MAX_CHUNKS": "500", **changes})


@pytest.mark.parametrize(
    ("pages", "cost", "changes", "chunk_pages", "expected"),
    [
        (400, CHEAP, {}, None, 50),  # two chunks for each of four workers
        (400, CHEAP, {"MAX_WORKERS": "1"}, None, 200),
        (400, CHEAP, {"WORKER_CONCURRENCY": "2"}, None, 25),  # … that draw two at a time
        (400, Cost(0.05, 1000), {}, None, 34),  # three, since eight would be short
        (400, Cost(0.5, 1000), {"CHUNK_SECONDS": "15"}, None, 13),  # eight
        (400, Cost(1.0, 1000), {"CHUNK_SECONDS": "10"}, None, 10),  # the wished duration
        (1_000_000, Cost(0.0005, 4000), {"MAX_WORKERS": "64"}, None, 3907),  # four for each, none left over
        (400, Cost(0.001, 16 * MIB), {}, None, 8),  # a quarter of 512 MiB
        (400, Cost(0.001, 16 * MIB), {"WORKER_CONCURRENCY": "2"}, None, 4),  # two share the memory
        (400, Cost(0.001, 900 * MIB), {}, None, 1),  # a page larger than the memory still is a chunk
        (1_000_000, Cost(1.0, 1000), {}, None, 2000),  # bounded in number by making chunks larger
        (400, CHEAP, {}, 7, 7),  # the person's own cut
        (400_000, CHEAP, {}, 7, 800),  # … within the bound
        (1, CHEAP, {}, None, 1),
        (0, CHEAP, {}, None, 1),
        (0, Cost(0.001, 900 * MIB), {}, None, 1),
    ],
)
def test_how_many_pages_a_chunk_gets(
    pages: int, cost: Cost, changes: dict[str, str], chunk_pages: int | None, expected: int
) -> None:
    assert pages_per_chunk(pages, cost, limits(**changes), chunk_pages) == expected


@given(st.integers(1, 100_000), st.integers(1, 500), st.integers(1, 600))
def test_chunks_cover_every_page_once_and_are_not_too_many(pages: int, chunk_pages: int, max_chunks: int) -> None:
    marks = Marks()
    for page in range(pages):
        marks.add(page, page * 10)
    plan = split_into_chunks(
        Survey(pages, pages, marks, pages * 10, CHEAP), limits(MAX_CHUNKS=str(max_chunks)), chunk_pages
    )
    at = offset = 0
    for number, chunk in enumerate(plan.chunks):
        assert (chunk.number, chunk.first_page, chunk.start) == (number, at, offset)
        assert chunk.pages > 0
        assert chunk.start == chunk.first_page * 10
        at, offset = at + chunk.pages, chunk.stop
    assert (at, offset) == (pages, pages * 10)
    assert len(plan.chunks) <= max_chunks


def test_marks_stay_few_for_any_number_of_pages() -> None:
    marks = Marks()
    for page in range(300_000):
        marks.add(page, page)
    assert len(marks.offsets) <= MAX_MARKS
    assert marks.offsets == list(range(0, 300_000, marks.stride))


@given(st.integers(1, 30_000), st.integers(1, 500), st.integers(0, 3), st.integers(0, 3))
def test_chunks_know_their_states_and_include_the_summary(
    pages: int, chunk_pages: int, front: int, back: int
) -> None:
    marks = Marks()
    for page in range(pages):
        marks.add(page, page * 10, [page])
    survey = Survey(pages, front + pages + back, marks, pages * 10, CHEAP, state=[pages], front=front, back=back)
    plan = split_into_chunks(survey, limits(), chunk_pages)
    assert plan.chunks[0].first_page == 0
    assert sum(chunk.pages for chunk in plan.chunks) == plan.pages == front + pages + back
    assert len(marks.states) == len(marks.offsets)
    for chunk in plan.chunks:
        assert (chunk.state, chunk.after) == ([chunk.start // 10], [chunk.stop // 10])
        assert chunk.number == 0 or chunk.first_page == front + chunk.start // 10


@pytest.mark.parametrize(("pages", "stride", "kept"), [(8192, 1, 8192), (8193, 2, 4097), (300_000, 64, 4688)])
def test_every_second_mark_is_dropped_when_there_are_too_many(pages: int, stride: int, kept: int) -> None:
    marks = Marks()
    for page in range(pages):
        marks.add(page, page)
    assert (marks.stride, len(marks.offsets)) == (stride, kept)


def test_a_chunk_is_no_larger_than_a_volume() -> None:
    assert pages_per_chunk(400, Cost(0.001, MIB), limits(), max_bytes=16 * MIB) == 16


def test_a_chunk_reads_the_pages_of_its_lead_too() -> None:
    chunk = Chunk(2, 10, 5, start=80, stop=200, state="a", after="b", lead=3)
    assert chunk.reading == Chunk(2, 7, 8, start=80, stop=200, state="a", after="b", lead=0)
    assert Chunk(0, 0, 5, 0, 80).lead == 0


def surveyed(back: int = 1) -> Survey:
    """Ten pages with a mark at every fourth, two in front of them, others at the back."""
    marks = Marks(4, [0, 40, 80], ["a", "b", "c"])
    return Survey(10, 12 + back, marks, 100, Cost(0.5, 1000), {"x": 1}, "end", 2, back, ("It is old.",))


WITH_SUMMARY = [
    Chunk(0, 0, 6, 0, 40, "a", "b"),
    Chunk(1, 6, 4, 40, 80, "b", "c"),
    Chunk(2, 10, 3, 80, 100, "c", "end"),
]


@pytest.mark.parametrize(
    ("volume_pages", "back", "chunks", "firsts"),
    [
        (None, 1, WITH_SUMMARY, (0,)),
        (
            5, 1,
            [
                Chunk(0, 0, 5, 0, 40, "a", "b"), Chunk(1, 5, 1, 0, 40, "a", "b", lead=3),
                Chunk(2, 6, 4, 40, 80, "b", "c"), Chunk(3, 10, 3, 80, 100, "c", "end"),
            ],
            (0, 1, 3),
        ),
        (
            9, 9,
            [
                Chunk(0, 0, 6, 0, 40, "a", "b"), Chunk(1, 6, 3, 40, 80, "b", "c"),
                Chunk(2, 9, 1, 40, 80, "b", "c", lead=3), Chunk(3, 10, 8, 80, 100, "c", "end"),
                Chunk(4, 18, 3, 80, 100, "c", "end", lead=8),
            ],
            (0, 2, 4),
        ),
    ],
)  # fmt: skip
def test_each_chunk_reads_from_the_mark_before_its_first_page(
    volume_pages: int | None, back: int, chunks: list[Chunk], firsts: tuple[int, ...]
) -> None:
    volume = VolumeLimit(pages=volume_pages) if volume_pages else UNCUT
    plan = split_into_chunks(surveyed(back), limits(), 4, volume=volume)
    assert list(plan.chunks) == chunks
    assert plan.volumes.firsts == firsts


def test_pages_in_front_are_read_from_the_first_mark_on() -> None:
    first, second, third, *_ = split_into_chunks(surveyed(), limits(), 4, volume=VolumeLimit(pages=1)).chunks
    assert first == Chunk(0, 0, 1, 0, 40, "a", "b")
    assert second == Chunk(1, 1, 1, 0, 40, "a", "b", lead=1)
    assert third == Chunk(2, 2, 1, 0, 40, "a", "b", lead=0)


def test_a_plan_keeps_what_drawing_needs() -> None:
    listing = Listing("inputs/a.csv", 100, "etag")
    plan = split_into_chunks(surveyed(), limits(), 4, listing)
    assert (plan.records, plan.pages, plan.page_seconds) == (10, 13, 0.5)
    assert (plan.found, plan.listing, plan.warnings) == ({"x": 1}, listing, ("It is old.",))
    assert not plan.strict
    bare = Survey(10, 10, Marks(), 100, CHEAP)
    assert (bare.front, bare.back) == (0, 0)
    assert Plan(10, 10, ()).page_seconds == 0.0
