"""What workers cost is noted and billed to exports."""

from __future__ import annotations

import dataclasses
import time
from itertools import pairwise

import pytest
import redis

from local.dynos import Fault
from pipeline.adapters.redis.workers import Worker
from pipeline.errors import HerokuDown, StoreDown
from pipeline.exports.export import Export
from pipeline.scaler import billing, loop
from pipeline.scaler.learned import BOOT_SECONDS, Learned
from pipeline.scaler.one_off import OneOffPool
from pipeline.scaler.usage import Due, UsageLog
from pipeline.tasks.keeper import Keeper

from .... import steps
from ....waiting import until
from .stage import KeeperStage


def test_a_returning_leader_bills_what_ended_meanwhile(stage: KeeperStage) -> None:
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
    assert stage.s.usage.marked() == {}


def test_an_error_in_the_middle_of_billing_bills_nothing_twice(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
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

    def broken(accounts: UsageLog, export_id: str, due: Due) -> None:
        charge(accounts, export_id, due)
        raise StoreDown("The bucket does not answer.")

    monkeypatch.setattr(billing, "REFUSED_SECONDS", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(UsageLog, "bill", broken)
        for _ in range(3):
            keeper.turn()
    assert "is not charged yet" in caplog.text
    stage.keeper(linger_seconds=0.0).turn()
    keeper.turn()
    charged = [one.charge.dyno_seconds for one in map(stage.s.exports.load, ids) if one.charge]
    noted = list(stage.s.usage.workers_since(0.0))
    begin = min(stage.s.exports.load(export_id).created_at for export_id in ids)
    paid = sum(n * (end - max(at, begin)) for (at, n, _), (end, _, _) in pairwise(noted) if end > begin)
    assert len(charged) == 2
    assert sum(charged) == pytest.approx(paid, abs=0.01)


def test_workers_are_billed_from_when_heroku_got_the_order(stage: KeeperStage) -> None:
    keeper = stage.keeper()
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


def test_a_dead_one_off_dyno_is_billed_to_its_last_report(stage: KeeperStage) -> None:
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
    before = time.time()
    keeper.turn()
    missed = time.time()
    time.sleep(0.4)
    looked = time.time()
    keeper.turn()
    took = time.time() - looked
    keeper.resign()
    assert [dyno.name for dyno in stage.dynos.one_offs()] == ["run.2"]
    *_, (died, none, _), (_, one, _) = stage.s.usage.workers_since(0.0)
    assert (none, one) == (0, 1)
    assert before - 0.1 <= died + 0.5 <= missed + took + 0.1, "its last report was half a second before"


def test_the_order_of_a_dead_leader_is_billed_once(stage: KeeperStage) -> None:
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


def test_changes_stay_in_order_when_a_clock_was_ahead(stage: KeeperStage) -> None:
    stage.s.usage.note_workers(time.time() + 30, 2, 0.1, "As a leader with another clock saw it.")
    stage.keeper().turn()
    assert [workers for _, workers, _ in stage.s.usage.workers_since(0.0)] == [2, 0]


def test_an_unchanged_number_is_noted_again_after_a_day(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = stage.keeper(min_workers=1)
    keeper.turn()
    keeper.turn()
    *_, (at, workers, _) = before = list(stage.s.usage.workers_since(0.0))
    assert workers == 1
    monkeypatch.setattr(billing, "LOOK_BACK_SECONDS", time.time() - at)
    keeper.turn()
    assert len(list(stage.s.usage.workers_since(0.0))) == len(before) + 1


def test_what_was_learned_is_written_after_an_export(stage: KeeperStage) -> None:
    stage.keeper(linger_seconds=0.0).turn()
    assert stage.s.usage.learned() is None
    export_id = stage.ready()
    steps.deliver(stage.s, export_id)
    stage.wipe_redis()
    stage.keeper(linger_seconds=0.0).turn()
    assert stage.s.usage.learned()


def test_an_export_teaches_when_it_ends_although_others_are_at_work(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy system is not idle for days; and what was learned is not lost with its leader."""
    monkeypatch.setattr(loop, "CHECK_SECONDS", 0.0)
    teaching: list[str] = []
    with_export = Learned.with_export

    def noted(known: Learned, export: Export) -> Learned:
        teaching.append(export.id)
        return with_export(known, export)

    keeper = stage.keeper(linger_seconds=0.0)
    first, second = stage.planned(), stage.planned(captions=False)
    keeper.turn()
    finish(stage, first)
    keeper.turn()
    ended = stage.s.exports.load(first)
    taught = Learned().with_export(ended)
    assert learned(stage) == taught
    monkeypatch.setattr(Learned, "with_export", noted)
    assert taught.page and ended.charge is None, "it is charged when all are over"
    finish(stage, second)
    until(lambda: bool(keeper.turn() or stage.s.exports.load(first).charge))
    keeper.turn()
    assert stage.s.exports.load(second).charge
    assert teaching == [second], "each teaches once"
    assert learned(stage) == taught.with_export(stage.s.exports.load(second))


def learned(stage: KeeperStage) -> Learned:
    """What was learned of exports."""
    return dataclasses.replace(Learned.decode(stage.s.usage.learned()), prices={}, boot=BOOT_SECONDS)


def finish(stage: KeeperStage, export_id: str) -> None:
    stage.render(export_id, 0, 1, 2)
    steps.assemble(stage.s, export_id)
    steps.deliver(stage.s, export_id)
