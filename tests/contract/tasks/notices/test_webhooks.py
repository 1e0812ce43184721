"""Webhooks arrive at least once and in order, whatever the receiver does."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec import structs
from msgspec.json import decode
from standardwebhooks import Webhook

from local.services import free_port
from pipeline.adapters.bucket import Bucket
from pipeline.adapters.https import Fetcher, Limits
from pipeline.adapters.webhooks import Webhooks
from pipeline.exports import notices
from pipeline.exports.export import Channel, Failure, State
from pipeline.exports.views import full
from pipeline.services import Services
from pipeline.settings import Token
from pipeline.tasks import again
from pipeline.tasks.notices import sender
from pipeline.tasks.notices.sender import POLICY, Sender
from pipeline.tasks.notices.transports import WebhookTransport
from pipeline.tasks.retry import RetryPolicy
from pipeline.tasks.schedules.clean_up import CleanUp
from pipeline.web import create_app

from .... import steps
from ....waiting import PATIENCE
from ...adapters.https.sites import ELSEWHERE, HOME, Certificate, Open, Site, moved, said
from ..stage import Stage

SOON = RetryPolicy(first=0.02, longest=0.05)
TAKEN = said("Content-Length: 0", status="204 No Content")
SHOP = {"Authorization": "Bearer shop-token"}


class Receiver:
    """A receiver at a port of its own: it is down until it is opened, and answers as it is told."""

    def __init__(self, opened: Open) -> None:
        self._open = opened
        self.port = free_port()
        self.url = f"https://hooks.test:{self.port}/s3cret-path"
        self.answer = TAKEN
        self.site: Site | None = None
        self.hurried: Services  # wait for half a second only

    def open(self) -> Site:
        self.site = self.site or self._open(lambda head: self.answer(head), HOME, self.port)
        return self.site

    def taken(self, secret: str) -> list[tuple[str, dict[str, Any]]]:
        """The id and the body of each request, whose signature is verified as receivers do it."""
        found = []
        for head, body in zip(self.open().heads, self.open().bodies, strict=True):
            lines = (line.partition(": ") for line in head.split("\r\n")[1:] if line)
            headers = {name.lower(): value for name, _, value in lines}
            Webhook(secret).verify(body, headers)
            found.append((headers["webhook-id"], decode(body)))
        return found


@pytest.fixture
def receiver(stage: Stage, open_site: Open, certificate: Certificate) -> Receiver:
    found = Receiver(open_site)
    names = {"hooks.test": HOME, "elsewhere.test": ELSEWHERE}

    def patient(seconds: float) -> Webhooks:
        fetcher = Fetcher(
            Limits(seconds=seconds),
            may_connect=lambda address: address == HOME,
            ca_certs=certificate.cert,
            ports=frozenset({found.port}),
            resolve=lambda host, _: [names[host]],
        )
        return Webhooks(fetcher, settings.secret_keys)

    settings = dataclasses.replace(stage.s.settings, keep_seconds=0, api_tokens={"shop-token": Token("shop")})
    stage.s = dataclasses.replace(stage.s, settings=settings, webhooks=patient(PATIENCE))
    found.hurried = dataclasses.replace(stage.s, webhooks=patient(0.5))
    return found


def hooks(stage: Stage, policy: RetryPolicy = SOON) -> Sender:
    return Sender(stage.s, WebhookTransport(stage.s), policy)


def hooks_in_a_hurry(receiver: Receiver) -> Sender:
    return Sender(receiver.hurried, WebhookTransport(receiver.hurried), SOON)


def send(found: Sender, times: int = 1) -> None:
    for _ in range(times):
        found.send_due(lambda: True)
        time.sleep(SOON.longest)


def made(stage: Stage, url: str) -> str:
    """Returns an export that failed, went on, became ready and expired."""
    export_id, failure = stage.planned(webhook=url, notify=None), Failure("ChunkFailed", "Page 3 failed.")
    stage.s.exports.change(export_id, lambda e: e.to(State.FAILED, failure=failure, finished_at=time.time()))
    steps.deliver(stage.s, export_id)
    again.retry(stage.s, export_id)
    stage.work()
    CleanUp(stage.s.bucket, stage.s.exports, stage.s.settings).run()
    assert stage.load(export_id).state is State.EXPIRED
    return export_id


def hang(_: str) -> Iterator[bytes]:
    time.sleep(0.6)
    yield b""


ILL: dict[str, tuple[Callable[[str], Iterator[bytes]] | None, str]] = {
    "down": (None, "connection to the host"),
    "500": (said("Content-Length: 0", status="500 Oops"), "answered 500"),
    "hangs": (hang, "in the time allowed"),
    "cuts": (lambda _: iter(()), "connection to the host"),
    "redirects": (moved("https://elsewhere.test/"), "answered 302. Redirects are not followed"),
}


@pytest.mark.parametrize("ill", ILL)
def test_events_arrive_in_order_once_the_receiver_is_well(
    stage: Stage, receiver: Receiver, open_site: Open, ill: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer, problem = ILL[ill]
    elsewhere = open_site(TAKEN, ELSEWHERE)
    if answer:
        receiver.answer = answer
        receiver.open()
    export_id = made(stage, receiver.url)
    found = hooks(stage)
    send(hooks_in_a_hurry(receiver) if ill == "hangs" else found, 3)
    word, why = notices.state(stage.load(export_id), Channel.WEBHOOK) or ("", "")
    assert word == "waiting" and problem in why
    assert "s3cret-path" not in why + caplog.text, "others read the record and the log"
    assert stage.s.exports.active() == [] and stage.queue.sent == [], "no worker is needed for it"
    site = receiver.open()
    site.heads.clear()
    site.bodies.clear()
    receiver.answer = TAKEN
    send(found, 5)
    (secret,) = stage.s.webhooks.secrets("shop")
    arrived = receiver.taken(secret)
    assert [body["type"] for _, body in arrived] == ["export.failed", "export.ready", "export.expired"]
    assert [number for number, _ in arrived] == [f"{export_id}.{n}" for n in (1, 2, 3)]
    failed, ready, expired = (body["data"] for _, body in arrived)
    assert failed["failure"]["message"] == "Page 3 failed." and failed["pages"] is None
    assert (ready["state"], ready["pages"], ready["failure"]) == ("ready", 5, None)
    assert expired["pages"] is None
    assert notices.unsent(stage.store, Channel.WEBHOOK) == [] and elsewhere.accepted == 0
    shown = full(stage.load(export_id), None, 0.0, "https://pdf.example.org", 0.0, [])
    assert [(each.to, each.state, each.problem) for each in shown.notices] == [("hooks.test", "sent", "")] * 3


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = time.time()

    def monotonic(self) -> float:
        return self.now

    time = monotonic


def test_a_receiver_that_is_down_for_ten_minutes_is_tried_seldom(
    stage: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        stage.s.exports.change(stage.submit(webhook=receiver.url, title=str(_)), _cancelled)
    for export in stage.s.exports.all():
        steps.deliver(stage.s, export.id)
    clock, tries, found = Clock(), 0, hooks(stage, POLICY)
    monkeypatch.setattr(sender, "time", clock)
    began = clock.now
    while (pause := found.send_due(lambda: True)) is not None:
        tries += 1
        clock.now += pause + 0.1
        if clock.now - began > 600:
            receiver.open()
    print(f"{tries} looks; taken at most {clock.now - began - 600:.0f} s after the receiver was well")
    assert clock.now - began < 600 + 2 * POLICY.longest
    assert tries <= 12, "one try of the receiver, not one for each export"
    assert len(receiver.open().heads) == 2


def test_what_comes_right_after_all_was_sent_is_sent(stage: Stage, receiver: Receiver) -> None:
    export_id = made(stage, receiver.url)
    site, found = receiver.open(), hooks(stage)
    send(found)
    sent = len(site.heads)
    again.replay_webhooks(stage.s, export_id)
    send(found)
    assert len(site.heads) == 2 * sent > 0


def test_what_comes_as_the_mark_is_removed_is_sent(
    stage: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender has read the record, in which nothing was due."""
    export_id = made(stage, receiver.url)
    site, found, remove, replayed = receiver.open(), hooks(stage), notices.remove_mark, list[str]()

    def late(bucket: Bucket, each: str, *channels: Channel) -> None:
        if not replayed:
            replayed.append(each)
            again.replay_webhooks(stage.s, each)
        remove(bucket, each, *channels)

    monkeypatch.setattr(notices, "remove_mark", late)
    send(found)
    sent = len(site.heads)
    assert replayed == [export_id]
    send(found)
    assert len(site.heads) == 2 * sent > 0


def test_a_replay_that_breaks_off_is_found(
    stage: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process is killed between the record and the mark."""
    export_id = made(stage, receiver.url)
    receiver.open()
    found = hooks(stage)
    send(found)
    assert notices.unsent(stage.store, Channel.WEBHOOK) == []
    change = stage.s.exports.change

    def killed(*given: Any) -> None:
        change(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stage.s.exports, "change", killed)
        with pytest.raises(KeyboardInterrupt):
            again.replay_webhooks(stage.s, export_id)
    before = len(receiver.open().heads)
    send(found)
    assert len(receiver.open().heads) == 2 * before


def test_what_was_given_up_is_replayed(stage: Stage, receiver: Receiver) -> None:
    """After 24 hours, or at once after 410."""
    export_id = made(stage, receiver.url)
    late = [structs.replace(n, due_at=n.due_at - 86401) for n in stage.load(export_id).notices[:1]]
    stage.s.exports.change(export_id, lambda e: structs.replace(e, notices=(*late, *e.notices[1:])))
    receiver.open()
    receiver.answer = said("Content-Length: 0", status="410 Gone")
    send(hooks(stage))
    assert [n.problem for n in stage.load(export_id).notices] == [
        "It could not be sent for 24 hours.", *["The receiver answered 410."] * 2,
    ]  # fmt: skip
    assert len(receiver.open().heads) == 2 and notices.unsent(stage.store, Channel.WEBHOOK) == []
    receiver.answer = TAKEN
    client: FlaskClient = create_app(stage.s).test_client()
    assert client.post(f"/v1/exports/{export_id}/replay", headers=SHOP).status_code == 202
    send(hooks(stage))
    (secret,) = stage.s.webhooks.secrets("shop")
    assert [number for number, _ in receiver.taken(secret)[2:]] == [f"{export_id}.{n}" for n in (1, 2, 3)]
    without = stage.submit()
    assert client.post(f"/v1/exports/{without}/replay", headers=SHOP).status_code == 409


def test_an_owner_has_one_receiver_and_secrets_that_overlap(stage: Stage, receiver: Receiver) -> None:
    settings = dataclasses.replace(
        stage.s.settings, webhooks={"shop": receiver.url}, secret_keys=("new", *stage.s.settings.secret_keys)
    )
    old = stage.s.webhooks.secrets("shop")
    webhooks = Webhooks(stage.s.webhooks._fetcher, settings.secret_keys)
    stage.s = dataclasses.replace(stage.s, settings=settings, webhooks=webhooks)
    export_id = stage.submit()
    stage.s.exports.change(export_id, _cancelled)
    steps.deliver(stage.s, export_id)
    receiver.open()
    send(hooks(stage))
    secrets = webhooks.secrets("shop")
    assert secrets[1:] == old and secrets != webhooks.secrets("archive")
    for secret in secrets:
        assert [body["type"] for _, body in receiver.taken(secret)] == ["export.cancelled"]


def _cancelled(export: Any) -> Any:
    return export.to(State.CANCELLED, finished_at=time.time())
