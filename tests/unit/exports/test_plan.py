"""A document becomes chunks: their number and size, and what they cover."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exports.plan import MAX_MARKS, Cost, Marks, Survey, pages_per_chunk, split_into_chunks
from pipeline.settings import MIB, Settings

CHEAP = Cost(seconds=0.001, bytes=1000)


def limits(**changes: str) -> Settings:
    return Settings.from_env({"WORKER_MEMORY_MB": "512", "MAX_WORKERS": "4", "MAX_CHUNKS": "500", **changes})


@pytest.mark.parametrize(
    ("pages", "cost", "changes", "chunk_pages", "expected"),
    [
        (400, CHEAP, {}, None, 50),  # two chunks for each of four workers
        (400, CHEAP, {"MAX_WORKERS": "1"}, None, 200),
        (400, Cost(1.0, 1000), {"CHUNK_SECONDS": "15"}, None, 15),  # the wished duration
        (400, Cost(0.001, 16 * MIB), {}, None, 8),  # a quarter of 512 MiB
        (400, Cost(0.001, 16 * MIB), {"WORKER_CONCURRENCY": "2"}, None, 4),  # two share the memory
        (400, Cost(0.001, 900 * MIB), {}, None, 1),  # a page larger than the memory still is a chunk
        (1_000_000, Cost(1.0, 1000), {}, None, 2000),  # bounded in number by making chunks larger
        (400, CHEAP, {}, 7, 7),  # the person's own cut
        (400_000, CHEAP, {}, 7, 800),  # … within the bound
        (1, CHEAP, {}, None, 1),
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
