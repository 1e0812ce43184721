"""The frame of a step: errors become retries or end the export; every step is recorded."""

from __future__ import annotations

import dataclasses
import re
import threading
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis.leases import Leases
from pipeline.documents.inputs.bucket import BucketInputs
from pipeline.errors import Conflict, InvalidRequest, OverLimit, RedisDown, StoreDown
from pipeline.exports.export import State
from pipeline.exports.segments import segment_key
from pipeline.exports.waves import Wave
from pipeline.tasks import flow, plan
from pipeline.tasks.outcomes import NotWanted
from pipeline.tasks.records import StepRecord
from pipeline.tasks.retry import Fail, Retry
from pipeline.tasks.step import perform

from ... import steps
from ...nowhere import closed_port
from .stage import Stage, failing


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[StepRecord]:
    """The records of steps that ended."""
    found: list[StepRecord] = []
    monkeypatch.setattr(flow, "OBSERVERS", [lambda _, record: found.append(record)])
    return found


def test_an_error_while_redis_is_down_is_retried(stage: Stage) -> None:
    """A task that ended as a failure would wait for the keeper."""
    alone = dataclasses.replace(stage.s.settings, redis_url=f"redis://127.0.0.1:{closed_port()}/0")
    without_redis = dataclasses.replace(stage.s, redis=Coordination.open(alone))
    outcome = flow.handle(without_redis, "render", stage.planned(), 0, threading.Event())
    assert isinstance(outcome, Retry)
    assert isinstance(outcome.error, RedisDown)


def test_a_service_that_is_down_ends_no_export(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it is down: finished chunks would be lost. Its failures leave the tries for others."""
    export_id = stage.planned()
    for error, count in ((StoreDown("The bucket could not read it."), 20), (Conflict("It was changed."), 1)):
        monkeypatch.setattr(BucketInputs, "open", failing(error))
        for _ in range(count):
            assert isinstance(flow.handle(stage.s, "render", export_id, 1, threading.Event()), Retry)
    assert stage.load(export_id).state is State.RENDERING


def test_the_ninth_failure_of_a_step_ends_the_export(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id = stage.planned()
    monkeypatch.setattr(BucketInputs, "open", failing(Conflict("It was changed.")))
    outcomes = [flow.handle(stage.s, "render", export_id, 1, threading.Event()) for _ in range(9)]
    assert [type(outcome) for outcome in outcomes] == [Retry] * 8 + [Fail]
    failure = stage.load(export_id).failure
    assert failure is not None
    assert (failure.code, failure.message) == ("Conflict", "It was changed.")
    assert stage.queue.sent == [("deliver", export_id)]


def test_an_internal_error_ends_the_export(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    export_id = stage.planned()
    monkeypatch.setattr("pipeline.tasks.render.draw_chunk", failing(ZeroDivisionError("a secret")))
    assert isinstance(flow.handle(stage.s, "render", export_id, 1, threading.Event()), Fail)
    failure = stage.load(export_id).failure
    assert failure is not None
    assert failure.message == "Internal error (ZeroDivisionError). It was logged; please report it."
    assert any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize("error", [SoftTimeLimitExceeded(), MemoryError()])
def test_running_out_of_time_or_memory_while_sending_is_retried(stage: Stage, error: Exception) -> None:
    """A plan that took long, and 50,000 messages after it: the limits end a step at any of its lines."""
    export_id = stage.submit()
    stage.queue.broken = error
    outcome = flow.handle(stage.s, "plan", export_id, None, threading.Event())
    assert isinstance(outcome, Retry)
    assert isinstance(outcome.error, OverLimit)
    assert stage.load(export_id).state is State.RENDERING


@pytest.mark.parametrize("method", ["take", "release"])
def test_running_out_of_time_at_the_lease_is_retried(
    stage: Stage, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = stage.rendered()
    monkeypatch.setattr(Leases, method, failing(SoftTimeLimitExceeded()))
    assert isinstance(flow.handle(stage.s, "assemble", export_id, None, threading.Event()), Retry)


@pytest.mark.parametrize(
    ("step", "part"),
    [
        *(("render", chunk) for chunk in (3, -1, 99_999, "1", 1.0, None)),
        *(("wave", part) for part in (Wave(0, 0), Wave(-2, 16), (0, 16), None)),
        ("assemble", 0),
    ],
)
def test_a_message_for_a_part_that_does_not_exist_is_ignored(
    stage: Stage, step: str, part: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Another program that writes to Redis can send it."""
    export_id = stage.planned()
    stage.queue.sent.clear()
    outcome = flow.handle(stage.s, step, export_id, part, threading.Event())
    assert outcome == NotWanted("there is no such part of it")
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"a message is ignored: {step} of {export_id!r}, part {part!r}: there is no such part of it"
    ]
    assert stage.load(export_id).state is State.RENDERING
    assert stage.s.segments.found(export_id) == {}
    assert stage.queue.sent == []


@pytest.mark.parametrize("step", ["plan", "render", "assemble", "deliver"])
def test_a_message_for_an_export_that_cannot_exist_is_ignored(stage: Stage, step: str) -> None:
    outcome = flow.handle(stage.s, step, "../../secrets", 0 if step == "render" else None, threading.Event())
    assert outcome == NotWanted("there is no such export")


def test_a_message_for_an_export_that_does_not_exist_is_dropped_at_last(stage: Stage) -> None:
    """The bucket is asked a few times: the export may be there."""
    outcomes = [flow.handle(stage.s, "plan", "0" * 26, None, threading.Event()) for _ in range(9)]
    assert [type(outcome) for outcome in outcomes] == [Retry] * 8 + [Fail]
    assert stage.queue.sent == []


def test_every_step_is_recorded_once(stage: Stage, records: list[StepRecord]) -> None:
    export_id = stage.submit(notify=None)
    for step, chunk in (("plan", None), ("render", 0), ("render", 0), ("assemble", None), ("render", 1)):
        flow.handle(stage.s, step, export_id, chunk, threading.Event())
    seen = [(record.step, record.chunk, record.outcome, record.pages) for record in records]
    assert seen == [
        ("plan", None, "done", 5), ("render", 0, "done", 2), ("render", 0, "not wanted", 0),
        ("assemble", None, "not wanted", 0), ("render", 1, "done", 2),
    ]  # fmt: skip
    assert all(record.export == export_id and record.ms >= 0 and record.peak_mb > 10 for record in records)


def test_a_failure_is_recorded_once(
    stage: Stage, records: list[StepRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that lost its lease fails as the one does that took it."""
    export_id, refused = stage.submit(), InvalidRequest("Line 3 of the listing is no record.")

    other = threading.Event()

    def late(*given: Any) -> Any:
        """The other one ends the export after this one looked."""
        try:
            return perform(*given)
        except InvalidRequest:
            if given[-1] is not other:
                assert isinstance(flow.handle(stage.s, "plan", export_id, None, other), Fail)
            raise

    monkeypatch.setattr(plan, "job_of", failing(refused))
    monkeypatch.setattr("pipeline.tasks.flow.perform", late)
    assert isinstance(flow.handle(stage.s, "plan", export_id, None, threading.Event()), NotWanted)
    assert [record.outcome for record in records] == ["failed", "not wanted"]
    assert stage.load(export_id).failure is not None


@pytest.mark.parametrize("error", [StoreDown("The bucket does not answer."), Conflict("It was changed.")])
def test_a_failure_that_cannot_be_stored_is_tried_again(
    stage: Stage, records: list[StepRecord], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    export_id = stage.submit()
    monkeypatch.setattr(plan, "job_of", failing(InvalidRequest("Line 3 of the listing is no record.")))
    with monkeypatch.context() as broken:
        broken.setattr(flow, "fail", failing(error))
        assert isinstance(flow.handle(stage.s, "plan", export_id, None, threading.Event()), Retry)
    assert isinstance(flow.handle(stage.s, "plan", export_id, None, threading.Event()), Fail)
    assert [record.outcome for record in records] == ["retry", "failed"]


def test_an_observer_that_fails_changes_no_outcome(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A retry that is not sent, or a failure that is not stored, would wait for the keeper."""
    export_id = stage.planned()
    monkeypatch.setattr(flow, "OBSERVERS", [failing(ZeroDivisionError())])
    monkeypatch.setattr(BucketInputs, "open", failing(KeyError("a secret")))
    assert isinstance(flow.handle(stage.s, "render", export_id, 0, threading.Event()), Fail)
    assert stage.load(export_id).state is State.FAILED
    assert "the record of step render" in caplog.text


def test_each_outcome_has_one_record(
    stage: Stage, records: list[StepRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also an error that is retried, and one that ends the export."""
    export_id = stage.planned()

    def handle(step: str, chunk: int | None, stopping: threading.Event | None = None) -> None:
        flow.handle(stage.s, step, export_id, chunk, stopping or threading.Event())

    def render_broken(chunk: int, error: Exception) -> None:
        with monkeypatch.context() as broken:
            broken.setattr(BucketInputs, "open", failing(error))
            handle("render", chunk)

    render_broken(0, StoreDown("The bucket could not read it."))
    handle("render", 0, steps.STOPPING)
    for chunk in (0, 1, 2):
        handle("render", chunk)
    stage.store.put(segment_key(export_id, 1, 2, 2), b"")
    for _ in range(2):
        handle("assemble", None)
    render_broken(1, KeyError("a secret"))
    assert [(each.step, each.chunk, each.outcome, each.pages) for each in records] == [
        ("render", 0, "retry", 0), ("render", 0, "again", 1), ("render", 0, "done", 1), ("render", 1, "done", 2),
        ("render", 2, "done", 1), ("assemble", None, "missing", 0), ("assemble", None, "not wanted", 0),
        ("render", 1, "failed", 0),
    ]  # fmt: skip
    reasons = [each.reason for each in records if each.outcome != "done"]
    assert re.fullmatch(r"The bucket could not read it\. Retry in 0\.[2-5] s\.", reasons[0])
    assert reasons[1:] == [
        "1 pages are done, 1 go back", "1 parts are missing and come first", "chunks are missing",
        "The document 'photos' failed on page 3: KeyError.",
    ]  # fmt: skip
