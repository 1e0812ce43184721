"""The mail about an export that is over is sent once."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.mailbox import Controller, Mailbox
from local.services import free_port
from pipeline.adapters.mail import Mailer
from pipeline.errors import MailDown, StoreDown
from pipeline.exports.export import State
from pipeline.tasks.step import NotWanted

from ... import steps
from .stage import Stage


def test_of_two_deliveries_at_once_one_sends_the_mail(stage: Stage) -> None:
    export_id = stage.rendered()
    steps.assemble(stage.s, export_id)
    start = threading.Barrier(4)

    def deliver(_: int) -> None:
        start.wait()
        steps.deliver(stage.s, export_id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver, range(4)))
    assert stage.subjects(export_id) == ["Ready: Photos"]
    steps.deliver(stage.s, export_id)
    assert stage.subjects(export_id) == ["Ready: Photos"]
    assert stage.s.exports.active() == []


def test_a_slow_mail_server_gets_the_mail_once(stage: Stage, tmp_path: Path) -> None:
    """It takes longer than a lease lasts."""
    export_id = stage.rendered()
    steps.assemble(stage.s, export_id)
    with slow_mail_server(tmp_path) as (url, on_its_way):
        settings = dataclasses.replace(stage.s.settings, smtp_url=url, lease_seconds=0.1)
        s = dataclasses.replace(stage.s, settings=settings, mailer=Mailer(settings))
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(steps.deliver, s, export_id)
            assert on_its_way.wait(10)
            time.sleep(0.15)
            assert steps.deliver(s, export_id) == NotWanted("another worker is at it")
            assert s.exports.active() == [export_id]  # it is not told yet
            assert s.redis.leases.held([f"{export_id}:deliver"])  # so the keeper does not send it again
            first.result()
        steps.deliver(s, export_id)
    assert len(list(tmp_path.glob("*.eml"))) == 1


class SlowMailbox(Mailbox):
    """Takes half a second for each mail."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "demo", "secret")
        self.entered = threading.Event()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.entered.set()
        await asyncio.sleep(0.5)
        return await super().handle_DATA(server, session, envelope)


@contextmanager
def slow_mail_server(folder: Path) -> Iterator[tuple[str, threading.Event]]:
    """Yields its URL, and an event that is set when a mail is on its way."""
    mailbox, port = SlowMailbox(folder), free_port()
    server = Controller(
        mailbox, hostname="127.0.0.1", port=port, auth_require_tls=False, auth_callback=mailbox.knows
    )
    server.start()
    try:
        yield f"smtp://demo:secret@127.0.0.1:{port}", mailbox.entered
    finally:
        server.stop()


def test_a_mail_that_cannot_be_sent_now_is_sent_later(stage: Stage) -> None:
    export_id = stage.rendered()
    steps.assemble(stage.s, export_id)
    settings = dataclasses.replace(stage.s.settings, smtp_url=f"smtp://127.0.0.1:{free_port()}")
    without = dataclasses.replace(stage.s, settings=settings, mailer=Mailer(settings))
    with pytest.raises(MailDown):
        steps.deliver(without, export_id)
    assert stage.s.exports.active() == [export_id]
    steps.deliver(stage.s, export_id)
    assert stage.subjects(export_id) == ["Ready: Photos"]
    assert stage.s.exports.active() == []


def test_a_refused_address_is_not_tried_again(stage: Stage) -> None:
    export_id = stage.submit(notify="refused@example.org")
    stage.work()
    assert stage.load(export_id).state is State.READY
    assert stage.s.exports.active() == []


def test_mails_over_the_limit_per_minute_wait(stage: Stage) -> None:
    settings = dataclasses.replace(stage.s.settings, mails_per_minute=1)
    s = dataclasses.replace(stage.s, settings=settings)
    first, second = (stage.rendered(title=title) for title in ("First", "Second"))
    for export_id in (first, second):
        steps.assemble(s, export_id)
    steps.deliver(s, first)
    with pytest.raises(MailDown, match="More than 1 mails in this minute"):
        steps.deliver(s, second)
    assert stage.subjects(second) == []
    steps.deliver(stage.s, second)
    assert (stage.subjects(first), stage.subjects(second)) == (["Ready: First"], ["Ready: Second"])


def test_no_mail_is_sent_about_a_missing_file(stage: Stage) -> None:
    export_id = stage.rendered()
    steps.assemble(stage.s, export_id)
    result = stage.load(export_id).result
    assert result is not None
    stage.store.delete([result.key])
    with pytest.raises(StoreDown, match="is not there"):
        steps.deliver(stage.s, export_id)
    assert stage.subjects(export_id) == []
