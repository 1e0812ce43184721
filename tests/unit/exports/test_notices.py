"""What is known of a notice after each answer, and after none."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipeline.errors import MailDown, MailRefused, MailUnanswered, NoticeDown, WebhookDown, WebhookGone
from pipeline.exports import notices
from pipeline.exports.export import Channel, Export, Failure, Notice, Recipient, State
from pipeline.exports.ids import new_id

NOW, LEASE = 1_000_000.0, 60.0
WHO = (Recipient("a@example.org"), Recipient("b@example.org", "signed"))
FAILURE = Failure("ChunkFailed", "Page 3 failed.")
AT_WORK = Export(
    new_id(), "photos", {}, "shop", NOW - 60, State.ASSEMBLING, recipients=WHO, webhook="https://hooks.example.org/"
)
READY = AT_WORK.to(State.READY, finished_at=NOW)
FAILED = AT_WORK.to(State.FAILED, finished_at=NOW, failure=FAILURE)
CLAIMED = notices.handing_over(1, NOW, LEASE)(READY)


def told(export: Export) -> list[tuple[int, Channel, State, str]]:
    return [(each.number, each.channel, each.event, notices.standing(each)) for each in export.notices]


def test_each_event_makes_its_notices() -> None:
    ready = [(1, "mail", "ready", "waiting"), (2, "mail", "ready", "waiting"), (3, "webhook", "ready", "waiting")]
    assert told(READY) == ready
    assert told(AT_WORK.to(State.CANCELLED, finished_at=NOW)) == [(1, "webhook", "cancelled", "waiting")]
    expired = READY.to(State.EXPIRED, expired_at=NOW + 9)
    assert [each[3] for each in told(expired)] == ["given up", "given up", "waiting", "waiting"]
    assert (expired.notices[3].event, expired.notices[3].happened_at) == (State.EXPIRED, NOW + 9)
    assert told(replace(AT_WORK, recipients=(), webhook="").to(State.READY)) == []


def test_an_older_version_stored_one_address() -> None:
    older = replace(AT_WORK, recipients=(), webhook="", notify="c@example.org")
    assert [each.to for each in older.to(State.READY).notices] == [Recipient("c@example.org")]


def test_webhooks_are_due_one_by_one_and_keep_their_failure_over_a_retry() -> None:
    export = FAILED.retried(NOW + 5)
    assert export.failure is None
    (first,) = notices.due(export, Channel.WEBHOOK)
    assert (first.number, first.failure) == (3, FAILURE)
    assert notices.due(export, Channel.MAIL) == []
    again = replace(export, state=State.ASSEMBLING).to(State.READY, finished_at=NOW + 9)
    assert [each.number for each in notices.due(again, Channel.WEBHOOK)] == [3]
    assert [each.number for each in notices.due(again, Channel.MAIL)] == [4, 5]
    taken = notices.sent(3, NOW + 10)(again)
    assert [each.number for each in notices.due(taken, Channel.WEBHOOK)] == [6]
    replayed = notices.replayed(NOW + 20)(taken)
    assert [each.number for each in notices.due(replayed, Channel.WEBHOOK)] == [3]
    assert notices.due(replayed, Channel.MAIL) == notices.due(taken, Channel.MAIL)


def test_how_mails_stand_together() -> None:
    assert notices.state(AT_WORK, Channel.MAIL) is None
    assert notices.state(notices.waiting(2, "It is down.")(READY), Channel.MAIL) == ("waiting", "It is down.")
    one = notices.given_up(1, "Never.")(READY)
    assert notices.state(one, Channel.MAIL) == ("waiting", "")
    assert notices.state(notices.sent(2, NOW)(one), Channel.MAIL) == ("given up", "Never.")
    both = notices.sent(2, NOW)(notices.sent(1, NOW)(READY))
    assert notices.state(both, Channel.MAIL) == ("sent", "")
    after = FAILED.retried(NOW + 5)
    later = replace(after, state=State.ASSEMBLING).to(State.READY, finished_at=NOW + 9)
    sent = notices.sent(5, NOW)(notices.sent(4, NOW)(later))
    assert notices.state(sent, Channel.MAIL) == ("sent", ""), "what was given up before does not count"


@pytest.mark.parametrize(
    ("error", "handed_over", "state"),
    [
        (MailDown("Later."), 0, "waiting"),
        (MailRefused("Never."), 0, "given up"),
        (MailUnanswered("Cut."), 1, "waiting"),
        (WebhookDown("It answered 500."), 0, "waiting"),
        (WebhookGone("It answered 410."), 0, "given up"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, NoticeDown) else str(value),
)
def test_what_a_sender_notes_after_an_error(error: NoticeDown, handed_over: int, state: str) -> None:
    note = notices.not_taken(1, error, NOW)
    after = note(CLAIMED)
    mail = after.notices[0]
    assert (mail.handed_over, mail.claimed_at) == (handed_over, None)
    assert (notices.standing(mail), mail.problem) == (state, error.message)
    assert after.notices[1:] == READY.notices[1:]
    assert note(after) == after, "the first write counts, also when its answer was lost"


def test_a_claim_holds_for_a_lease() -> None:
    def claimed_at(now: float) -> float | None:
        return notices.handing_over(1, now, LEASE)(CLAIMED).notices[0].claimed_at

    assert CLAIMED.notices[0].handed_over == 1
    assert claimed_at(NOW + LEASE - 1) == NOW
    assert claimed_at(NOW + LEASE) == NOW + LEASE
    assert claimed_at(NOW - 1) == NOW, "another sender began a moment later, but claimed it first"
    assert claimed_at(NOW - LEASE) == NOW - LEASE, "a clock was moved"


def test_a_notice_that_was_sent_or_given_up_is_not_claimed() -> None:
    for over in (notices.sent(1, NOW)(CLAIMED), notices.given_up(1, "Twice.")(READY)):
        assert notices.handing_over(1, NOW + LEASE, LEASE)(over) == over
        assert notices.waiting(1, "Why not?")(over) == over


@pytest.mark.parametrize(("channel", "hours"), [(Channel.MAIL, 72), (Channel.WEBHOOK, 24)])
def test_when_a_notice_is_given_up(channel: Channel, hours: int) -> None:
    notice = Notice(1, channel, Recipient("there"), State.READY, NOW, NOW, problem="It is down.")
    late = NOW + hours * 3600 + 1
    assert notices.hopeless(notice, late - 2) == ""
    assert notices.hopeless(notice, late) == f"It could not be sent for {hours} hours. It is down."
    twice = replace(notice, handed_over=2)
    assert ("twice" in notices.hopeless(twice, NOW)) is (channel is Channel.MAIL)
    assert notices.hopeless(replace(notice, handed_over=1), NOW) == ""
