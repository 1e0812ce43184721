"""The keeper sends lost messages again, and ends exports that cannot go on."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import pytest
import redis

from pipeline.adapters.redis import messages
from pipeline.adapters.redis.messages import ASSEMBLE, LARGE, QUEUES, SMALL
from pipeline.errors import StoreDown
from pipeline.exports import measures
from pipeline.exports.export import State
from pipeline.exports.repository import ExportRepository
from pipeline.exports.request import ExportRequest
from pipeline.tasks import flow
from pipeline.tasks.again import retry
from pipeline.tasks.outcomes import NotWanted
from pipeline.tasks.retry import Retry
from pipeline.tasks.step import lease_name
from pipeline.tasks.submit import submit

from .... import steps
from .stage import KeeperStage


def test_a_step_that_will_be_retried_is_not_sent_again(stage: KeeperStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery sends it again after a pause, in which its lease is free and no message waits."""
    keeper = stage.keeper()

    def fails(step: str, export_id: str, chunk: int | None = None) -> None:
        with monkeypatch.context() as broken:
            broken.setattr(flow, "take", failing)
            assert isinstance(flow.handle(stage.s, step, export_id, chunk, threading.Event()), Retry)

    def turns() -> list[tuple[str, ...]]:
        stage.queue.sent.clear()
        with redis.Redis.from_url(stage.s.settings.redis_url) as client:
            client.delete(*QUEUES)  # a worker takes it, and keeps it until its time has come
        keeper.turn()
        keeper.turn()
        return stage.queue.sent.copy()

    def pauses_end() -> None:
        with redis.Redis.from_url(stage.s.settings.redis_url) as client:
            client.delete(*client.keys("pipeline:pause:*"), *client.keys("pipeline:sent:*"))

    export_id = stage.submit()
    fails("plan", export_id)
    assert turns() == []
    pauses_end()
    assert turns() == [("plan", export_id)]
    steps.plan(stage.s, export_id)
    fails("render", export_id, 1)
    assert turns() == [("render", export_id, "0", "2")]
    pauses_end()
    assert turns() == [("render", export_id, "0", "1", "2")]
    stage.render(export_id, 0, 1, 2)
    steps.assemble(stage.s, export_id)
    pauses_end()
    fails("deliver", export_id)
    assert turns() == []
    pauses_end()
    assert turns() == [("deliver", export_id)]


def failing(*_: Any, **__: Any) -> None:
    raise StoreDown("The bucket could not read it.")


def test_a_lost_message_is_sent_again(stage: KeeperStage) -> None:
    """Only after two turns: a message may be on its way in one."""
    keeper = stage.keeper()

    def after_two_turns() -> list[tuple[str, ...]]:
        stage.forget_what_was_sent()
        keeper.turn()
        assert stage.queue.sent == []
        keeper.turn()
        return stage.queue.sent.copy()

    export_id = stage.submit()
    assert after_two_turns() == [("plan", export_id)]
    steps.plan(stage.s, export_id)
    assert after_two_turns() == [("render", export_id, "0", "1", "2")]
    stage.render(export_id, 1)
    lease = stage.s.redis.leases.take(f"{export_id}:2", 60)
    assert lease is not None
    assert after_two_turns() == [("render", export_id, "0")], "chunk 2 is leased"
    stage.s.redis.leases.release(lease)
    stage.render(export_id, 0, 2)
    assert after_two_turns() == [("assemble", export_id)]
    steps.assemble(stage.s, export_id)
    assert after_two_turns() == [("deliver", export_id)]
    steps.deliver(stage.s, export_id)
    assert after_two_turns() == []


def test_lost_ranges_are_sent_again(stage: KeeperStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker died while it measured, and the chord's callback is lost. Workers are ordered for what is left."""
    monkeypatch.setattr(measures, "RANGE_BYTES", 1000)
    monkeypatch.setattr(measures, "SMALL_BYTES", 0)
    stage.s.bucket.put("inputs/rows.csv", b"a,b\n" + b"some,words\n" * 350)
    keeper = stage.keeper()
    export_id = submit(stage.s, ExportRequest("table", {"listing": "inputs/rows.csv"}, "shop", None)).export.id

    def after_two_turns() -> list[tuple[str, ...]]:
        stage.forget_what_was_sent()
        keeper.turn()
        keeper.turn()
        return stage.queue.sent.copy()

    steps.plan(stage.s, export_id)
    steps.measure(stage.s, export_id, 1)
    lease = stage.s.redis.leases.take(lease_name("measure", export_id, 2), 60)
    assert lease is not None
    assert after_two_turns() == [("measure", export_id, "0", "3")]
    steps.measure(stage.s, export_id, 0)
    steps.measure(stage.s, export_id, 3)
    assert after_two_turns() == [], "range 2 is leased"
    assert isinstance(steps.plan(stage.s, export_id), NotWanted)
    stage.s.redis.leases.release(lease)
    steps.measure(stage.s, export_id, 2)
    assert after_two_turns() == [("plan", export_id)]
    steps.plan(stage.s, export_id)
    assert stage.s.exports.plan(export_id).records == 350


def test_a_lost_plan_or_assembly_is_sent_despite_other_chunks(stage: KeeperStage, client: Any) -> None:
    """A worker died with the message, and the queues of chunks are never empty."""
    keeper, export_id = stage.keeper(), stage.submit()
    client.rpush(LARGE, "a chunk of a large one")
    client.rpush(SMALL, "a chunk of another")

    def sent_after_two_turns() -> list[tuple[str, ...]]:
        stage.queue.sent.clear()
        keeper.turn()
        keeper.turn()
        return stage.queue.sent.copy()

    assert stage.s.redis.messages.sent_lately(export_id)
    assert sent_after_two_turns() == [("plan", export_id)]
    steps.plan(stage.s, export_id)
    assert sent_after_two_turns() == [], "its chunks may be among those that wait"
    stage.render(export_id, 0, 1, 2)
    assert stage.s.redis.messages.sent_lately(export_id)
    assert sent_after_two_turns() == [("assemble", export_id)]
    client.rpush(ASSEMBLE, "the assembly may be this")
    assert sent_after_two_turns() == []


def test_what_waited_for_room_is_sent_when_there_is_room(
    stage: KeeperStage, client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(messages, "QUEUE_LIMIT", 1)
    client.rpush(LARGE, "a chunk of another")
    keeper, export_id = stage.keeper(), stage.submit()
    with caplog.at_level("INFO"):
        for _ in range(3):
            keeper.turn()
        assert stage.queue.sent == []
        assert "keeper: export" not in caplog.text
        client.delete(LARGE)
        keeper.turn()
    assert stage.queue.sent == [("plan", export_id)]
    assert f"keeper: export {export_id} is queued: plan" in caplog.text


def test_lost_progress_is_restored_from_the_bucket(stage: KeeperStage) -> None:
    export_id = stage.planned()
    stage.render(export_id, 0, 2)
    stage.wipe_redis()
    stage.keeper().turn()
    progress = stage.s.redis.progress.load(export_id)
    assert progress is not None
    assert progress.pages == 3


def test_a_retry_has_its_own_deadline_also_when_a_leader_was_held_up(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was frozen behind its last look: another leader ended the export, which was retried."""
    export_id, keeper = stage.planned(), stage.keeper(export_deadline=600.0)
    stage.age(export_id, created_at=0.0)
    fail, ended = flow.fail, list[bool]()

    def held_up(*given: Any) -> None:
        if not ended:
            ended.append(fail(*given[:3]))
            steps.deliver(stage.s, export_id)
            retry(stage.s, export_id)
        ended.append(fail(*given))

    monkeypatch.setattr(flow, "fail", held_up)
    keeper.turn()
    keeper.turn()
    assert ended == [True, False]
    assert stage.s.exports.load(export_id).state is State.RENDERING


def test_an_export_past_its_deadline_fails(stage: KeeperStage) -> None:
    export_id = stage.planned()
    keeper = stage.keeper(export_deadline=0.0)
    keeper.turn()
    keeper.turn()
    export = stage.s.exports.load(export_id)
    assert export.state is State.FAILED
    assert export.failure is not None
    assert "not finished within the time" in export.failure.message
    assert stage.queue.sent[-1] == ("deliver", export_id)


def test_a_damaged_export_does_not_delay_the_others(stage: KeeperStage, caplog: pytest.LogCaptureFixture) -> None:
    garbled, strange, good = stage.submit(title="Garbled"), stage.planned(title="Strange"), stage.submit()
    stage.s.bucket.put(f"exports/{garbled}/export.json", b"{garbled")
    stage.s.bucket.put(f"exports/{strange}/segments/notes.seg", b"not a segment")
    stage.forget_what_was_sent()
    keeper = stage.keeper()
    keeper.turn()
    keeper.turn()
    assert ("plan", good) in stage.queue.sent
    assert stage.workers >= 1
    assert f"export {garbled} could not be checked" in caplog.text
    assert f"export {strange} could not be checked" in caplog.text


def test_a_damaged_export_keeps_no_worker_up_past_its_deadline(stage: KeeperStage) -> None:
    garbled = stage.submit()
    stage.s.bucket.put(f"exports/{garbled}/export.json", b"{garbled")
    keeper = stage.keeper()
    keeper.turn()
    assert stage.workers == 1, "one may be busy with it"
    late = stage.keeper(export_deadline=0.0, linger_seconds=0.0)
    stage.wipe_redis()
    late.turn()
    assert stage.workers == 0


def test_an_export_without_its_plan_is_not_dropped(stage: KeeperStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.exports.accepting.CLAIM_GRACE", -2.0)
    export_id = stage.planned()
    store = stage.s.bucket
    store.delete([f"exports/{export_id}/plan.json"])
    stage.s = dataclasses.replace(
        stage.s, exports=ExportRepository(store)
    )  # as in a new process, which knows no plan
    keeper = stage.keeper()
    for _ in range(2):
        keeper.turn()
    assert stage.s.exports.load(export_id).state is State.RENDERING
