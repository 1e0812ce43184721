"""A step is performed once, if it is wanted, under its lease."""

from __future__ import annotations

import pytest
from msgspec import structs

from pipeline.adapters.redis.leases import Leases
from pipeline.errors import Conflict, ExportFailed, NoExport, PipelineError, ReadFailed, StoreDown
from pipeline.exports.export import State
from pipeline.exports.waves import Wave
from pipeline.tasks.outcomes import Again, Done, NotWanted, Outcome
from pipeline.tasks.step import Step, Work, perform

from .frame import ID, Frame


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
    assert frame.stored.ages == [2.0 if part == 7 else 0.0]


@pytest.mark.parametrize("number", [0, 7, 8])
def test_a_range_has_its_own_lease_and_need_be_no_chunk(frame: Frame, number: int) -> None:
    """Ranges are measured before there are chunks."""

    def body(work: Work) -> Outcome:
        assert frame.redis.leases.held([f"{ID}:measure {number}"])
        assert not frame.redis.leases.held([f"{ID}:{number}"])
        assert not work.begun
        return Done(work.export)

    assert frame.perform(body, number, "measure") == Done(frame.stored.export)


def test_a_range_below_the_first_is_ignored(frame: Frame) -> None:
    ignored = NotWanted("there is no such part of it")
    assert frame.perform(lambda _: pytest.fail("it must not begin"), -1, "measure") == ignored


def test_a_finished_chunk_takes_no_second_command_to_release_its_lease(
    frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def body(work: Work) -> Outcome:
        with work.attempt("Chunk 4", "chunk 4"):
            work.finish_chunk(0, 3)
        return Done(work.export, 3)

    monkeypatch.setattr(Leases, "release", lambda *_: pytest.fail("it was released"))
    assert frame.perform(body) == Done(frame.stored.export, 3)


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


def test_a_chunk_is_drawn_though_a_copy_of_its_export_is_too_old_to_show_it(frame: Frame) -> None:
    """It was planned meanwhile."""
    frame.stored.stale = structs.replace(frame.stored.export, state=State.PLANNING)
    assert frame.perform(lambda work: Done(work.export)) == Done(frame.stored.export)
    assert frame.stored.ages == [2.0, 0.0]


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


def test_a_step_of_a_process_that_is_told_to_end_comes_again(frame: Frame) -> None:
    def body(work: Work) -> Outcome:
        frame.stopping.set()
        work.go_on()
        raise AssertionError("it must not go on")

    assert frame.perform(body) == Again("The process is told to end.")


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


@pytest.mark.parametrize("error", [Conflict("The upload is gone."), NoExport("There is no such export.")])
def test_an_error_after_an_export_was_removed_is_none(frame: Frame, error: PipelineError) -> None:
    """It failed and was removed while this process was frozen."""

    def body(_: Work) -> Outcome:
        frame.stored.broken = NoExport("There is no such export.")
        raise error

    assert frame.perform(body) == NotWanted("the export was removed meanwhile")


@pytest.mark.parametrize(
    ("error", "again"), [(ExportFailed("It has no pages."), False), (Conflict("The upload is gone."), True)]
)
def test_a_process_that_lost_its_lease_ends_no_export(frame: Frame, error: PipelineError, again: bool) -> None:
    """It was frozen until the export had failed and was retried: what it saw is of the try before."""

    def body(work: Work) -> Outcome:
        frame.redis.client.delete(f"pipeline:lease:{ID}:4")
        raise error

    if again:
        with pytest.raises(Conflict):
            frame.perform(body)
    else:
        assert frame.perform(body) == NotWanted("its lease was lost, and then: It has no pages.")


def test_the_first_error_counts_when_the_bucket_is_down_too(frame: Frame) -> None:
    def body(work: Work) -> Outcome:
        frame.stored.broken = StoreDown("The bucket does not answer.")
        raise Conflict("The upload is gone.")

    with pytest.raises(Conflict, match="The upload is gone"):
        frame.perform(body)
