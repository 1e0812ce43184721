"""An export that is over is closed, and its mail is asked for; who sends it is in test_mails.py."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

from local.services import free_port
from pipeline.adapters.mail import Mailer
from pipeline.exports.export import State
from pipeline.exports.notices import unsent

from ... import steps
from .stage import Stage


def test_of_two_deliveries_at_once_one_mail_comes(stage: Stage) -> None:
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


def test_no_worker_waits_for_a_mail_server(stage: Stage) -> None:
    """Nothing answers at its port: the export is closed all the same, and its segments are gone."""
    export_id = stage.rendered()
    steps.assemble(stage.s, export_id)
    settings = dataclasses.replace(stage.s.settings, smtp_url=f"smtp://127.0.0.1:{free_port()}")
    steps.deliver(dataclasses.replace(stage.s, settings=settings, mailer=Mailer(settings)), export_id)
    assert stage.s.exports.active() == []
    assert stage.objects(export_id, "segments/") == {}
    assert unsent(stage.store) == [export_id]


def test_without_a_mail_server_no_mail_waits(stage: Stage) -> None:
    export_id = stage.rendered()
    steps.assemble(stage.s, export_id)
    settings = dataclasses.replace(stage.s.settings, smtp_url=None)
    steps.deliver(dataclasses.replace(stage.s, settings=settings, mailer=Mailer(settings)), export_id)
    assert unsent(stage.store) == []


def test_an_export_is_closed_although_its_address_is_refused(stage: Stage) -> None:
    export_id = stage.submit(notify="refused@example.org")
    stage.work()
    assert stage.load(export_id).state is State.READY
    assert stage.s.exports.active() == []
