"""The states of an export, and the legal steps between them."""

from __future__ import annotations

import pytest

from pipeline.errors import IllegalStep
from pipeline.exports.export import STEPS, Export, State
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
