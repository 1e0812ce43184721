"""The states of an export, and the legal steps between them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pipeline.errors import IllegalStep
from pipeline.exports.export import STEPS, Charge, Export, Failure, File, Result, State
from pipeline.exports.ids import new_id


def an_export(state: State = State.QUEUED) -> Export:
    return Export(new_id(), "photos", {"title": "T"}, "shop", 1.0, state=state)


@pytest.mark.parametrize("before", list(State))
@pytest.mark.parametrize("after", list(State))
def test_only_legal_steps_are_possible(before: State, after: State) -> None:
    if after in STEPS[before]:
        assert an_export(before).to(after).state is after
    else:
        with pytest.raises(IllegalStep, match=f"is {before}"):
            an_export(before).to(after)


def test_every_working_state_can_fail_and_be_cancelled() -> None:
    for state in State:
        assert state.over is not ({State.FAILED, State.CANCELLED} <= set(STEPS[state]))


def test_an_export_moves_forward_one_state_at_a_time() -> None:
    way = ["queued", "planning", "rendering", "assembling", "ready", "expired"]
    legal = {*pairwise(way), ("failed", "expired"), ("cancelled", "expired")}
    legal |= {("failed", "queued"), ("failed", "rendering")}
    legal |= {(state, end) for state in way[:4] for end in ("failed", "cancelled")}
    assert {(str(state), str(after)) for state, steps in STEPS.items() for after in steps} == legal


def test_a_step_changes_what_it_is_given_and_nothing_else() -> None:
    before = an_export(State.PLANNING)
    after = before.to(State.RENDERING, pages=7, chunks=2)
    assert (after.state, after.pages, after.chunks, after.id) == (State.RENDERING, 7, 2, before.id)
    assert (before.state, before.pages) == (State.PLANNING, 0)


def test_nothing_is_counted_yet_in_a_new_export() -> None:
    new = an_export()
    assert new.state is State.QUEUED
    assert (new.records, new.pages, new.chunks, new.notices) == (0, 0, 0, ())
    assert Charge() == Charge(dyno_seconds=0.0, dollars=0.0)


def test_a_result_lists_all_its_files() -> None:
    one = Result("key", "a.pdf", 123, 4, records=4, drawn=4)
    assert one.files == (File("key", "a.pdf", 123, first_page=1, pages=4),)
    assert (one.skipped_count, one.seconds) == (0, 0.0)
    volumes = (File("v1", "a 1.pdf", 60, 1, 2), File("v2", "a 2.pdf", 63, 3, 2))
    index = File("i", "a index.pdf", 9, 1, 1)
    many = Result("i", "a index.pdf", 132, 4, records=4, drawn=4, volumes=volumes, index=index)
    assert many.files == (index, *volumes)


def test_work_is_left_until_an_export_ended() -> None:
    assert {str(state): state.over for state in State} == {
        "queued": False, "planning": False, "rendering": False, "assembling": False,
        "ready": True, "failed": True, "cancelled": True, "expired": True,
    }  # fmt: skip
    assert Failure("OverLimit", "It is too large.") == Failure("OverLimit", "It is too large.", advice="")
