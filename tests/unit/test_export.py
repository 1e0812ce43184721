from __future__ import annotations

import time

import pytest

from pipeline.errors import IllegalStep
from pipeline.exports.encoding import decode_export, encode
from pipeline.exports.export import STEPS, Export, State
from pipeline.exports.ids import created, is_id, new_id


def an_export(state: State = State.QUEUED) -> Export:
    return Export(new_id(), "photos", {"title": "T"}, "somebody", 1.0, state=state)


def test_an_export_survives_being_stored() -> None:
    export = an_export()
    assert decode_export(encode(export)) == export


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


def test_ids_sort_by_time_and_do_not_repeat() -> None:
    ids = [new_id(now) for now in (1.0, 2.0, 1_700_000_000.0, 1_800_000_000.5)]
    assert ids == sorted(ids)
    assert len({new_id(1.0) for _ in range(1000)}) == 1000
    assert created(ids[-1]) == 1_800_000_000.5
    assert abs(created(new_id()) - time.time()) < 60


@pytest.mark.parametrize("text", ["", "x", "../../etc/passwd", "U" * 26, "0" * 25, "0" * 25 + "/"])
def test_what_is_no_id_never_becomes_part_of_a_key(text: str) -> None:
    assert is_id(new_id())
    assert not is_id(text)
