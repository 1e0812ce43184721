"""Chunks of a large export are sent in waves: each once, a bounded number at a time."""

from __future__ import annotations

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
