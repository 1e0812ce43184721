"""An export that is over is closed, and its mail is asked for; who sends it is in test_mails.py."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.bucket import MultipartUpload
from pipeline.adapters.mail import Mailer
from pipeline.adapters.redis.leases import Lease, Leases
from pipeline.errors import ChunkFailed
from pipeline.exports import history
from pipeline.exports.export import State
from pipeline.exports.notices import unsent
from pipeline.tasks import flow
from pipeline.tasks.again import retry
from pipeline.tasks.outcomes import NotWanted

from ... import steps
from ...nowhere import closed_port
from .stage import FIVE, Stage


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
    settings = dataclasses.replace(stage.s.settings, smtp_url=f"smtp://127.0.0.1:{closed_port()}")
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


def test_an_export_is_closed_although_another_version_wrote_how_it_was_made(stage: Stage) -> None:
    """Otherwise it is delivered again and again, and a worker stays up for it."""
    export_id = stage.planned()
    flow.fail(stage.s, export_id, ChunkFailed("Page 3 could not be rendered."))
    steps.deliver(stage.s, export_id)
    retry(stage.s, export_id)
    stage.store.put(f"exports/{export_id}/work.json", b'{"c0": {"pages": 2}}')
    stage.work()
    assert stage.load(export_id).state is State.READY
    assert stage.s.exports.active() == []


@pytest.mark.parametrize("when", ["before its lease", "before it closes", "before the last write"])
def test_a_late_delivery_does_not_close_an_export_that_was_retried(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, when: str
) -> None:
    """Its process was frozen for longer than a lease. Meanwhile it was closed, and its owner let it go on."""
    export_id = stage.planned()
    steps.render(stage.s, export_id, 0)
    drawn = {entry.key for entry in stage.store.entries(f"exports/{export_id}/segments/")}
    assert drawn
    flow.fail(stage.s, export_id, ChunkFailed("Page 3 could not be rendered."))
    steps.deliver(stage.s, export_id)
    frozen: list[str] = []

    def froze() -> None:
        if not frozen:
            frozen.append(when)
            stage.s.redis.client.delete(f"pipeline:lease:{export_id}:deliver")
            stage.queue.sent.clear()
            retry(stage.s, export_id)

    freeze(monkeypatch, stage, export_id, when, froze)
    assert isinstance(steps.deliver(stage.s, export_id), NotWanted)
    assert stage.s.exports.active() == [export_id], "the keeper sends what is lost of it"
    assert drawn <= {entry.key for entry in stage.store.entries(f"exports/{export_id}/segments/")}
    stage.work()
    assert stage.captions(export_id, tmp_path) == FIVE
    assert stage.s.exports.active() == []


@pytest.mark.parametrize("closed", [True, False], ids=["closed again", "not closed again"])
def test_a_late_delivery_leaves_the_file_of_an_export_that_was_retried_and_is_ready(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, closed: bool
) -> None:
    """Its process was frozen behind its fence, until the export was over for the second time."""
    export_id = stage.planned()
    flow.fail(stage.s, export_id, ChunkFailed("Page 3 could not be rendered."))
    steps.deliver(stage.s, export_id)
    frozen: list[str] = []

    def froze() -> None:
        if frozen:
            return
        frozen.append(export_id)
        stage.s.redis.client.delete(f"pipeline:lease:{export_id}:deliver")
        stage.queue.sent.clear()
        retry(stage.s, export_id)
        while stage.queue.sent and (closed or stage.queue.sent[0][0] != "deliver"):
            stage.work_once()

    freeze(monkeypatch, stage, export_id, "before it looks for uploads", froze)
    outcome = steps.deliver(stage.s, export_id)
    assert frozen and stage.load(export_id).state is State.READY
    assert stage.captions(export_id, tmp_path) == FIVE
    assert isinstance(outcome, NotWanted)
    assert stage.s.exports.active() == [export_id], "the keeper has it closed once more"
    steps.deliver(stage.s, export_id)
    assert stage.s.exports.active() == []
    assert stage.subjects(export_id)[-1:] == ["Ready: Photos"]


def freeze(
    monkeypatch: pytest.MonkeyPatch, stage: Stage, export_id: str, when: str, froze: Callable[[], None]
) -> None:
    """Let a delivery be frozen once."""
    take, keep = Leases.take, history.keep
    delete, uploads = stage.store.delete, stage.store.uploads

    def taken(leases: Leases, name: str, seconds: float) -> Lease | None:
        froze()
        return take(leases, name, seconds)

    def kept(*given: Any) -> None:
        froze()
        keep(*given)

    def deleted(keys: Iterable[str]) -> None:
        if (keys := list(keys)) == [f"active/{export_id}"]:
            froze()
        delete(keys)

    def listed(prefix: str) -> list[MultipartUpload]:
        froze()
        return uploads(prefix)

    match when:
        case "before its lease":
            monkeypatch.setattr(Leases, "take", taken)
        case "before it closes":
            monkeypatch.setattr(history, "keep", kept)
        case "before it looks for uploads":
            monkeypatch.setattr(stage.store, "uploads", listed)
        case _:
            monkeypatch.setattr(stage.store, "delete", deleted)
