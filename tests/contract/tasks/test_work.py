"""The frame of a step on a real Redis, with a clock that is set by hand and one export in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec import structs

from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis.leases import Leases
from pipeline.errors import ChunkFailed, Conflict, NoExport, ReadFailed, StoreDown
from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id
from pipeline.exports.waves import Wave
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.tasks import step
from pipeline.tasks.lease import HeldLease
from pipeline.tasks.outcomes import Again, Done, Missing, Next, NotWanted, Outcome
from pipeline.tasks.step import Signal, Step, Work, perform

ID = new_id()
MIB = 2**20


class Stored:
    """One export; `broken` is what the bucket answers instead."""

    def __init__(self, state: State = State.RENDERING) -> None:
        self.export = Export(ID, "photos", {}, "shop", 0.0, state=state, chunks=8)
        self.broken: Exception | None = None
        self.ages: list[float] = []

    def load(self, export_id: str, max_age: float = 0.0) -> Export:
        assert export_id == ID
        self.ages.append(max_age)
        if self.broken:
            raise self.broken
        return self.export

    def change(self, export_id: str, change: Callable[[Export], Export]) -> Export:
        assert export_id == ID
        self.export = change(self.export)
        return self.export


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now

    time = monotonic


class Frame:
    """A step's surroundings: a chunk of 1,000 MiB and 100 s at most, of three attempts."""

    def __init__(self, shared: Coordination, clock: Clock) -> None:
        self.redis, self.clock, self.stored, self.stopping = shared, clock, Stored(), threading.Event()
        settings = replace(Settings.from_env({"MAX_ATTEMPTS": "3", "LEASE_SECONDS": "60"}), soft_time_limit=100.0)
        self.bytes = settings.memory_per_process
        services = SimpleNamespace(redis=shared, exports=self.stored, settings=settings)
        self.services = cast(Services, services)

    def work(self, part: int | None = 4) -> Work:
        lease = self.redis.leases.take(f"{ID}:{part}", 60.0)
        assert lease is not None
        held = HeldLease(self.redis.leases, lease, 60.0, self.stopping, 5.0)
        return Work(self.services, self.stored.export, part, False, held, self.stopping)

    def perform(self, body: Callable[[Work], Outcome], part: int | Wave | None = 4) -> Outcome:
        wanted = frozenset({State.RENDERING})
        return perform(Step("draw", wanted, body, type(part)), self.services, ID, part, self.stopping)

    def attempts(self, name: str = "chunk 4") -> int:
        return int(cast(Any, self.redis.client.get(f"pipeline:attempt:{ID}:{name}")) or 0)


@pytest.fixture
def frame(shared: Coordination, monkeypatch: pytest.MonkeyPatch) -> Frame:
    clock = Clock()
    monkeypatch.setattr(step, "time", clock)
    monkeypatch.setattr(step, "resident", lambda: 0)
    return Frame(shared, clock)


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


@pytest.mark.parametrize("error", [Conflict("It was changed."), OSError(28, "No space left on device")])
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


def test_a_finished_chunk_takes_no_second_command_to_release_its_lease(
    frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def body(work: Work) -> Outcome:
        with work.attempt("Chunk 4", "chunk 4"):
            work.finish_chunk(0, 3)
        return Done(work.export, 3)

    monkeypatch.setattr(Leases, "release", lambda *_: pytest.fail("it was released"))
    assert frame.perform(body) == Done(frame.stored.export, 3)


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


def test_a_step_is_done_once_while_its_lease_is_held(frame: Frame) -> None:
    def body(work: Work) -> Outcome:
        assert (work.part, work.begun, work.export) == (4, False, frame.stored.export)
        assert frame.redis.leases.held([f"{ID}:4"])
        assert frame.perform(body) == NotWanted("another worker is at it")
        assert frame.redis.client.get(f"pipeline:fence:{ID}:4") is None, "two may draw a chunk"
        return Done(work.export, 3)

    assert frame.perform(body) == Done(frame.stored.export, 3)
    assert not frame.redis.leases.held([f"{ID}:4"])
    assert set(frame.stored.ages) == {2.0}, "the bucket is asked as seldom as between two pages"


@pytest.mark.parametrize(("part", "name"), [(None, "draw"), (Wave(3, 16), "wave 3"), (7, "7")])
def test_each_part_of_an_export_has_its_lease(frame: Frame, part: int | Wave | None, name: str) -> None:
    lease = f"{ID}:{name}"

    def body(work: Work) -> Outcome:
        assert frame.redis.leases.held([lease])
        assert not work.begun
        assert (frame.redis.client.get(f"pipeline:fence:{lease}") is not None) == (part is None)
        return Done(work.export)

    assert frame.perform(body, part) == Done(frame.stored.export, 0)
    assert frame.stored.ages == [0.0 if part is None else 2.0]


def test_outcomes_are_values_without_pages_unless_they_say_so(frame: Frame) -> None:
    export = frame.stored.export
    assert Done(export).pages == Again("chunks are missing").pages == 0
    assert Again("chunks are missing", 2) == Again("chunks are missing", pages=2)
    assert Missing(export, (1, 2)) != Missing(export, (1,)) == Missing(export, (1,))
    assert Next(export, Wave(1, 16), (17,)) == Next(export, Wave(1, 16), (17,))


def test_pages_that_were_drawn_before_are_known(frame: Frame) -> None:
    with (work := frame.work()).attempt("Chunk 4", "chunk 4"):
        work.finish_chunk(0, 2)

    def body(work: Work) -> Outcome:
        assert work.begun
        return Done(work.export)

    assert isinstance(frame.perform(body), Done)


def test_a_step_that_is_not_wanted_is_not_done(frame: Frame) -> None:
    frame.stored.export = structs.replace(frame.stored.export, state=State.READY)
    assert frame.perform(lambda _: pytest.fail("it must not begin")) == NotWanted("the export is ready")


@pytest.mark.parametrize("part", [-1, 8, Wave(-1, 16), Wave(0, 0), Wave(0, 1.5), Wave(True, 16)])  # type: ignore[arg-type]
def test_a_message_for_a_part_that_does_not_exist_is_ignored(frame: Frame, part: int | Wave) -> None:
    ignored = NotWanted("there is no such part of it")
    assert frame.perform(lambda _: pytest.fail("it must not begin"), part) == ignored


def test_the_first_and_the_last_part_exist(frame: Frame) -> None:
    for part in (0, 7, Wave(0, 1)):
        assert frame.perform(lambda work: Done(work.export), part) == Done(frame.stored.export)


def test_a_message_of_another_kind_of_part_or_export_is_ignored(
    frame: Frame, caplog: pytest.LogCaptureFixture
) -> None:
    step_ = Step("draw", frozenset({State.RENDERING}), lambda _: pytest.fail("it must not begin"), int)
    for export_id, part, reason in (
        (ID, None, "there is no such part of it"),
        ("../x", 1, "there is no such export"),
    ):
        assert perform(step_, frame.services, export_id, part, frame.stopping) == NotWanted(reason)
        assert f"a message is ignored: draw of {export_id!r}, part {part!r}: {reason}" in caplog.text


def test_an_export_that_the_bucket_does_not_show_is_read_again(frame: Frame) -> None:
    frame.stored.broken = NoExport("There is no such export.")
    with pytest.raises(ReadFailed, match="There is no such export"):
        frame.perform(lambda _: pytest.fail("it must not begin"))


def test_a_process_that_lost_its_lease_ends_its_step(frame: Frame) -> None:
    def body(work: Work) -> Outcome:
        work.fence()
        frame.redis.client.delete(f"pipeline:lease:{ID}:4")
        work.fence()
        raise AssertionError("it must not write")

    assert frame.perform(body) == NotWanted(f"Another process has taken over {ID}:4.")


@pytest.mark.parametrize("after", [State.CANCELLED, State.RENDERING])
def test_an_error_after_an_export_ended_is_none(frame: Frame, after: State) -> None:
    """Its segments and uploads were removed meanwhile."""

    def body(work: Work) -> Outcome:
        frame.stored.export = structs.replace(frame.stored.export, state=after)
        raise Conflict("The upload is gone.")

    if after is State.RENDERING:
        with pytest.raises(Conflict, match="The upload is gone"):
            frame.perform(body)
    else:
        assert frame.perform(body) == NotWanted("the export ended meanwhile")


def test_the_first_error_counts_when_the_bucket_is_down_too(frame: Frame) -> None:
    def body(work: Work) -> Outcome:
        frame.stored.broken = StoreDown("The bucket does not answer.")
        raise Conflict("The upload is gone.")

    with pytest.raises(Conflict, match="The upload is gone"):
        frame.perform(body)
