from __future__ import annotations

import dataclasses

import pytest

from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id
from pipeline.tasks.repair import NOTICE_PATIENCE, Repair, View, repair

NOW = 1_000_000.0
EXPORT = Export(new_id(), "photos", {}, "somebody", NOW - 60)
WORKING = View(EXPORT, [], [], busy=False, sent=True, queue_empty=True, now=NOW)


def view(state: State, **changes: object) -> View:
    export = dataclasses.replace(EXPORT, state=state, finished_at=NOW - 10 if state.over else None)
    return dataclasses.replace(WORKING, export=export, **changes)  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (view(State.QUEUED), Repair.PLAN),  # the message is gone
        (view(State.QUEUED, queue_empty=False), Repair.NOTHING),  # it may be in the queue
        (view(State.QUEUED, queue_empty=False, sent=False), Repair.PLAN),  # but not for so long
        (view(State.PLANNING, busy=True), Repair.NOTHING),
        (view(State.PLANNING), Repair.PLAN),  # the planner died
        (view(State.RENDERING, missing=[1, 2], unleased=[2]), Repair.RENDER),
        (view(State.RENDERING, missing=[1, 2], unleased=[]), Repair.NOTHING),  # both are being drawn
        (view(State.RENDERING, missing=[1], unleased=[1], queue_empty=False), Repair.NOTHING),
        (view(State.RENDERING), Repair.ASSEMBLE),  # the chord's callback is lost
        (view(State.ASSEMBLING, busy=True), Repair.NOTHING),
        (view(State.ASSEMBLING), Repair.ASSEMBLE),
        (view(State.ASSEMBLING, missing=[3], unleased=[3]), Repair.RENDER),  # a damaged segment was dropped
        (view(State.READY), Repair.NOTHING),  # the mail is on its way
        (view(State.READY, sent=False), Repair.DELIVER),
        (view(State.FAILED, sent=False), Repair.DELIVER),
        (view(State.READY, sent=False, now=NOW + NOTICE_PATIENCE), Repair.CLOSE),
        (view(State.RENDERING, now=NOW + 90_000), Repair.GIVE_UP),
        (view(State.QUEUED, busy=True, now=NOW + 90_000), Repair.GIVE_UP),
    ],
)
def test_what_an_export_needs(seen: View, expected: Repair) -> None:
    assert repair(seen, deadline=86_400) is expected
