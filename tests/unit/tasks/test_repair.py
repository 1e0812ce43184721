"""What the keeper does about an export that does not move, as a table."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec import structs

from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id
from pipeline.tasks.repair import ExportStatus, Repair, repair

NOW = 1_000_000.0
EXPORT = Export(new_id(), "photos", {}, "shop", NOW - 60)
WORKING = ExportStatus(EXPORT, [], [], busy=False, sent=True, queue_empty=True, now=NOW)


def status(state: State, **changes: object) -> ExportStatus:
    export = structs.replace(EXPORT, state=state, finished_at=NOW - 10 if state.over else None)
    return dataclasses.replace(WORKING, export=export, **changes)  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (status(State.QUEUED), Repair.PLAN),  # the message is gone
        (status(State.QUEUED, queue_empty=False), Repair.NOTHING),  # it may be in the queue
        (status(State.QUEUED, queue_empty=False, sent=False), Repair.PLAN),  # but not for so long
        (status(State.PLANNING, busy=True), Repair.NOTHING),
        (status(State.PLANNING), Repair.PLAN),  # the planner died
        (status(State.PLANNING, missing=[1, 2], unleased=[2]), Repair.MEASURE),
        (status(State.PLANNING, missing=[1, 2], unleased=[]), Repair.NOTHING),  # both are being measured
        (status(State.RENDERING, missing=[1, 2], unleased=[2]), Repair.RENDER),
        (status(State.RENDERING, missing=[1, 2], unleased=[]), Repair.NOTHING),  # both are being drawn
        (status(State.RENDERING, missing=[1], unleased=[1], queue_empty=False), Repair.NOTHING),
        (status(State.RENDERING), Repair.ASSEMBLE),  # the chord's callback is lost
        (status(State.ASSEMBLING, busy=True), Repair.NOTHING),
        (status(State.ASSEMBLING), Repair.ASSEMBLE),
        (status(State.ASSEMBLING, missing=[3], unleased=[3]), Repair.RENDER),  # a damaged segment was dropped
        (status(State.READY), Repair.NOTHING),  # the mail is on its way
        (status(State.READY, sent=False), Repair.DELIVER),
        (status(State.FAILED, sent=False), Repair.DELIVER),
        (status(State.RENDERING, now=NOW + 90_000), Repair.GIVE_UP),
        (status(State.QUEUED, now=NOW - 60 + 86_400), Repair.PLAN),  # the last second of its day
        (status(State.QUEUED, now=NOW - 59 + 86_400), Repair.GIVE_UP),
        (status(State.CANCELLED, sent=False, busy=True), Repair.NOTHING),  # it is being cleaned up
        (status(State.EXPIRED, sent=False, now=NOW + 90_000), Repair.DELIVER),  # over is over, however old
        (status(State.QUEUED, busy=True, now=NOW + 90_000), Repair.GIVE_UP),
    ],
)
def test_what_an_export_needs(seen: ExportStatus, expected: Repair) -> None:
    assert repair(seen, deadline=86_400) is expected
