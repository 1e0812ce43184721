"""What is known of a mail after each answer, and after none."""

from __future__ import annotations

import dataclasses

import pytest

from pipeline.errors import MailDown, MailRefused, MailUnanswered
from pipeline.exports import notices
from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id

NOW, LEASE = 1_000_000.0, 60.0
READY = Export(new_id(), "photos", {}, "shop", NOW - 60, State.READY, notify="a@example.org", finished_at=NOW)
CLAIMED = notices.handing_over(NOW, LEASE)(READY)


def changed(**changes: object) -> Export:
    return dataclasses.replace(READY, **changes)  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(
    ("export", "state"),
    [
        (READY, "waiting"),
        (changed(state=State.FAILED), "waiting"),
        (changed(state=State.CANCELLED), None),
        (changed(state=State.RENDERING), None),
        (changed(state=State.EXPIRED), None),
        (changed(notify=None), None),
        (changed(notified_at=NOW), "sent"),
        (changed(notified_at=NOW, state=State.EXPIRED), "sent"),
        (changed(notice_given_up=True), "given up"),
    ],
)
def test_where_a_mail_stands(export: Export, state: str | None) -> None:
    assert notices.state(export) == state
    assert notices.is_due(export) is (state == "waiting")


@pytest.mark.parametrize(
    ("error", "handed_over", "state"),
    [
        (MailDown("Later."), 0, "waiting"),
        (MailRefused("Never."), 0, "given up"),
        (MailUnanswered("Cut."), 1, "waiting"),
    ],
)
def test_what_a_sender_notes_after_an_error(error: MailDown, handed_over: int, state: str) -> None:
    note = notices.not_taken(error, NOW)
    after = note(CLAIMED)
    assert (after.notice_handed_over, after.notice_claimed_at) == (handed_over, None)
    assert (notices.state(after), after.notice_problem) == (state, error.message)
    assert note(after) == after, "the first write counts, also when its answer was lost"


def test_a_claim_holds_for_a_lease() -> None:
    assert CLAIMED.notice_handed_over == 1
    assert notices.handing_over(NOW + LEASE - 1, LEASE)(CLAIMED) == CLAIMED
    assert notices.handing_over(NOW + LEASE, LEASE)(CLAIMED).notice_claimed_at == NOW + LEASE
    assert notices.handing_over(NOW - 1, LEASE)(CLAIMED).notice_claimed_at == NOW - 1, "a clock was moved"


def test_a_mail_that_was_sent_or_given_up_is_not_claimed() -> None:
    for over in (notices.sent(NOW)(CLAIMED), notices.given_up("Twice.")(READY)):
        assert notices.handing_over(NOW + LEASE, LEASE)(over) == over
        assert notices.waiting("Why not?")(over) == over


def test_when_a_mail_is_given_up() -> None:
    late = NOW + notices.NOTICE_DAYS * 86400 + 1
    assert notices.hopeless(changed(notice_handed_over=1), NOW) == ""
    assert "twice" in notices.hopeless(changed(notice_handed_over=2), NOW)
    assert notices.hopeless(READY, late - 2) == ""
    assert notices.hopeless(changed(notice_problem="It is down."), late).endswith("3 days. It is down.")
