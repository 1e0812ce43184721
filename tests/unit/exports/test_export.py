"""The states of an export, and the legal steps between them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec.structs import replace

from pipeline.errors import IllegalStep
from pipeline.exports.export import FOLLOWING, Channel, Charge, Export, Failure, File, Recipient, Result, State
from pipeline.exports.ids import new_id


def an_export(state: State = State.QUEUED) -> Export:
    return Export(new_id(), "photos", {"title": "T"}, "shop", 1.0, state=state)


@pytest.mark.parametrize("before", list(State))
@pytest.mark.parametrize("after", list(State))
def test_only_legal_steps_are_possible(before: State, after: State) -> None:
    if after in FOLLOWING[before]:
        assert an_export(before).to(after).state is after
    else:
        with pytest.raises(IllegalStep, match=f"is {before}"):
            an_export(before).to(after)


def test_every_working_state_can_fail_and_be_cancelled() -> None:
    for state in State:
        assert state.over is not ({State.FAILED, State.CANCELLED} <= set(FOLLOWING[state]))


def test_an_export_moves_forward_one_state_at_a_time() -> None:
    way = ["queued", "planning", "rendering", "assembling", "ready", "expired"]
    legal = {*pairwise(way), ("failed", "expired"), ("cancelled", "expired")}
    legal |= {("failed", "queued"), ("failed", "rendering")}
    legal |= {(state, end) for state in way[:4] for end in ("failed", "cancelled")}
    assert {(str(state), str(after)) for state, steps in FOLLOWING.items() for after in steps} == legal


def test_a_step_changes_what_it_is_given_and_nothing_else() -> None:
    before = an_export(State.PLANNING)
    after = before.to(State.RENDERING, pages=7, chunks=2)
    assert (after.state, after.pages, after.chunks, after.id) == (State.RENDERING, 7, 2, before.id)
    assert (before.state, before.pages) == (State.PLANNING, 0)


def test_nothing_is_counted_yet_in_a_new_export() -> None:
    new = an_export()
    assert new.state is State.QUEUED
    assert (new.records, new.pages, new.chunks, new.query_starts, new.notices) == (0, 0, 0, 0, ())
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


def test_charges_are_added() -> None:
    assert Charge(20.0, 0.25) + Charge(3.0, 0.5) == Charge(23.0, 0.75)


def test_the_time_that_an_export_lay_failed_does_not_count() -> None:
    """It failed at 50 and is retried at 150, so what began at 10 seems to have begun at 110."""
    failed = replace(
        an_export(State.FAILED), started_at=10.0, planned_at=20.0, rendered_at=40.0, finished_at=50.0, chunks=3,
        failure=Failure("OverLimit", "It is too large."), charge=Charge(9.0, 0.1),
    )  # fmt: skip
    retried = failed.retried(150.0)
    assert retried == replace(
        failed, state=State.RENDERING, started_at=110.0, planned_at=120.0, rendered_at=None, finished_at=None,
        failure=None, charge=None, charged_before=Charge(9.0, 0.1), retried_at=150.0,
    )  # fmt: skip
    assert (failed.begun_at, retried.begun_at) == (1.0, 150.0)


def test_what_was_paid_is_kept_when_it_is_retried_again_before_it_is_charged() -> None:
    failed = replace(an_export(State.FAILED), finished_at=50.0, charge=Charge(9.0, 0.1))
    again = failed.retried(150.0).to(State.FAILED, finished_at=160.0)
    assert again.retried(170.0).charged_before == Charge(9.0, 0.1)


@pytest.mark.parametrize(("chunks", "waits"), [(3, True), (0, False)])
def test_an_export_that_waits_or_has_no_plan_is_queued_again(chunks: int, waits: bool) -> None:
    retried = replace(an_export(State.FAILED), finished_at=50.0, chunks=chunks).retried(150.0, waits=waits)
    assert (retried.state, retried.chunks, retried.started_at) == (State.QUEUED, 0, None)


def test_notices_are_numbered_from_one_in_the_order_of_their_events() -> None:
    recipients = (Recipient("a@example.org"), Recipient("b@example.org"))
    asked = replace(an_export(State.PLANNING), recipients=recipients, webhook="https://example.org/hook")
    failed = asked.to(State.FAILED, finished_at=50.0)
    assert [(each.number, each.channel, each.to.to) for each in failed.notices] == [
        (1, Channel.MAIL, "a@example.org"), (2, Channel.MAIL, "b@example.org"),
        (3, Channel.WEBHOOK, "https://example.org/hook"),
    ]  # fmt: skip
    again = failed.retried(60.0).to(State.CANCELLED, finished_at=70.0)
    assert [(each.number, each.event) for each in again.notices[3:]] == [(4, State.CANCELLED)]


def test_only_mails_that_were_not_sent_are_given_up_when_the_state_changes() -> None:
    asked = replace(
        an_export(State.PLANNING), recipients=(Recipient("a@example.org"),), webhook="https://x.example/"
    )
    mail, webhook = asked.to(State.FAILED, finished_at=50.0).retried(60.0).notices
    assert (mail.given_up, mail.problem) == (True, "It was not sent before the export was queued.")
    assert not webhook.given_up
