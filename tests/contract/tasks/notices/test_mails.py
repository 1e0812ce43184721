"""The mails that wait are sent once, whatever the mail server, the bucket or the sender does."""

from __future__ import annotations

import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from msgspec import structs

from pipeline.adapters.redis import counters
from pipeline.exports import notices
from pipeline.services import Services
from pipeline.tasks.notices.mail import message
from pipeline.tasks.notices.transports import MailTransport
from pipeline.tasks.retry import RetryPolicy

from .... import steps
from ....mails import Running
from ....waiting import PATIENCE, until
from ..stage import Stage
from .mailing import LEASE, SOON, aged, ids, mails_of, problem_of, send, stands, waiting


@pytest.mark.parametrize(
    ("mood", "problem"),
    [
        ({"on_login": False}, "answered 535"),
        ({"on_sender": "553 5.7.1 Not yours"}, "MAIL_FROM (553)"),
        ({"on_recipient": "451 4.7.1 Greylisted"}, "this address (451)"),
        ({"on_recipient": "cut"}, "broke off"),
        ({"on_text": "452 4.3.1 Full"}, "answered 452"),
    ],
)
def test_a_mail_waits_until_the_server_is_well(
    stage: Stage, s: Services, moody: Running, mood: dict[str, Any], problem: str
) -> None:
    first, second = waiting(stage), waiting(stage, title="Other")
    well = {name: getattr(moody.mailbox, name) for name in mood}
    vars(moody.mailbox).update(mood)
    mails = mails_of(s, SOON)
    send(mails, 4)
    for export_id in (first, second):
        assert problem in problem_of(stage, export_id)
        assert stands(stage, export_id) == "waiting"
    vars(moody.mailbox).update(well)
    send(mails, 3)
    assert len(ids(moody)) == len(set(ids(moody))) == 2
    assert stands(stage, first) == "sent"
    assert problem_of(stage, first) == ""
    assert notices.unsent(stage.store) == []


def test_pauses_grow_and_one_mail_does_not_delay_others(stage: Stage, s: Services, moody: Running) -> None:
    first = waiting(stage)
    moody.mailbox.on_recipient = "451 4.7.1 Greylisted"
    mails = mails_of(s, RetryPolicy(first=60, longest=300))
    assert 10 < (mails.send_due(lambda: True) or 0) <= 60
    moody.mailbox.on_recipient = None
    second = waiting(stage, title="Other")
    mails.send_due(lambda: True)
    assert notices.unsent(stage.store) == [first]
    assert stands(stage, second) == "sent"


def test_a_server_that_is_down_is_tried_once_for_all_mails(
    stage: Stage, s: Services, moody: Running, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(3):
        waiting(stage, title=str(n))
    moody.mailbox.on_login = False
    mails_of(s).send_due(lambda: True)
    assert caplog.text.count("answered 535") == 1
    assert all("535" in problem_of(stage, each) for each in notices.unsent(stage.store))


def test_a_refused_address_is_not_tried_again(stage: Stage, s: Services, moody: Running) -> None:
    export_id = waiting(stage, notify="refused@example.org")
    send(mails_of(s, SOON), 3)
    assert moody.mailbox.recipients == 1
    assert stands(stage, export_id) == "given up"
    assert "(550)" in problem_of(stage, export_id)
    steps.deliver(s, export_id)
    assert notices.unsent(stage.store) == []


@pytest.mark.parametrize("answer", ["cut", "garbled"])
def test_a_mail_without_an_answer_is_sent_once_more_at_most(
    stage: Stage, s: Services, moody: Running, answer: str
) -> None:
    export_id = waiting(stage)
    moody.mailbox.on_text = answer
    send(mails_of(s, SOON), 6)
    assert len(ids(moody)) == 2
    assert len(set(ids(moody))) == 1
    assert stands(stage, export_id) == "given up"


def test_without_leases_the_claim_in_the_bucket_holds(
    stage: Stage, s: Services, moody: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis was wiped, and two senders saw at the same moment that the mail waits."""
    waiting(stage)
    both = threading.Barrier(2, timeout=PATIENCE)

    def together(*arguments: Any) -> Any:
        with redis.Redis.from_url(s.settings.redis_url) as client:
            client.flushall()
        both.wait()
        return message(*arguments)

    monkeypatch.setattr("pipeline.tasks.notices.transports.message", together)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(mails_of(s, SOON).send_due, lambda: True)
        until(lambda: both.n_waiting)
        pool.submit(mails_of(s, SOON).send_due, lambda: True).result()
        first.result()
    assert len(ids(moody)) == 1


@pytest.mark.parametrize("wiped", [False, True])
def test_two_senders_send_one_mail(stage: Stage, s: Services, moody: Running, wiped: bool) -> None:
    """Also when Redis is wiped while the mail is being sent: the claim in the bucket holds then."""
    waiting(stage)
    moody.mailbox.slow = 0.5
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(send, mails_of(s, SOON))
        until(lambda: moody.mailbox.recipients)
        if wiped:
            with redis.Redis.from_url(s.settings.redis_url) as client:
                client.flushall()
        while not first.done():
            send(mails_of(s, SOON))
    assert moody.mailbox.recipients == 1
    assert len(ids(moody)) == 1


def test_a_dead_sender_delays_the_mail_by_a_lease(stage: Stage, s: Services, moody: Running) -> None:
    """It died between its claim and the mail."""
    export_id = waiting(stage)
    s.redis.leases.take(f"{export_id}:mail", LEASE)
    s.exports.change(export_id, notices.handing_over(1, time.time(), LEASE))
    send(mails_of(s, SOON))
    s.redis.client.delete(f"pipeline:lease:{export_id}:mail")
    send(mails_of(s, SOON))
    assert ids(moody) == []
    s.exports.change(export_id, aged)
    send(mails_of(s, SOON))
    assert len(ids(moody)) == 1
    assert stands(stage, export_id) == "sent"


def test_a_mail_that_two_dead_senders_had_is_given_up(stage: Stage, s: Services, moody: Running) -> None:
    export_id = waiting(stage)
    for _ in range(2):
        s.exports.change(export_id, notices.handing_over(1, time.time(), 0.0))
    send(mails_of(s, SOON))
    assert stands(stage, export_id) == "waiting", "the second may be alive"
    s.exports.change(export_id, aged)
    send(mails_of(s, SOON))
    assert ids(moody) == []
    assert stands(stage, export_id) == "given up"


def test_a_mail_is_tried_for_three_days(stage: Stage, s: Services, moody: Running) -> None:
    export_id = waiting(stage)
    (mail,) = stage.load(export_id).notices
    late = structs.replace(mail, due_at=time.time() - 3 * 86400 - 1)
    s.exports.change(export_id, lambda e: structs.replace(e, notices=(late,)))
    send(mails_of(s, SOON))
    assert (ids(moody), notices.unsent(stage.store)) == ([], [])
    assert "could not be sent for 72 hours" in problem_of(stage, export_id)


def test_mails_over_the_limit_per_minute_wait(
    stage: Stage, s: Services, moody: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "time", SimpleNamespace(time=lambda: 6e6))  # one minute for both
    settings = dataclasses.replace(s.settings, mails_per_minute=1)
    limited = dataclasses.replace(s, settings=settings)
    first, second = waiting(stage), waiting(stage, title="Other")
    pause = mails_of(limited, SOON).send_due(lambda: True)
    assert pause is not None
    assert pause <= 60
    assert notices.unsent(stage.store) == [second]
    assert stands(stage, first) == "sent"
    send(mails_of(s, SOON))
    assert len(ids(moody)) == 2


def test_no_mail_is_sent_about_a_missing_file(stage: Stage, s: Services, moody: Running) -> None:
    export_id = waiting(stage)
    result = stage.load(export_id).result
    assert result is not None
    stage.store.delete([result.key])
    send(mails_of(s, SOON), 2)
    assert ids(moody) == []
    assert "is not there" in problem_of(stage, export_id)


def test_the_mark_of_an_export_that_is_gone_is_removed(stage: Stage, s: Services) -> None:
    export_id = waiting(stage)
    stage.store.delete([f"exports/{export_id}/export.json"])
    send(mails_of(s, SOON))
    assert notices.unsent(stage.store) == []


def test_a_server_that_hangs_stops_neither_its_caller_nor_the_process(
    stage: Stage, s: Services, moody: Running
) -> None:
    waiting(stage)
    moody.mailbox.slow = LEASE
    mails = mails_of(s, SOON)
    for _ in range(3):
        mails.wake(lambda: True)
    until(lambda: moody.mailbox.recipients)
    assert sum(thread.name == "mails" for thread in threading.enumerate()) == 1
    mails.stop(0.05)
    assert ids(moody) == [], "it still hangs"
    moody.mailbox.slow = 0.0
    mails.stop(PATIENCE)
    assert len(ids(moody)) == 1, "the mail that was on its way is finished"


def test_a_process_that_ends_waits_for_the_answer_and_begins_no_other_mail(
    stage: Stage, s: Services, moody: Running
) -> None:
    """Without that, the mail that has arrived would be sent once more, and then be given up."""
    first, second = waiting(stage), waiting(stage, title="Other")
    moody.mailbox.slow_text = LEASE
    mails = mails_of(s, SOON)
    mails.wake(lambda: True)
    until(lambda: ids(moody))
    assert mails.hands_over
    mails.stop(0.0)
    later = threading.Timer(0.5, setattr, (moody.mailbox, "slow_text", 0.0))
    later.start()
    mails.finish(PATIENCE)
    assert not mails.hands_over
    mails.stop(PATIENCE)
    later.join()
    assert (stands(stage, first), stage.load(first).notices[0].handed_over) == ("sent", 1)
    assert (stands(stage, second), stage.load(second).notices[0].handed_over) == ("waiting", 0)
    assert len(ids(moody)) == 1


def test_a_process_that_ends_while_it_connects_hands_nothing_over(
    stage: Stage, s: Services, moody: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = waiting(stage)
    mails = mails_of(s, SOON)
    connected = MailTransport.connected

    def ends(transport: MailTransport) -> Any:
        mails.stop(0.0)
        return connected(transport)

    monkeypatch.setattr(MailTransport, "connected", ends)
    mails.send_due(lambda: True)
    assert (ids(moody), stage.load(export_id).notices[0].handed_over) == ([], 0)


def test_a_process_that_does_not_lead_sends_nothing(stage: Stage, s: Services, moody: Running) -> None:
    waiting(stage)
    mails_of(s).send_due(lambda: False)
    assert ids(moody) == []
