"""The number of workers follows the work that is outstanding."""

from __future__ import annotations

import dataclasses
import time

import pytest
import redis

from local.dynos import Fault
from pipeline.adapters.redis.messages import DELIVER, PLAN
from pipeline.adapters.redis.workers import Worker
from pipeline.errors import HerokuDown
from pipeline.exports.export import State
from pipeline.exports.ids import new_id
from pipeline.scaler import formation, loop, silent
from pipeline.scaler.formation import FormationPool
from pipeline.scaler.learned import Learned
from pipeline.scaler.one_off import OneOffPool
from pipeline.services import Message
from pipeline.tasks import flow
from pipeline.tasks.app import make_app
from pipeline.tasks.keeper import Keeper
from pipeline.tasks.lease import claim_name
from pipeline.tasks.queue import CeleryQueue

from .... import steps
from ....waiting import PATIENCE, until
from ...scaler.pools import Clock
from .stage import LINGER, KeeperStage


def test_a_dry_run_decides_and_changes_nothing(stage: KeeperStage) -> None:
    export_id = stage.submit()
    decision = stage.keeper().observe()
    assert decision.quantity == 1
    assert "1 worker" in decision.reason
    assert stage.workers == 0
    assert stage.s.exports.load(export_id).state is State.QUEUED
    assert stage.s.redis.leases.take("keeper", 1.0), "it did not lead"


def test_a_dry_run_skips_damaged_exports_and_restores_nothing(stage: KeeperStage) -> None:
    export_id = stage.planned()
    stage.render(export_id, 0)
    stage.wipe_redis()
    stage.s.bucket.put(f"active/{new_id()}", b"")  # its acceptance goes on, or broke off
    damaged = stage.submit(title="Damaged")
    stage.s.bucket.put(f"exports/{damaged}/export.json", b"{")
    assert stage.keeper().observe().quantity == 1
    assert stage.s.redis.progress.load(export_id) is None


def test_what_is_made_beside_the_web_process_needs_no_worker(stage: KeeperStage) -> None:
    export_id = stage.submit()
    stage.forget_what_was_sent()
    keeper, leases = stage.keeper(), stage.s.redis.leases
    leases.expect_back(claim_name(export_id), 60.0)
    for _ in range(3):
        assert keeper.turn(), "it looks again soon"
    assert (stage.workers, stage.queue.sent) == (0, [])
    assert keeper.observe().quantity == 0
    leases.expect_back(claim_name(export_id), 0.0)  # it was given up, or the process that renews it died
    until(lambda: not leases.held([claim_name(export_id)]))
    keeper.turn()
    assert stage.workers == 1
    keeper.turn()
    assert stage.queue.sent == [("plan", export_id)]


def test_there_are_workers_only_while_there_is_work(stage: KeeperStage) -> None:
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
    assert stage.workers == 2, "the mail is not sent yet"
    steps.deliver(stage.s, export_id)
    assert keeper.turn()
    assert stage.workers == 1, "one lingers"
    time.sleep(LINGER + 0.05)
    assert not keeper.turn()
    assert stage.workers == 0
    asked = {call.method for call in stage.dynos.requests}
    assert asked == {"GET", "PATCH"}
    assert sum(call.method == "PATCH" for call in stage.dynos.requests) == 4


def test_waiting_and_unacknowledged_messages_keep_workers_up(stage: KeeperStage) -> None:
    """Also when their export is over: a worker may still be busy with it."""
    app = make_app(stage.s.settings)
    CeleryQueue(app).send(Message("deliver", new_id()))
    keeper = stage.keeper(linger_seconds=0.0)
    keeper.turn()
    keeper.turn()
    assert stage.workers == 1
    export_id = stage.submit()
    with app.connection_for_read() as connection, connection.channel() as channel:
        assert channel.basic_get(DELIVER)
        CeleryQueue(app).send(Message("plan", export_id))
        taken = channel.basic_get(PLAN)
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
        assert stage.workers == 0, "the messages are about an export that is over"
    app.close()


def test_heroku_is_asked_again_after_redis_was_wiped(stage: KeeperStage, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_formation_that_was_scaled_by_hand_is_noticed_when_its_workers_go(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LOST_SECONDS", 0.5)
    stage.submit()
    keeper = stage.keeper()
    keeper.turn()
    stage.s.redis.workers.report(Worker("worker.1", "worker.1", False, time.time()))
    keeper.turn()
    stage.dynos.scale({"worker": 0})
    with redis.Redis.from_url(stage.s.settings.redis_url) as client:
        client.delete("pipeline:workers:worker.1")  # it got SIGTERM
    keeper.turn()
    time.sleep(0.6)
    keeper.turn()
    assert stage.workers == 1
    calls = len(stage.dynos.requests)
    for _ in range(3):
        keeper.turn()
    assert len(stage.dynos.requests) == calls, "one question for each loss"


def test_a_formation_that_was_scaled_by_hand_while_it_booted_is_noticed(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LATE_SECONDS", 0.5)
    stage.s.usage.write_learned(Learned(boot=0.1).encode())
    stage.submit()
    keeper = stage.keeper()
    keeper.turn()
    stage.dynos.scale({"worker": 0})
    time.sleep(1.0)
    keeper.turn()
    assert stage.workers == 1


@pytest.mark.parametrize(
    "fault",
    [Fault(401), Fault(429, headers={"Retry-After": "1"}), Fault(200, body="<html>")],
    ids=("401", "429", "no JSON"),
)
def test_a_turn_repairs_while_heroku_fails(stage: KeeperStage, fault: Fault) -> None:
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


def test_a_worker_is_stopped_when_its_linger_time_is_over(stage: KeeperStage) -> None:
    stage.dynos.scale({"worker": 1})
    keeper = stage.keeper(keeper_seconds=60.0)
    thread = keeper.start()
    until(lambda: stage.workers == 0)
    keeper.stop()
    stage.s.redis.wakeup.wake()
    thread.join(PATIENCE)


def test_a_one_off_dyno_that_died_while_booting_is_replaced(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LATE_SECONDS", 0.5)
    for name in ("FORGET_SECONDS", "MAX_PAUSE"):  # between two looks for silent dynos
        monkeypatch.setattr(silent, name, 600.0)
    stage.s.usage.write_learned(Learned(boot=0.1).encode())
    stage.submit()
    settings = dataclasses.replace(stage.s.settings, scaler_mode="one-off")
    keeper = Keeper(dataclasses.replace(stage.s, settings=settings), OneOffPool(settings, stage.s.redis))
    stage.keepers.append(keeper)
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


def test_no_busy_worker_is_stopped_after_redis_was_away(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next leader finds an old drain order, and workers that could not report."""
    clock = Clock()
    monkeypatch.setattr(formation, "time", clock)
    stage.dynos.scale({"worker": 2})
    settings = dataclasses.replace(stage.s.settings, linger_seconds=0.0)
    stage.keepers.append(keeper := Keeper(stage.s, FormationPool(settings, stage.s.redis, settle_seconds=1.0)))
    drawing = Worker("worker.2", "worker.2", False, time.time(), busy=True)
    for _ in range(2):
        stage.s.redis.workers.report(drawing)
        keeper.turn()
        time.sleep(1.1)  # by the clock of Redis
        clock.now += 1.1
    with redis.Redis.from_url(stage.s.settings.redis_url) as client:
        client.delete("pipeline:lease:keeper", "pipeline:workers:worker.2")  # they ended meanwhile
    keeper.turn()
    assert stage.workers == 2
    clock.now += 1.1
    stage.s.redis.workers.report(drawing)
    for _ in range(3):
        keeper.turn()
        assert stage.workers == 2
        clock.now += 0.5
