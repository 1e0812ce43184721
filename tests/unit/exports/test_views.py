"""An export as JSON: percent done, seconds left."""

from __future__ import annotations

import msgspec
import pytest

from pipeline.adapters.redis.progress import Progress
from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id
from pipeline.exports.views import full, percent, seconds_left


def export(state: State = State.RENDERING) -> Export:
    return Export(new_id(), "photos", {}, "shop", 0.0, state, pages=200, started_at=-60.0, planned_at=0.0)


@pytest.mark.parametrize(
    ("state", "progress", "expected"),
    [
        (State.QUEUED, Progress(0, 0, 0), 0),
        (State.PLANNING, Progress(0, 0, 0), 0),
        (State.RENDERING, Progress(0, 0, 0), 0),
        (State.RENDERING, Progress(100, 0, 0), 45),
        (State.RENDERING, Progress(250, 0, 0), 90),  # a chunk that was drawn twice
        (State.ASSEMBLING, Progress(200, 0, 0), 90),
        (State.ASSEMBLING, Progress(200, 7, 10), 96),
        (State.ASSEMBLING, Progress(200, 12, 10), 99),
        (State.READY, Progress(0, 0, 0), 100),
        (State.FAILED, Progress(100, 0, 0), 0),
    ],
)
def test_percent_moves_from_planning_to_ready(state: State, progress: Progress, expected: int) -> None:
    assert percent(export(state), progress) == expected


@pytest.mark.parametrize(
    ("done", "elapsed", "expected"),
    [(0, 10, None), (100, 10, 10), (100, 11.2, 15), (50, 100, 300), (10, 100, 1920), (200, 10, 0), (300, 10, 0)],
)
def test_the_time_left_follows_from_the_rate(done: int, elapsed: float, expected: int | None) -> None:
    assert seconds_left(export(), Progress(done, 0, 0), elapsed) == expected


def test_only_drawing_is_estimated() -> None:
    for state in set(State) - {State.RENDERING}:
        assert seconds_left(export(state), Progress(100, 0, 0), 10) is None


def test_no_more_pages_than_there_are_are_shown() -> None:
    shown = full(export(), Progress(250, 0, 0), 10.0, "https://pdf.example.org", 60.0, ())
    assert (shown.progress.pages_done, shown.progress.pages) == (200, 200)
    assert shown.links.page == f"https://pdf.example.org/export/{shown.id}"


def test_times_are_written_by_rfc_3339() -> None:
    shown = msgspec.json.decode(
        msgspec.json.encode(full(export(), None, 10.0, "https://pdf.example.org", 60.0, ()))
    )
    assert (shown["created_at"], shown["finished_at"]) == ("1970-01-01T00:00:00Z", None)
    assert shown["expires_at"] == "1970-01-01T00:01:00Z"
