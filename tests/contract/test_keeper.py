"""Single leader: the keeper on a real bucket, Redis and local dynos; no worker does any work.

Laws 3 (the bucket is the truth), 6 (every export ends) and 7 (one leader; nothing outstanding, nothing running).
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import redis

from local.dynos import Dynos, Fault
from local.services import S3, Valkey, free_port
from pipeline.adapters.bucket import REQUEST
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.adapters.redis.messages import QUEUES
from pipeline.adapters.redis.workers import Worker
from pipeline.errors import HerokuDown, InvalidSetting, RedisDown, StoreDown
from pipeline.exports.export import Charge, Export, State
from pipeline.exports.ids import new_id
from pipeline.exports.repository import ExportRepository, listing_key
from pipeline.exports.request import ExportRequest
from pipeline.scaler import billing, loop
from pipeline.scaler.formation import FormationPool
from pipeline.scaler.learned import Learned
from pipeline.scaler.measure import Gauge
from pipeline.scaler.one_off import OneOffPool
from pipeline.scaler.prices import MONTH
from pipeline.scaler.usage import UsageLog
from pipeline.services import Message, Services, open_services
from pipeline.settings import Settings
from pipeline.tasks import flow, repair
from pipeline.tasks import keeper as keepers
from pipeline.tasks.app import make_app
from pipeline.tasks.keeper import Keeper
from pipeline.tasks.queue import CeleryQueue
from pipeline.tasks.retry import Retry
from pipeline.tasks.submit import submit

from .. import steps
from ..conftest import SentMessages
from ..pictures import jpeg

LINGER = 0.2


class Stage:
    """Services whose messages are kept, an album of five photos, and dynos that do nothing."""

    def __init__(self, s: Services, messages: SentMessages, dynos: Dynos) -> None:
        self.s = s
        self.queue = messages
        self.dynos = dynos
        self.keepers: list[Keeper] = []

    @property
    def workers(self) -> int:
        return self.dynos.row("worker").quantity

    def keeper(self, **changes: Any) -> Keeper:
        settings = dataclasses.replace(self.s.settings, **changes)
        s = dataclasses.replace(self.s, settings=settings)
        # Its dynos never say that they are up.
        self.keepers.append(Keeper(s, FormationPool(settings, s.redis, settle_seconds=0.0)))
        return self.keepers[-1]

    def submit(self, **params: Any) -> str:
        order = ExportRequest("photos", {"listing": "inputs/album.jsonl", **params}, "shop", chunk_pages=2)
        return submit(self.s, order).export.id

    def planned(self, **params: Any) -> str:
        export_id = self.submit(**params)
        steps.plan(self.s, export_id)
        return export_id

    def render(self, export_id: str, *chunks: int) -> None:
        for chunk in chunks:
            steps.render(self.s, export_id, chunk)

    def ready(self, **params: Any) -> str:
        export_id = self.planned(**params)
        self.render(export_id, 0, 1, 2)
        steps.assemble(self.s, export_id)
        return export_id

    def forget_what_was_sent(self) -> None:
        """As when messages are lost, and it is long ago."""
        self.queue.sent.clear()
        with redis.Redis.from_url(self.s.settings.redis_url) as client:
            client.delete(*client.keys("pipeline:sent:*"), "none")

    def wipe_redis(self) -> None:
        with redis.Redis.from_url(self.s.settings.redis_url) as client:
            client.flushall()

    def age(self, export_id: str, **times: Any) -> Export:
        """Change the times in an export's record."""
        return self.s.exports.change(export_id, lambda e: dataclasses.replace(e, **times))


@pytest.fixture(scope="module")
def opened(s3_server: S3, valkey_server: Valkey) -> Services:
    settings = Settings.from_env(
        {
            "REDIS_URL": valkey_server.url,
            "S3_ENDPOINT_URL": s3_server.endpoint_url,
            "S3_BUCKET": s3_server.bucket,
            "S3_PREFIX": "test_keeper/",
            "AWS_ACCESS_KEY_ID": s3_server.key_id,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret,
            "SECRET_KEY": "test-secret-key",
            "KEEPER_SECONDS": "0.1",
            "LINGER_SECONDS": str(LINGER),
            "WORKER_CONCURRENCY": "1",
            "MAX_WORKERS": "2",
        }
    )
    S3Bucket.open(settings).create_bucket()
    return open_services(settings, SentMessages())


@pytest.fixture
def stage(opened: Services, tmp_path: Path) -> Iterator[Stage]:
    (tmp_path / "Procfile").write_text("worker: sleep 60\n")
    env = {"PATH": os.environ["PATH"]}
    with Dynos(tmp_path / "Procfile", env, cwd=tmp_path, log_folder=tmp_path / "logs", boot_seconds=60) as dynos:
        settings = dataclasses.replace(
            opened.settings, heroku_api_url=dynos.url, heroku_api_key=dynos.key, heroku_app=dynos.app,
            heroku_timeout=0.25,
        )  # fmt: skip
        messages = SentMessages()
        stage = Stage(dataclasses.replace(opened, settings=settings, queue=messages), messages, dynos)
        stage.wipe_redis()
        store = stage.s.bucket
        store.delete_under("")
        for n in range(5):
            store.put(f"inputs/album/{n}.jpg", jpeg(n, 40, 30))
        lines = [f'{{"source":"inputs/album/{n}.jpg"}}' for n in range(5)]
        store.put("inputs/album.jsonl", "\n".join(lines).encode())
        yield stage
        for keeper in stage.keepers:
            keeper.resign()


# scale


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(stage: Stage) -> None:
    export_id = stage.submit()
    decision = stage.keeper().observe()
    assert decision.quantity == 1
    assert "1 worker" in decision.reason
    assert stage.workers == 0
    assert stage.s.exports.load(export_id).state is State.QUEUED
    assert stage.s.redis.leases.take("keeper", 1.0), "it did not lead"


def test_a_dry_run_passes_over_what_a_turn_passes_over_and_puts_nothing_back(stage: Stage) -> None:
    export_id = stage.planned()
    stage.render(export_id, 0)
    stage.wipe_redis()
    stage.s.bucket.put(f"active/{new_id()}", b"")  # its acceptance goes on, or broke off
    damaged = stage.submit(title="Damaged")
    stage.s.bucket.put(f"exports/{damaged}/export.json", b"{")
    assert stage.keeper().observe().quantity == 1
    assert stage.s.redis.progress.load(export_id) is None


def test_there_are_workers_while_there_is_work_and_none_afterwards(stage: Stage) -> None:
    stage.s.usage.write_learned(Learned(page={"photos": 30.0}).encode())
    keeper = stage.keeper()
    assert not keeper.turn()
    assert stage.workers == 0
    export_id = stage.submit()
    assert keeper.turn()
    assert stage.workers == 1, "before it is known how much there is to do"
    steps.plan(stage.s, export_id)
    keeper.turn()
    assert stage.workers == 2, "three chunks, but MAX_WORKERS"
    stage.render(export_id, 0, 1)
    keeper.turn()
    assert stage.workers == 2, "less work, but the highest worker may be busy"
    stage.render(export_id, 2)
    keeper.turn()
    steps.assemble(stage.s, export_id)
    keeper.turn()
    assert stage.workers == 2, "nobody was told yet"
    steps.deliver(stage.s, export_id)
    assert keeper.turn()
    assert stage.workers == 1, "one lingers"
    time.sleep(LINGER + 0.05)
    assert not keeper.turn()
    assert stage.workers == 0
    asked = {call.method for call in stage.dynos.requests}
    assert asked == {"GET", "PATCH"}
    assert sum(call.method == "PATCH" for call in stage.dynos.requests) == 4


def test_messages_that_wait_or_are_worked_on_keep_workers_up(stage: Stage) -> None:
    """Also when the export they are about is over: their worker may be busy with it."""
    app = make_app(stage.s.settings)
    CeleryQueue(app).send(Message("deliver", new_id()))
    keeper = stage.keeper(linger_seconds=0.0)
    keeper.turn()
    keeper.turn()
    assert stage.workers == 1
    export_id = stage.submit()
    with app.connection_for_read() as connection, connection.channel() as channel:
        assert channel.basic_get("pipeline.short")
        CeleryQueue(app).send(Message("plan", export_id))
        taken = channel.basic_get("pipeline.short")
        assert sorted(stage.s.redis.messages.unacknowledged())[-1] == export_id
        keeper.turn()
        assert stage.workers == 1
        channel.qos.restore_at_shutdown = False
        assert taken is not None

        flow.cancel(stage.s, export_id)
        steps.deliver(stage.s, export_id)
        assert len(stage.s.redis.messages.unacknowledged()) == 2, "of a worker that died"
        keeper.turn()
        keeper.turn()
        assert stage.workers == 0, "nobody will ever finish what is over"
    app.close()


def test_the_true_number_is_asked_for_after_redis_was_wiped_and_now_and_then(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.submit()
    keeper = stage.keeper()
    keeper.turn()
    stage.dynos.scale({"worker": 0})
    keeper.turn()
    assert stage.workers == 0, "it believes what it set"
    stage.wipe_redis()
    keeper.turn()
    assert stage.workers == 1
    stage.dynos.scale({"worker": 0})
    monkeypatch.setattr(loop, "CHECK_SECONDS", 0.0)
    keeper.turn()
    assert stage.workers == 1


@pytest.mark.parametrize(
    "fault",
    [Fault(401), Fault(429, headers={"Retry-After": "1"}), Fault(200, body="<html>")],
    ids=("401", "429", "no JSON"),
)
def test_a_turn_repairs_whatever_heroku_says_and_scales_when_it_is_well_again(stage: Stage, fault: Fault) -> None:
    stage.submit()
    stage.forget_what_was_sent()
    keeper = stage.keeper()
    stage.dynos.faults.append(dataclasses.replace(fault, sticky=True))
    for _ in range(2):
        with pytest.raises(HerokuDown):
            keeper.turn()
    assert [step for step, _ in stage.queue.sent] == ["plan"]
    assert stage.workers == 0
    stage.dynos.faults.clear()
    time.sleep(1.1 if fault.status == 429 else 0.0)
    keeper.turn()
    assert stage.workers == 1


def test_the_loop_outlives_its_mistakes_and_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage.submit()
    keeper = stage.keeper()
    stage.dynos.faults.append(Fault(401, sticky=True))
    errors = iter([ZeroDivisionError("a mistake of ours"), StoreDown("The bucket is away."), RedisDown("Gone.")])
    well = type(stage.s.exports).active

    def active(exports: Any) -> list[str]:
        for error in errors:
            raise error
        return well(exports)

    monkeypatch.setattr(type(stage.s.exports), "active", active)
    with caplog.at_level(logging.WARNING):
        thread = keeper.start()
        until(lambda: "the key is not valid" in caplog.text)
        stage.dynos.faults.clear()
        until(lambda: stage.workers == 1)
        keeper.stop()
        thread.join(5)
    assert not thread.is_alive()
    for words in ("a mistake of ours", "The bucket is away.", "Gone."):
        assert words in caplog.text
    assert stage.s.redis.leases.take("keeper", 1), "whoever stops leading says so"


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_ring_wakes_the_leader(stage: Stage) -> None:
    keeper = stage.keeper(keeper_seconds=1.9)
    thread = keeper.start()
    until(lambda: bool(stage.dynos.requests))
    began = time.monotonic()
    stage.submit()
    until(lambda: stage.workers == 1)
    assert time.monotonic() - began < 1.5
    keeper.stop()
    stage.s.redis.wakeup.wake()
    thread.join(5)


def test_who_has_lingered_long_enough_is_stopped_although_nobody_rings(stage: Stage) -> None:
    stage.dynos.scale({"worker": 1})
    keeper = stage.keeper(keeper_seconds=60.0)
    thread = keeper.start()
    until(lambda: stage.workers == 0)
    keeper.stop()
    stage.s.redis.wakeup.wake()
    thread.join(5)


def test_a_one_off_dyno_that_died_before_its_worker_was_up_is_asked_after_once_and_replaced(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LATE_SECONDS", 0.5)
    stage.s.usage.write_learned(Learned(boot=0.1).encode())
    stage.submit()
    settings = dataclasses.replace(stage.s.settings, scaler_mode="one-off")
    keeper = Keeper(dataclasses.replace(stage.s, settings=settings), OneOffPool(settings, stage.s.redis))
    keeper.turn()
    assert len(stage.dynos.one_offs()) == 1
    stage.dynos.stop_dyno("run.1")
    time.sleep(1.0)
    keeper.turn()
    assert [dyno.name for dyno in stage.dynos.one_offs()] == ["run.2"]
    time.sleep(1.0)
    keeper.turn()
    calls = len(stage.dynos.requests)
    keeper.turn()
    keeper.turn()
    assert len(stage.dynos.requests) == calls, "it is late, and was seen in the list"
    assert [dyno.name for dyno in stage.dynos.one_offs()] == ["run.2"]


# one leader


def test_one_keeper_leads_and_another_takes_over_when_it_is_gone(stage: Stage) -> None:
    first, second = stage.keeper(), stage.keeper()
    first.turn()
    calls = len(stage.dynos.requests)
    stage.submit()
    for _ in range(3):
        assert second.turn(), "it comes back soon"
    assert len(stage.dynos.requests) == calls
    assert stage.workers == 0
    first.resign()
    second.turn()
    assert stage.workers == 1
    first.turn()
    asked = {call.path.removeprefix("/apps/demo/") for call in stage.dynos.requests}
    assert asked == {"formation", "formation/worker", "available-dyno-sizes"}
    stage.dynos.scale({"worker": 0})
    stage.s.exports.close(stage.s.exports.active()[0])
    first.turn()
    assert stage.workers == 0


def test_who_leads_leads_on_however_long_heroku_takes_to_answer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a call of its own could arrive after one of the next leader, and stop what that one started."""
    monkeypatch.setattr(keepers, "LEAD", 0.3)
    stage.submit()
    first, second = stage.keeper(heroku_timeout=5.0), stage.keeper()
    stage.dynos.faults.append(Fault(hang=1.5, status=409))
    with ThreadPoolExecutor() as threads:
        turn = threads.submit(first.turn)
        until(lambda: not stage.dynos.faults)
        for _ in range(10):
            time.sleep(0.1)
            second.turn()
            assert len(stage.dynos.requests) <= 1, "it does not lead"
        with pytest.raises(HerokuDown):
            turn.result()
    assert stage.workers == 0


def test_who_fails_at_every_turn_lets_another_lead(stage: Stage) -> None:
    """What is wrong with one process may be right with the next."""
    stage.submit()
    bad = dataclasses.replace(stage.s.settings, s3_endpoint_url=f"http://127.0.0.1:{free_port()}")
    failing = open_services(bad, SentMessages(), REQUEST)
    first = Keeper(failing, FormationPool(bad, failing.redis, settle_seconds=0.0))
    thread = first.start()
    until(lambda: bool(stage.s.redis.leases.held(["keeper"])))
    second = stage.keeper()
    other = second.start()
    until(lambda: stage.workers == 1)
    for keeper in (first, second):
        keeper.stop()
    for one in (thread, other):
        one.join(5)


def test_who_is_told_to_be_silent_leads_on_and_no_other_asks(stage: Stage) -> None:
    stage.submit()
    stage.dynos.faults.append(Fault(429, headers={"Retry-After": "60"}, sticky=True))
    first = stage.keeper()
    thread = first.start()
    until(lambda: bool(stage.dynos.requests))
    second = stage.keeper()
    for _ in range(10):
        time.sleep(0.1)
        second.turn()
    first.stop()
    thread.join(5)
    assert len(stage.dynos.requests) == 1


def test_no_busy_worker_is_stopped_because_redis_was_away(stage: Stage) -> None:
    """Whoever leads afterwards finds a line that has long stood, and a roster that nobody could sign."""
    stage.dynos.scale({"worker": 2})
    settings = dataclasses.replace(stage.s.settings, linger_seconds=0.0)
    stage.keepers.append(keeper := Keeper(stage.s, FormationPool(settings, stage.s.redis, settle_seconds=1.0)))
    drawing = Worker("worker.2", "worker.2", False, time.time(), busy=True)
    for _ in range(2):
        stage.s.redis.workers.report(drawing)
        keeper.turn()
        time.sleep(1.1)
    with redis.Redis.from_url(stage.s.settings.redis_url) as client:
        client.delete("pipeline:lease:keeper", "pipeline:workers:worker.2")  # they ended meanwhile
    keeper.turn()
    assert stage.workers == 2
    time.sleep(1.1)
    stage.s.redis.workers.report(drawing)
    for _ in range(3):
        keeper.turn()
        assert stage.workers == 2
        time.sleep(0.5)


def test_who_leads_no_more_asks_for_the_lease_no_more_often_than_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker had lingered nearly long enough when another began to lead."""
    monkeypatch.setattr(keepers, "LEAD", 20.0)  # so that no second try is due while it is counted
    stage.dynos.scale({"worker": 1})
    keeper = stage.keeper(linger_seconds=0.05, keeper_seconds=9.0)
    keeper.turn()
    stage.wipe_redis()
    assert stage.s.redis.leases.take("keeper", 60.0)

    def asked() -> int:
        with redis.Redis.from_url(stage.s.settings.redis_url) as client:
            return int(client.info("commandstats").get("cmdstat_eval", {}).get("calls", 0))

    before = asked()
    thread = keeper.start()
    time.sleep(1.0)
    keeper.stop()
    thread.join(5)
    assert asked() - before <= 3, "to look whether it leads, and to try, once"


# repair


def test_who_looks_after_many_exports_leads_until_it_has_scaled(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a turn that takes longer than a lease is never the leader's at its end, whoever takes it."""
    monkeypatch.setattr(keepers, "LEAD", 0.9)
    for n in range(5):
        stage.submit(title=str(n))
    load, tries = ExportRepository.load, []

    def slowly(exports: ExportRepository, export_id: str) -> Export:
        time.sleep(0.5)
        tries.append(stage.s.redis.leases.take("keeper", 9.0))
        return load(exports, export_id)

    monkeypatch.setattr(ExportRepository, "load", slowly)
    stage.keeper().turn()
    assert set(tries) == {None}
    assert stage.workers


def test_a_step_that_comes_back_by_itself_is_not_asked_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery sends it again after a pause, in which nobody has its lease and no message waits."""
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


def test_what_was_lost_is_asked_for_again(stage: Stage) -> None:
    """Each time after two looks, for a message may be on its way between them."""
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
    assert after_two_turns() == [("render", export_id, "0")], "somebody is at chunk 2"
    stage.s.redis.leases.release(lease)
    stage.render(export_id, 0, 2)
    assert after_two_turns() == [("assemble", export_id)]
    steps.assemble(stage.s, export_id)
    assert after_two_turns() == [("deliver", export_id)]
    steps.deliver(stage.s, export_id)
    assert after_two_turns() == []


def test_a_lost_plan_or_assembly_does_not_wait_for_the_chunks_of_others(stage: Stage, client: Any) -> None:
    """A worker died with it, and so many large chunks wait that their queue is never empty."""
    keeper, export_id = stage.keeper(), stage.submit()
    client.rpush("pipeline.large", "a chunk of another")

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
    client.rpush("pipeline.short", "the assembly may be this")
    assert sent_after_two_turns() == []


def test_progress_that_redis_forgot_is_put_back_from_the_bucket(stage: Stage) -> None:
    export_id = stage.planned()
    stage.render(export_id, 0, 2)
    stage.wipe_redis()
    stage.keeper().turn()
    progress = stage.s.redis.progress.load(export_id)
    assert progress is not None
    assert progress.pages == 3


def test_an_export_past_its_deadline_fails(stage: Stage) -> None:
    export_id = stage.planned()
    keeper = stage.keeper(export_deadline=0.0)
    keeper.turn()
    keeper.turn()
    export = stage.s.exports.load(export_id)
    assert export.state is State.FAILED
    assert export.failure is not None
    assert "not finished within the time" in export.failure.message
    assert stage.queue.sent[-1] == ("deliver", export_id)


def test_a_message_that_cannot_be_delivered_for_long_keeps_no_worker_up(stage: Stage) -> None:
    export_id = stage.ready()
    stage.age(export_id, finished_at=time.time() - repair.NOTICE_PATIENCE - 1)
    keeper = stage.keeper(linger_seconds=0.0)
    for _ in range(3):
        keeper.turn()
    assert stage.s.exports.active() == []
    assert stage.workers == 0
    assert stage.s.exports.load(export_id).state is State.READY


def test_one_export_that_makes_no_sense_does_not_keep_the_others_waiting(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    garbled, strange, good = stage.submit(title="Garbled"), stage.planned(title="Strange"), stage.submit()
    stage.s.bucket.put(f"exports/{garbled}/export.json", b"{garbled")
    stage.s.bucket.put(f"exports/{strange}/segments/notes.seg", b"somebody was here")
    stage.forget_what_was_sent()
    keeper = stage.keeper()
    keeper.turn()
    keeper.turn()
    assert ("plan", good) in stage.queue.sent
    assert stage.workers >= 1
    assert f"export {garbled} cannot be looked after" in caplog.text
    assert f"export {strange} cannot be looked after" in caplog.text


def test_an_export_that_makes_no_sense_keeps_no_worker_up_for_ever(stage: Stage) -> None:
    garbled = stage.submit()
    stage.s.bucket.put(f"exports/{garbled}/export.json", b"{garbled")
    keeper = stage.keeper()
    keeper.turn()
    assert stage.workers == 1, "one may be busy with it"
    late = stage.keeper(export_deadline=0.0, linger_seconds=0.0)
    stage.wipe_redis()
    late.turn()
    assert stage.workers == 0


def test_an_export_whose_plan_is_gone_is_not_taken_for_one_that_was_never_written(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.exports.repository.CLAIM_GRACE", -2.0)
    export_id = stage.planned()
    store = stage.s.bucket
    store.delete([f"exports/{export_id}/plan.json"])
    stage.s = dataclasses.replace(
        stage.s, exports=ExportRepository(store)
    )  # as in a new process, which knows no plan
    stage.keeper().turn()
    assert stage.s.exports.load(export_id).state is State.RENDERING


def test_a_request_that_was_never_written_down_whole_is_cleared_away(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = new_id()
    stage.s.bucket.put(f"active/{left}", b"")
    stage.s.bucket.put(listing_key(left), b"{}")
    keeper = stage.keeper()
    keeper.turn()
    assert stage.s.exports.active() == [left]
    monkeypatch.setattr("pipeline.exports.repository.CLAIM_GRACE", -2.0)
    keeper.turn()
    assert stage.s.exports.active() == []
    assert not list(stage.s.bucket.entries(f"exports/{left}"))


# charge


def test_who_leads_again_charges_what_another_leader_saw_end(stage: Stage) -> None:
    first, other = stage.keeper(linger_seconds=0.0), stage.keeper(linger_seconds=0.0)
    first.turn()
    stage.wipe_redis()
    export_id = stage.ready()
    other.turn()
    steps.deliver(stage.s, export_id)
    stage.forget_what_was_sent()
    assert stage.workers >= 1, "the other leads, and dies with this"
    stage.dynos.scale({"worker": 0})
    stage.wipe_redis()
    first.turn()
    assert stage.s.usage.unbilled() == []


def test_who_is_charged_after_a_mishap_in_the_middle_pays_no_more_than_its_share(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = stage.keeper(linger_seconds=0.0)
    ids = [stage.planned(title="First"), stage.planned(title="Second")]
    keeper.turn()
    for export_id in ids:
        stage.render(export_id, 0, 1, 2)
        steps.assemble(stage.s, export_id)
        steps.deliver(stage.s, export_id)
    stage.forget_what_was_sent()
    charge = UsageLog.bill

    def broken(accounts: UsageLog, export_id: str, amount: Charge | None) -> None:
        charge(accounts, export_id, amount)
        raise StoreDown("The bucket does not answer.")

    monkeypatch.setattr(UsageLog, "bill", broken)
    with pytest.raises(StoreDown):
        for _ in range(3):
            keeper.turn()
    monkeypatch.undo()
    stage.keeper(linger_seconds=0.0).turn()
    keeper.turn()
    charged = [one.charge.dyno_seconds for one in map(stage.s.exports.load, ids) if one.charge]
    noted = list(stage.s.usage.workers_since(0.0))
    begin = min(stage.s.exports.load(export_id).created_at for export_id in ids)
    paid = sum(n * (end - max(at, begin)) for (at, n, _), (end, _, _) in pairwise(noted) if end > begin)
    assert len(charged) == 2
    assert sum(charged) == pytest.approx(paid, abs=0.01)


def test_who_leads_no_more_changes_tells_and_charges_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lost its lease in the middle of its turn, to one that has scaled already."""
    first, second = stage.keeper(), stage.keeper()
    export_id = stage.submit()
    looking = type(stage.s.exports).active

    def overtaken(exports: ExportRepository) -> list[str]:
        monkeypatch.undo()
        stage.wipe_redis()
        second.turn()
        stage.s.exports.close(export_id)
        return []

    monkeypatch.setattr(type(stage.s.exports), "active", overtaken)
    notes = list(stage.s.usage.workers_since(0.0))
    first.turn()
    assert looking(stage.s.exports) == []
    assert stage.workers == 1
    assert [workers for _, workers, _ in stage.s.usage.workers_since(0.0)] == [0, 1]
    assert notes == []
    assert [export.id for export in stage.s.usage.unbilled()] == [export_id], "its worker is still there"
    assert len(stage.s.redis.decisions.latest()) == 1
    shown = stage.s.redis.decisions.state()
    assert shown is not None
    assert shown["outstanding"] == {export_id: 0}, "what the one that leads sees"


def test_who_leads_again_does_not_carry_out_what_it_decided_before(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was long in looking; another led meanwhile, has ordered, and has given its lease back."""
    first, second = stage.keeper(), stage.keeper()
    first.turn()
    stage.submit()
    snapshot = Gauge.snapshot

    def overtaken(gauge: Gauge, *args: Any) -> Any:
        monkeypatch.undo()
        found = snapshot(gauge, *args)
        stage.wipe_redis()
        second.turn()
        with redis.Redis.from_url(stage.s.settings.redis_url) as client:
            client.delete("pipeline:lease:keeper")
        return found

    monkeypatch.setattr(Gauge, "snapshot", overtaken)
    first.turn()
    assert stage.workers == 1
    assert sum(call.method == "PATCH" for call in stage.dynos.requests) == 1, "not once more by the first"


def test_what_was_ordered_is_charged_from_when_heroku_got_it_though_its_answer_was_lost(stage: Stage) -> None:
    keeper = stage.keeper(heroku_timeout=1.0)
    keeper.turn()
    stage.submit()
    stage.dynos.faults.extend([Fault(lost=True), Fault(500), Fault(500)])
    with pytest.raises(HerokuDown):
        keeper.turn()
    (ordered,) = [event.time for event in stage.dynos.history]
    time.sleep(2.0)
    keeper.turn()
    assert stage.workers == 1
    (_, (noted, workers, _)) = stage.s.usage.workers_since(0.0)
    assert workers == 1
    assert noted == pytest.approx(ordered, abs=1.0), "Heroku's times are whole seconds"


def test_a_one_off_dyno_that_died_is_charged_until_it_was_last_heard_of_though_another_replaces_it_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dataclasses.replace(stage.s.settings, scaler_mode="one-off")
    pool = OneOffPool(settings, stage.s.redis, missed_seconds=0.3, forget_seconds=0.5)
    keeper = Keeper(dataclasses.replace(stage.s, settings=settings), pool)
    stage.submit()
    keeper.turn()
    start_id = stage.dynos.dyno("run.1").spec.command.split()[-1]
    stage.s.redis.workers.report(Worker(start_id, "run.1", True, time.time()))
    keeper.turn()
    time.sleep(1.0)
    stage.dynos.stop_dyno("run.1")
    with redis.Redis.from_url(settings.redis_url) as client:
        client.delete(f"pipeline:workers:{start_id}")
    missed = time.time()
    keeper.turn()
    time.sleep(0.4)
    keeper.turn()
    keeper.resign()
    assert [dyno.name for dyno in stage.dynos.one_offs()] == ["run.2"]
    *_, (died, none, _), (_, one, _) = stage.s.usage.workers_since(0.0)
    assert (none, one) == (0, 1)
    assert died == pytest.approx(missed - 0.5, abs=0.3)


def test_what_a_leader_ordered_before_it_died_is_charged_and_nothing_is_written_twice(stage: Stage) -> None:
    stage.keeper().turn()
    stage.dynos.scale({"worker": 2})
    (ordered, _) = [event.time for event in stage.dynos.history]
    time.sleep(2.0)
    for _ in range(3):
        stage.wipe_redis()
        stage.submit()
        stage.keeper(waiting_price=1000.0).turn()
    _, (noted, workers, _) = list(stage.s.usage.workers_since(0.0))[:2]
    assert workers == 2
    assert noted == pytest.approx(ordered, abs=1.0)
    changes = [workers for _, workers, _ in stage.s.usage.workers_since(0.0)]
    assert all(before != after for before, after in pairwise(changes))


def test_changes_are_noted_in_their_order_though_the_clock_of_an_earlier_leader_was_ahead(stage: Stage) -> None:
    stage.s.usage.note_workers(time.time() + 30, 2, 0.1, "As a leader with another clock saw it.")
    stage.keeper().turn()
    assert [workers for _, workers, _ in stage.s.usage.workers_since(0.0)] == [2, 0]


def test_what_stays_for_days_is_noted_again_before_it_is_too_old_to_be_found(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = stage.keeper(min_workers=1)
    keeper.turn()
    keeper.turn()
    *_, (at, workers, _) = before = list(stage.s.usage.workers_since(0.0))
    assert workers == 1
    monkeypatch.setattr(billing, "DAY", time.time() - at)
    keeper.turn()
    assert len(list(stage.s.usage.workers_since(0.0))) == len(before) + 1


def test_what_was_learned_is_written_when_there_is_something_to_learn_from(stage: Stage) -> None:
    stage.keeper(linger_seconds=0.0).turn()
    assert stage.s.usage.learned() is None
    export_id = stage.ready()
    steps.deliver(stage.s, export_id)
    stage.wipe_redis()
    stage.keeper(linger_seconds=0.0).turn()
    assert stage.s.usage.learned()


# what a dyno costs


def test_the_price_is_what_heroku_lists_and_ours_when_it_does_not_answer(stage: Stage) -> None:
    sizes = json.dumps([{"name": "Standard-1X", "cost": {"cents": 3600, "unit": "month"}}])

    def noted(size: str, **fault: Any) -> float:
        stage.s.bucket.delete_under("workers/")
        stage.wipe_redis()
        stage.dynos.scale({"worker": 0})
        keeper = stage.keeper(dyno_size=size, heroku_timeout=1.0)
        stage.dynos.faults.extend([Fault(), *[Fault(**fault)] * 3])
        keeper.turn()
        stage.dynos.faults.clear()
        export_id = stage.submit(title=f"{size} {fault}")
        keeper.turn()
        stage.s.exports.close(export_id)
        *_, (_, workers, found) = stage.s.usage.workers_since(0.0)
        assert workers == 1
        return found

    assert noted("standard-1x", status=200, body=sizes) == pytest.approx(36 / MONTH, rel=1e-6)
    assert noted("standard-1x", status=503) == pytest.approx(25 / MONTH, rel=1e-6)
    assert noted("standard-1x", status=404) == pytest.approx(25 / MONTH, rel=1e-6)


def test_a_size_that_only_heroku_lists_is_taken_and_one_that_nobody_knows_is_refused(stage: Stage) -> None:
    sizes = json.dumps([{"name": "Standard-9X", "cost": {"cents": 90000, "unit": "month"}}])
    stage.dynos.faults.append(Fault(200, body=sizes, sticky=True))
    stage.keeper(dyno_size="standard-9x")
    with pytest.raises(InvalidSetting, match="enormous") as caught:
        stage.keeper(dyno_size="enormous")
    assert caught.value.field == "DYNO_SIZE"
    assert "standard-9x" in caught.value.advice
    stage.dynos.faults.clear()
    stage.dynos.faults.append(Fault(404, sticky=True))
    stage.keeper(dyno_size="standard-9x")
    with pytest.raises(InvalidSetting):
        stage.keeper(dyno_size="standard-9x", heroku_api_key=None)


def test_what_heroku_listed_is_known_after_another_led(stage: Stage) -> None:
    sizes = json.dumps([{"name": "Standard-9X", "cost": {"cents": 90000, "unit": "month"}}])
    stage.dynos.faults.extend([Fault(200, body=sizes), Fault(), Fault(200, body=sizes)])
    keeper = stage.keeper(dyno_size="standard-9x", heroku_timeout=1.0)
    keeper.turn()
    stage.wipe_redis()
    keeper.turn()
    seen = stage.s.redis.decisions.state()
    assert seen and "standard-9x" in seen["learned"]["prices"]


def test_work_does_not_wait_for_a_price_that_nobody_knows(stage: Stage) -> None:
    stage.dynos.faults.append(Fault(404))
    keeper = stage.keeper(dyno_size="standard-9x")
    stage.submit()
    keeper.turn()
    assert stage.workers == 1

    def asked() -> int:
        return sum("sizes" in call.path for call in stage.dynos.requests)

    calls = asked()
    keeper.turn()
    assert asked() == calls, "not at every turn"


# clean up


def test_a_file_that_was_kept_as_long_as_promised_is_removed_and_its_record_stays(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, running, young = stage.ready(title="Old"), stage.submit(title="Running"), stage.ready(title="Young")
    for export_id in (old, young):
        steps.deliver(stage.s, export_id)
    for export_id in (old, running):
        stage.age(export_id, created_at=time.time() - 100)
    keeper = stage.keeper(keep_seconds=50, heroku_api_key=None)
    monkeypatch.setattr(time, "monotonic", lambda: 7.0)  # the machine has only just started
    keeper.turn()
    kept = {entry.key for entry in stage.s.bucket.entries(f"exports/{old}/")}
    assert kept == {f"exports/{old}/export.json"}
    assert stage.s.exports.load(old).state is State.EXPIRED
    assert stage.s.exports.load(running).state is State.QUEUED
    result = stage.s.exports.load(young).result
    assert result is not None
    assert stage.s.bucket.head(result.key)
