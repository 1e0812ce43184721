"""One attempt at a step: checkpoints, counts and how the export moves on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from pipeline.errors import ChunkFailed, Conflict, IllegalStep, NoExport, StoreDown
from pipeline.exports.export import State
from pipeline.exports.waves import Wave
from pipeline.tasks import step
from pipeline.tasks.lease import Stopped
from pipeline.tasks.outcomes import Again, Done, Missing, Next
from pipeline.tasks.step import Signal, Work

from .frame import ID, Frame

MIB = 2**20


def signals(
    frame: Frame, work: Work, times: list[float], report: Callable[[], None] = lambda: None
) -> list[Signal]:
    found = []
    for frame.clock.now in times:
        found.append(work.checkpoint(report))
    return found


def test_progress_is_reported_twice_a_second_and_the_bucket_asked_every_two(frame: Frame) -> None:
    work, reports, asked = frame.work(), [], []
    for now in (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 1.75, 2.0, 2.25, 2.5, 3.5, 4.0, 5.75, 6.25):
        loads = len(frame.stored.ages)
        assert signals(frame, work, [now], lambda now=now: reports.append(now)) == [Signal.GO_ON]  # type: ignore[misc]
        if len(frame.stored.ages) > loads:
            asked.append(now)
    assert reports == [0.5, 1.0, 1.5, 2.0, 2.5, 3.5, 4.0, 5.75, 6.25]
    assert asked == [2.0, 4.0, 6.25]


def test_work_on_an_export_that_is_over_is_dropped_for_good(frame: Frame) -> None:
    work = frame.work()
    frame.stored.export = frame.stored.export.to(State.CANCELLED)
    frame.stopping.set()
    assert signals(frame, work, [1.5, 2.0, 2.01]) == [Signal.ENOUGH, Signal.UNWANTED, Signal.UNWANTED]
    assert work.unwanted


@pytest.mark.parametrize("removed", [False, True])
def test_what_redis_says_is_over_is_asked_of_the_bucket(frame: Frame, removed: bool) -> None:
    """A retry may have come since; an export that was removed is over too."""
    work = frame.work()
    assert not work.is_over()
    assert frame.stored.ages == [], "the bucket is not asked for each piece"
    frame.redis.progress.note_over(ID)
    assert not work.is_over()
    frame.stored.export = frame.stored.export.to(State.CANCELLED)
    frame.stored.broken = NoExport("There is no such export.") if removed else None
    assert work.is_over()
    loads = len(frame.stored.ages)
    assert work.is_over()
    assert len(frame.stored.ages) == loads


def test_a_step_without_checkpoints_goes_on_until_the_export_is_over(frame: Frame) -> None:
    work, reports = frame.work(), []
    frame.clock.now = 2.0
    work.go_on(lambda: reports.append(2.0))
    assert reports == [2.0]
    frame.stored.export = frame.stored.export.to(State.CANCELLED)
    over = pytest.raises(IllegalStep, match=f"Export {ID} is over")
    frame.clock.now = 4.0
    with over:
        work.go_on()
    with over:
        work.wait(0.0)


def test_a_process_that_is_told_to_end_goes_on_with_no_step_and_waits_for_none(frame: Frame) -> None:
    work = frame.work()
    work.wait(0.01)
    frame.stopping.set()
    told = pytest.raises(Stopped, match="told to end")
    with told:
        work.go_on()
    with told:
        work.wait(600.0)


def test_who_waits_for_others_pauses_until_the_process_is_told_to_end(
    frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(frame.stopping, "wait", pauses.append)
    frame.work().wait(0.25)
    assert pauses == [0.25]


def test_checkpoints_are_progress_and_waiting_is_none(frame: Frame, monkeypatch: pytest.MonkeyPatch) -> None:
    work, seen = frame.work(), []
    monkeypatch.setattr(step, "progressed", lambda: seen.append("progress"))
    work.wait(0.0)
    assert seen == []
    work.go_on()
    work.checkpoint(lambda: None)
    assert seen == ["progress"] * 2


def test_a_service_that_is_down_stops_no_work(frame: Frame, caplog: pytest.LogCaptureFixture) -> None:
    work = frame.work()
    frame.stored.broken = StoreDown("The bucket does not answer.")
    assert signals(frame, work, [2.0]) == [Signal.GO_ON]
    assert f"export {ID}: The bucket does not answer." in caplog.text
    with pytest.raises(Conflict):
        signals(frame, work, [3.0], lambda: (_ for _ in ()).throw(Conflict("It was changed.")))


def test_enough_time_is_seven_tenths_of_the_limit(frame: Frame) -> None:
    assert signals(frame, frame.work(), [69.9, 70.0, 70.1]) == [Signal.GO_ON, Signal.GO_ON, Signal.ENOUGH]
    frame.clock.now = 1000.0
    work = frame.work(part=5)
    assert signals(frame, work, [1069.0]) == [Signal.GO_ON], "it is the attempt that counts"
    assert work.seconds == 69.0


def test_enough_memory_is_seven_tenths_of_the_limit(frame: Frame, monkeypatch: pytest.MonkeyPatch) -> None:
    used = [0]
    monkeypatch.setattr(step, "resident", lambda: used[0])
    work, near = frame.work(), int(0.7 * frame.bytes)
    for now, size, signal in (
        (0.0, near - 1, Signal.GO_ON),
        (0.01, near + MIB, Signal.GO_ON),  # too soon to look again
        (0.02, near + MIB, Signal.ENOUGH),
        (0.03, near + MIB, Signal.GO_ON),
        (0.05, near - 1, Signal.GO_ON),
    ):
        used[0] = size
        assert signals(frame, work, [now]) == [signal], now
    used[0] = near + MIB
    assert signals(frame, frame.work(part=5), [0.05]) == [Signal.ENOUGH], "the first look is at once"


def test_an_attempt_is_counted_while_it_lasts(frame: Frame) -> None:
    work = frame.work()
    for _ in range(5):
        with work.attempt("Chunk 4", "chunk 4") as number:
            assert (number, frame.attempts()) == (1, 1)
        assert frame.attempts() == 0


REASONS = [Conflict("It was changed."), OSError(28, "No space left on device"), RuntimeError("no thread")]


@pytest.mark.parametrize("error", REASONS)
def test_an_attempt_that_failed_with_a_reason_does_not_count(frame: Frame, error: Exception) -> None:
    with pytest.raises(type(error)), frame.work().attempt("Chunk 4", "chunk 4"):
        raise error
    assert frame.attempts() == 0


def test_what_was_killed_too_often_fails(frame: Frame) -> None:
    """An attempt whose process is killed, or that runs out of memory, stays counted."""
    work = frame.work()
    for number in (1, 2, 3):
        with pytest.raises(MemoryError), work.attempt("Chunk 4", "chunk 4") as counted:
            assert counted == number
            raise MemoryError
    killed = pytest.raises(ChunkFailed, match="Chunk 4 could not be rendered: 3 attempts were killed")
    with killed, work.attempt("Chunk 4", "chunk 4"):
        pytest.fail("it must not begin")
    with work.attempt("Chunk 5", "chunk 5") as counted:
        assert counted == 1, "each chunk has its own"


def test_a_finished_chunk_is_noted_uncounted_and_released_at_once(frame: Frame) -> None:
    work = frame.work()
    with pytest.raises(AssertionError, match="only an attempt at a chunk"):
        work.finish_chunk(0, 3)
    with work.attempt("Chunk 4", "chunk 4"):
        frame.redis.counters.count_attempt(f"{ID}:chunk 4")  # of another process, which was killed
        frame.clock.now = 2.5
        work.finish_chunk(1, 3)
        assert frame.attempts() == 1
        assert not frame.redis.leases.held([f"{ID}:4"])
    assert frame.attempts() == 1, "uncounted once"
    again, begun = frame.redis.begin_chunk(ID, 4, 60.0)
    assert again is not None
    assert begun
    whole = frame.work(part=None)
    with whole.attempt("The plan", "plan"), pytest.raises(AssertionError):
        whole.finish_chunk(0, 3)


@pytest.mark.parametrize(
    ("state", "to", "after"),
    [
        (State.QUEUED, State.PLANNING, State.PLANNING),
        (State.PLANNING, State.PLANNING, State.PLANNING),
        (State.RENDERING, State.PLANNING, State.RENDERING),
        (State.RENDERING, State.ASSEMBLING, State.ASSEMBLING),
        (State.CANCELLED, State.ASSEMBLING, State.CANCELLED),
        (State.FAILED, State.READY, State.FAILED),
    ],
)
def test_an_export_only_moves_forward(frame: Frame, state: State, to: State, after: State) -> None:
    work = frame.work()
    frame.stored.export = structs.replace(frame.stored.export, state=state)
    moved = work.advance(to, pages=9)
    assert moved is work.export is frame.stored.export
    assert (moved.state, moved.pages) == (after, 9 if state is not after else 0)


def test_outcomes_are_values_without_pages_unless_they_say_so(frame: Frame) -> None:
    export = frame.stored.export
    assert Done(export).pages == Again("chunks are missing").pages == 0
    assert Again("chunks are missing", 2) == Again("chunks are missing", pages=2)
    assert Missing(export, (1, 2)) != Missing(export, (1,)) == Missing(export, (1,))
    assert Next(export, Wave(1, 16), (17,)) == Next(export, Wave(1, 16), (17,))
