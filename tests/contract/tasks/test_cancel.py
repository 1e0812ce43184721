"""Cancelling an export, in every state."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.errors import (
    ExportFailed,
    IllegalStep,
)
from pipeline.exports.export import State
from pipeline.pdf.assembly import Assembly
from pipeline.tasks import flow

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
