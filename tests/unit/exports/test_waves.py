"""Chunks of a large export are sent in waves: each once, a bounded number at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exports.waves import Wave, first_waves, next_wave, width_for


@given(st.integers(1, 300), st.integers(1, 20), st.data())
def test_each_chunk_is_sent_once_and_two_waves_at_a_time(chunks: int, width: int, data: st.DataObject) -> None:
    missing = set(range(chunks))
    under_way = dict(first_waves(range(chunks), width))
    sent = [chunk for wave in under_way.values() for chunk in wave]
    while under_way:
        assert len(under_way) <= 2
        assert all(len(wave) <= width for wave in under_way.values())
        done = data.draw(st.sampled_from(sorted(under_way)))
        missing -= set(under_way.pop(done))
        if found := next_wave(sorted(missing), done):
            under_way[found[0]] = found[1]
            sent += found[1]
    assert sorted(sent) == list(range(chunks))


@given(st.sets(st.integers(0, 300)), st.integers(1, 20))
def test_what_is_left_after_a_loss_is_sent_whole(missing: set[int], width: int) -> None:
    """Redis was wiped, and some chunks are drawn: the keeper sends the first waves again."""
    sent: list[int] = []
    for wave, chunks in first_waves(sorted(missing), width):
        following: tuple[Wave, tuple[int, ...]] | None = (wave, chunks)
        while following:
            sent += following[1]
            following = next_wave(sorted(missing), following[0])
    assert sorted(sent) == sorted(missing)


def test_while_one_wave_ends_every_process_finds_a_chunk_in_the_other() -> None:
    for processes in range(1, 200):
        assert width_for(processes) - (processes - 1) > processes


@pytest.mark.parametrize(("processes", "width"), [(0, 16), (1, 16), (8, 16), (9, 18), (100, 200)])
def test_a_wave_has_two_chunks_for_each_process_and_16_at_least(processes: int, width: int) -> None:
    assert width_for(processes) == width


@pytest.mark.parametrize(
    ("wave", "chunks"),
    [
        (Wave(0, 3), range(3)),
        (Wave(2, 3), range(6, 9)),
        (Wave(3, 3), range(9, 10)),
        (Wave(4, 3), range(10, 10)),
        (Wave(9, 3), range(10, 10)),
    ],
)
def test_the_last_wave_may_be_shorter(wave: Wave, chunks: range) -> None:
    assert wave.chunks(10) == chunks


@pytest.mark.parametrize(
    ("missing", "first"),
    [
        ([], []),
        ([0, 1], [(Wave(0, 3), (0, 1))]),
        ([4], [(Wave(1, 3), (4,))]),
        (list(range(10)), [(Wave(0, 3), (0, 1, 2)), (Wave(1, 3), (3, 4, 5))]),
        ([2, 7, 8, 9, 12], [(Wave(0, 3), (2,)), (Wave(3, 3), (9,))]),
        ([6, 15], [(Wave(2, 3), (6,)), (Wave(5, 3), (15,))]),
    ],
)
def test_the_first_waves_are_an_even_and_an_odd_one(
    missing: list[int], first: list[tuple[Wave, tuple[int, ...]]]
) -> None:
    assert first_waves(missing, 3) == first


@pytest.mark.parametrize(
    ("missing", "done", "following"),
    [
        ([6, 7, 8, 9], Wave(0, 3), (Wave(2, 3), (6, 7, 8))),
        (
            [0, 3, 4, 11],
            Wave(1, 3),
            (Wave(3, 3), (11,)),
        ),  # what is left of this wave and of earlier ones is not sent
        ([3, 4, 9], Wave(0, 3), None),  # the other wave follows the odd ones
        ([], Wave(0, 3), None),
    ],
)
def test_the_next_wave_but_one_follows(
    missing: list[int], done: Wave, following: tuple[Wave, tuple[int, ...]] | None
) -> None:
    assert next_wave(missing, done) == following
