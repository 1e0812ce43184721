"""The frame of a step: errors become retries or end the export; every step is recorded."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from local.services import free_port
from pipeline.adapters.redis import Coordination
from pipeline.documents.inputs.bucket import BucketInputs
from pipeline.errors import (
    RedisDown,
    StoreDown,
)
from pipeline.tasks import flow
from pipeline.tasks.retry import Fail, Retry
from pipeline.tasks.step import StepRecord

from .stage import Stage, failing


def test_an_error_while_redis_is_down_is_retried(stage: Stage) -> None:
    """A task that ended as a failure would wait for the keeper."""
    alone = dataclasses.replace(stage.s.settings, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    without_redis = dataclasses.replace(stage.s, redis=Coordination.open(alone))
    outcome = flow.handle(without_redis, "render", stage.planned(), 0, threading.Event())
    assert isinstance(outcome, Retry)
    assert isinstance(outcome.error, RedisDown)


def test_the_ninth_failure_of_a_step_ends_the_export(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id = stage.planned()
    monkeypatch.setattr(BucketInputs, "open", failing(StoreDown("The bucket could not read it.")))
    outcomes = [flow.handle(stage.s, "render", export_id, 1, threading.Event()) for _ in range(9)]
    assert [type(outcome) for outcome in outcomes] == [Retry] * 8 + [Fail]
    failure = stage.load(export_id).failure
    assert failure is not None
    assert (failure.code, failure.message) == ("StoreDown", "The bucket could not read it.")
    assert stage.queue.sent == [("deliver", export_id)]


def test_an_internal_error_ends_the_export(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    export_id = stage.planned()
    monkeypatch.setattr(BucketInputs, "open", failing(ZeroDivisionError("a secret")))
    assert isinstance(flow.handle(stage.s, "render", export_id, 1, threading.Event()), Fail)
    failure = stage.load(export_id).failure
    assert failure is not None
    assert failure.message == "Internal error (ZeroDivisionError). It was logged; please report it."
    assert any(record.exc_info for record in caplog.records)


def test_every_step_is_recorded_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    records: list[StepRecord] = []
    monkeypatch.setattr(flow, "OBSERVERS", [records.append])
    export_id = stage.submit(notify=None)
    for step, chunk in (("plan", None), ("render", 0), ("render", 0), ("assemble", None), ("render", 1)):
        flow.handle(stage.s, step, export_id, chunk, threading.Event())
    seen = [(record.step, record.chunk, record.outcome, record.pages) for record in records]
    assert seen == [
        ("plan", None, "done", 5), ("render", 0, "done", 2), ("render", 0, "not wanted", 0),
        ("assemble", None, "not wanted", 0), ("render", 1, "done", 2),
    ]  # fmt: skip
    assert all(record.export == export_id and record.ms >= 0 and record.peak_mb > 10 for record in records)
