"""A failed export goes on, and the same is requested again."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.errors import ChunkFailed, IllegalStep, LinkExpired, RedisDown
from pipeline.exports.export import Charge, State
from pipeline.exports.recipients import NotifyBody
from pipeline.exports.request import ExportRequest
from pipeline.scaler.usage import Due
from pipeline.tasks import flow
from pipeline.tasks.again import again, retry
from pipeline.tasks.lease import exclusive
from pipeline.tasks.submit import submit

from ... import steps
from .stage import FIVE, Stage

TWO: list[str | NotifyBody] = ["a@example.org", NotifyBody("b@example.org", "signed", "ko")]


def failed(stage: Stage, *drawn: int) -> str:
    """An export that failed and was closed, after some of its chunks were drawn."""
    export_id = stage.planned()
    for chunk in drawn:
        steps.render(stage.s, export_id, chunk)
    flow.fail(stage.s, export_id, ChunkFailed("Page 3 could not be rendered."))
    steps.deliver(stage.s, export_id)
    stage.queue.sent.clear()
    return export_id


def test_a_failed_export_goes_on_with_what_is_drawn(stage: Stage, tmp_path: Path) -> None:
    export_id = failed(stage, 0, 2)
    before = stage.objects(export_id, "segments")
    assert len(before) == 2 and stage.s.exports.active() == []
    stage.s.redis.counters.count_attempt(f"{export_id}:1:2")
    export = retry(stage.s, export_id)
    assert (export.state, export.failure, export.finished_at) == (State.RENDERING, None, None)
    assert stage.queue.sent == [("render", export_id, "1")], "only what is missing is drawn"
    assert stage.s.redis.counters.count_attempt(f"{export_id}:1:2") == 1, "attempts count from the start"
    assert not stage.s.redis.progress.is_over(export_id)
    stage.s.redis.progress.note_over(export_id)  # a process that was frozen notes the failure again
    progress = stage.s.progress(export)
    assert progress and progress.pages == 3
    assert stage.s.exports.active() == [export_id]
    stage.s.redis.counters.forget_attempts(export_id)
    stage.work()
    assert stage.captions(export_id, tmp_path) == FIVE
    assert stage.objects(export_id, "segments") == {}, "it is closed"
    assert stage.subjects(export_id)[-1].startswith("Ready"), "a mail about the failure does not replace this one"


def test_all_is_drawn_or_nothing_is_planned(stage: Stage) -> None:
    export_id = failed(stage, 0, 1, 2)
    retry(stage.s, export_id)
    assert stage.queue.sent == [("assemble", export_id)]
    early = stage.submit(title="Early")
    flow.fail(stage.s, early, ChunkFailed("The document's size could not be rendered."))
    steps.deliver(stage.s, early)
    stage.queue.sent.clear()
    assert retry(stage.s, early).state is State.QUEUED
    assert stage.queue.sent == [("plan", early)]


def test_it_has_a_new_deadline_and_keeps_what_it_paid(stage: Stage) -> None:
    export_id = failed(stage)
    cost = Charge(10.0, 0.5)
    stage.s.usage.bill(export_id, Due(cost, stage.load(export_id).begun_at))
    stage.s.exports.change(
        export_id,
        lambda e: replace(e, created_at=1000.0, started_at=1001.0, planned_at=1003.0, finished_at=1010.0),
    )
    export = retry(stage.s, export_id)
    assert export.begun_at == export.retried_at and export.retried_at > 2000.0
    assert export.planned_at and export.started_at
    assert round(export.retried_at - export.planned_at) == 7 and round(export.planned_at - export.started_at) == 2
    assert (export.charge, export.charged_before) == (None, cost)


def test_only_a_failed_export_that_is_closed_goes_on(stage: Stage) -> None:
    export_id = stage.planned()
    with pytest.raises(IllegalStep, match="is rendering; only a failed one goes on"):
        retry(stage.s, export_id)
    flow.fail(stage.s, export_id, ChunkFailed("Page 3."))
    with pytest.raises(IllegalStep, match="is not closed yet"):
        retry(stage.s, export_id)
    steps.deliver(stage.s, export_id)
    with exclusive(stage.s.redis.leases, f"{export_id}:mail", 5.0), pytest.raises(IllegalStep, match="not closed"):
        retry(stage.s, export_id)
    stage.queue.sent.clear()
    stage.queue.broken = RedisDown("Redis is away.")
    assert retry(stage.s, export_id).state is State.RENDERING, "the keeper sends what could not be sent"
    with pytest.raises(IllegalStep):
        retry(stage.s, export_id)


def test_the_same_is_requested_again(stage: Stage) -> None:
    order = ExportRequest(
        "photos",
        {"listing": "inputs/album.jsonl"},
        "shop",
        TWO,
        "july",
        2,
        subject="ann",
        webhook="https://shop.example.org/hook",
        return_url="https://shop.example.org",
    )
    first = submit(stage.s, order).export
    flow.cancel(stage.s, first.id)
    second = again(stage.s, first).export
    assert second.id != first.id and second.state is State.QUEUED
    same = (
        "document",
        "params",
        "owner",
        "recipients",
        "webhook",
        "return_url",
        "chunk_pages",
        "volume",
        "subject",
        "name",
    )
    assert [getattr(second, name) for name in same] == [getattr(first, name) for name in same]
    flow.cancel(stage.s, second.id)
    third = again(stage.s, first, "once").export
    assert third.id != second.id
    assert again(stage.s, first, "once").export.id == third.id


def test_records_inside_the_first_request_are_used_again(stage: Stage) -> None:
    rows = [{"a": 1, "b": "x"}, {"a": 2.5, "b": None}]
    first = submit(stage.s, ExportRequest("table", {"rows": rows, "title": "T"}, "shop")).export
    flow.cancel(stage.s, first.id)
    second = again(stage.s, first).export
    stored = [stage.store.get(f"exports/{each}/listing.jsonl") for each in (first.id, second.id)]
    assert stored[0] and stored[1] and stored[0].data == stored[1].data
    stage.s.exports.remove_result(first)
    with pytest.raises(LinkExpired, match="were removed with its file"):
        again(stage.s, first)
