"""A machine that starts no thread for a while stops nothing for ever."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from pipeline.adapters.mail import Mailer
from pipeline.exports.export import Channel
from pipeline.exports.notices import mark

from ....no_threads import no_threads
from ....nowhere import closed_port
from ....waiting import PATIENCE, until
from .stage import KeeperStage


def test_mails_and_schedules_begin_when_threads_can_be_started_again(
    stage: KeeperStage, caplog: pytest.LogCaptureFixture
) -> None:
    settings = dataclasses.replace(stage.s.settings, smtp_url=f"smtp://127.0.0.1:{closed_port()}")
    stage.s = dataclasses.replace(stage.s, settings=settings, mailer=Mailer(settings))
    mark(stage.s.bucket, waiting := stage.ready(notify="admin@example.org"), Channel.MAIL)
    keeper, may_begin = stage.keeper(), threading.Event()

    def run() -> None:
        may_begin.wait()
        keeper.run()

    thread = threading.Thread(target=run)
    thread.start()
    with no_threads():
        may_begin.set()
        until(lambda: caplog.text.count("can't start new thread") > 2)
    until(lambda: stage.s.exports.load(waiting).notices[0].problem, "a mail is tried")
    until(lambda: stage.s.redis.decisions.last_run("check"), "schedules run")
    keeper.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_turn_by_itself_starts_no_schedules(stage: KeeperStage) -> None:
    """They belong to the loop of a process that ends them."""
    before = {thread for thread in threading.enumerate() if thread.name == "schedules"}
    stage.keeper().turn()
    assert {thread for thread in threading.enumerate() if thread.name == "schedules"} == before
