"""Which step is wanted in which state, and which messages follow from it."""

from __future__ import annotations

import pytest

from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id
from pipeline.exports.waves import Wave
from pipeline.services import Message
from pipeline.tasks.flow import STEPS, after
from pipeline.tasks.outcomes import Again, Done, Missing, Next, NotWanted, Outcome, Partly
from pipeline.tasks.sending import LARGE, chunks

ID = new_id()
EXPORT = Export(ID, "photos", {}, "shop", 0.0, state=State.RENDERING, chunks=3)
PLANNED = Export(ID, "photos", {}, "shop", 0.0, state=State.PLANNING)
BIG = Export(new_id(), "photos", {}, "shop", 0.0, chunks=36)
DONE, AGAIN = Done(EXPORT, 5), Again("volumes are left", 2)
MISSING, NOT_WANTED = Missing(EXPORT, (0, 2)), NotWanted("the export is over")
NOTHING: list[Message] = []


@pytest.mark.parametrize(
    ("step", "outcome", "messages"),
    [
        ("plan", DONE, [Message("render", ID, (0, 1, 2))]),
        (
            "plan",
            Done(BIG),
            [
                Message("render", BIG.id, tuple(range(16)), Wave(0, 16), "shop"),
                Message("render", BIG.id, tuple(range(16, 32)), Wave(1, 16), "shop"),
            ],
        ),
        ("plan", AGAIN, NOTHING),
        ("plan", MISSING, [Message("measure", ID, (0, 2))]),
        (
            "plan",
            Missing(EXPORT, tuple(range(36))),
            [
                Message("measure", ID, tuple(range(16)), Wave(0, 16), "shop"),
                Message("measure", ID, tuple(range(16, 32)), Wave(1, 16), "shop"),
            ],
        ),
        ("measure", DONE, NOTHING),  # the plan follows from the chord of all ranges
        ("plan", Partly(PLANNED, "2 ranges are not measured"), NOTHING),
        ("plan", NOT_WANTED, NOTHING),
        ("render", DONE, NOTHING),  # the assembly follows from the chord of all chunks
        ("wave", DONE, [Message("assemble", ID)]),
        ("wave", AGAIN, NOTHING),
        ("wave", Next(BIG, Wave(2, 16), (32, 35)), [Message("render", BIG.id, (32, 35), Wave(2, 16), "shop")]),
        ("wave", Done(PLANNED), [Message("plan", ID)]),
        ("wave", Next(PLANNED, Wave(2, 16), (32,)), [Message("measure", ID, (32,), Wave(2, 16), "shop")]),
        (
            "wave",
            Next(PLANNED, Wave(2, 16), (32,), paginate=True),
            [Message("measure", ID, (32,), Wave(2, 16), "shop"), Message("plan", ID)],
        ),
        ("wave", NOT_WANTED, NOTHING),
        ("render", AGAIN, NOTHING),
        ("render", MISSING, NOTHING),
        ("render", NOT_WANTED, NOTHING),
        ("assemble", DONE, [Message("deliver", ID)]),
        ("assemble", AGAIN, NOTHING),  # Celery sends the same message again
        ("assemble", MISSING, [Message("render", ID, (0, 2))]),
        ("assemble", NOT_WANTED, NOTHING),
        ("deliver", DONE, NOTHING),
        ("deliver", AGAIN, NOTHING),
        ("deliver", MISSING, NOTHING),
        ("deliver", NOT_WANTED, NOTHING),
    ],
)
def test_what_follows_from_each_outcome(step: str, outcome: Outcome, messages: list[Message]) -> None:
    assert after(step, outcome, 16) == messages


def test_the_steps_stand_in_their_order() -> None:
    assert list(STEPS) == ["plan", "measure", "render", "wave", "assemble", "deliver"]
    assert [step.name for step in STEPS.values()] == list(STEPS)


WANTED = {
    State.QUEUED: {"plan"},
    State.PLANNING: {"plan", "measure", "wave"},
    State.RENDERING: {"render", "wave", "assemble"},
    State.ASSEMBLING: {"render", "wave", "assemble"},
    State.READY: {"deliver"},
    State.FAILED: {"deliver"},
    State.CANCELLED: {"deliver"},
    State.EXPIRED: {"deliver"},
}


@pytest.mark.parametrize("state", State)
def test_each_state_wants_its_steps(state: State) -> None:
    assert {name for name, step in STEPS.items() if state in step.wanted} == WANTED[state]


@pytest.mark.parametrize(("count", "large"), [(1, False), (LARGE, False), (LARGE + 1, True)])
def test_an_export_of_many_chunks_is_large(count: int, large: bool) -> None:
    export = Export(ID, "photos", {}, "shop", 0.0, chunks=count)
    assert [message.wave is not None for message in chunks(export, range(count), 64)] == [large]
    assert [message.wave is not None for message in chunks(export, (0,), 64)] == [large], "also of one chunk"
