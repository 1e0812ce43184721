"""Cancelling an export, in every state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.errors import ExportFailed, IllegalStep
from pipeline.exports.export import State
from pipeline.exports.volumes import VolumeLimit
from pipeline.pdf.assembly import Assembly
from pipeline.tasks import flow, step
from pipeline.tasks.join import Written
from pipeline.tasks.join.bucket import BucketOutput
from pipeline.tasks.outcomes import NotWanted

from ... import steps
from .stage import Stage


@pytest.mark.parametrize("state", [State.QUEUED, State.PLANNING, State.RENDERING, State.ASSEMBLING])
def test_after_a_cancellation_every_step_does_nothing(stage: Stage, state: State) -> None:
    export_id = stage.submit()
    if state is State.PLANNING:
        stage.s.exports.change(export_id, lambda e: e.to(State.PLANNING))
    elif state is not State.QUEUED:
        steps.plan(stage.s, export_id)
        for chunk in (0, 1, 2) if state is State.ASSEMBLING else (0,):
            steps.render(stage.s, export_id, chunk)
    if state is State.ASSEMBLING:
        stage.s.exports.change(export_id, lambda e: e.to(State.ASSEMBLING))
    assert flow.cancel(stage.s, export_id).state is State.CANCELLED
    with pytest.raises(IllegalStep, match="is cancelled"):
        flow.cancel(stage.s, export_id)
    before = stage.objects(export_id)
    steps.plan(stage.s, export_id)
    for chunk in (0, 1, 2):
        steps.render(stage.s, export_id, chunk)
    steps.assemble(stage.s, export_id)
    flow.fail(stage.s, export_id, ExportFailed("too late"))
    assert stage.objects(export_id) == before
    assert stage.queue.sent.count(("deliver", export_id)) == 1
    steps.deliver(stage.s, export_id)
    assert stage.load(export_id).state is State.CANCELLED
    assert stage.objects(export_id, "segments/") == {}
    assert stage.s.exports.active() == []
    assert stage.subjects(export_id) == []


def test_a_ready_export_cannot_be_cancelled(stage: Stage) -> None:
    export_id = stage.submit()
    stage.work()
    with pytest.raises(IllegalStep, match="is ready; it cannot become cancelled"):
        flow.cancel(stage.s, export_id)


def test_an_assembly_that_is_cancelled_renders_nothing_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id = stage.rendered()
    tail = Assembly.tail

    def cancelled(assembly: Assembly) -> Iterator[bytes]:
        flow.cancel(stage.s, export_id)
        steps.deliver(stage.s, export_id)
        return tail(assembly)

    monkeypatch.setattr(Assembly, "tail", cancelled)
    steps.assemble(stage.s, export_id)
    assert stage.queue.sent == [("deliver", export_id)]
    assert stage.objects(export_id, "segments/") == {}
    assert stage.objects(export_id, "result/") == {}
    assert stage.store.uploads("") == []


@pytest.mark.parametrize("volume", [1, 2])
def test_files_written_after_a_cancellation_are_removed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, volume: int
) -> None:
    """The export is over and cleaned up before its assembler asks the bucket whether it is still wanted."""
    monkeypatch.setattr(step, "ASK_SECONDS", 60.0)
    export_id = stage.rendered(volume=VolumeLimit(pages=2))
    write, begun = BucketOutput.write, []

    def cancelled_first(output: BucketOutput, *args: Any) -> Written:
        begun.append(output)
        if len(begun) == volume:
            flow.cancel(stage.s, export_id)
            stage.work()
        return write(output, *args)

    monkeypatch.setattr(BucketOutput, "write", cancelled_first)
    steps.assemble(stage.s, export_id)
    assert stage.objects(export_id, "result/"), "the join was not stopped in time"
    assert stage.queue.sent == [("deliver", export_id)], "once more, for these files"
    stage.work()
    assert_nothing_left(stage, export_id)
    assert stage.subjects(export_id) == []


def test_a_cancelled_assembly_stops_at_its_next_checkpoint(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(step, "ASK_SECONDS", 0.0)
    export_id = stage.rendered()
    tail, pieces = Assembly.tail, []

    def cancelled(assembly: Assembly) -> Iterator[bytes]:
        flow.cancel(stage.s, export_id)
        for piece in tail(assembly):
            pieces.append(piece)
            yield piece

    monkeypatch.setattr(Assembly, "tail", cancelled)
    assert isinstance(steps.assemble(stage.s, export_id), NotWanted)
    assert len(pieces) == 1
    assert stage.objects(export_id, "result/") == {}
    assert stage.store.uploads("") == []
    steps.deliver(stage.s, export_id)
    assert_nothing_left(stage, export_id)


def assert_nothing_left(stage: Stage, export_id: str) -> None:
    assert stage.load(export_id).state is State.CANCELLED
    assert stage.objects(export_id, "segments/") == stage.objects(export_id, "result/") == {}
    assert stage.store.uploads("") == []
    assert stage.s.exports.active() == []
