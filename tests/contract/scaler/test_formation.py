"""Workers of a formation, on local dynos: the quantity, the limits of the plan, and draining."""

from __future__ import annotations

import time
from typing import Any

import pytest

from local.dynos import Dynos, Fault
from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis.workers import DrainOrder, Worker
from pipeline.errors import HerokuDown, HerokuRefused
from pipeline.scaler import formation as formation_pool
from pipeline.scaler.formation import FormationPool, drained
from pipeline.scaler.pool import Limit

from .pools import Clock, Make, above, patches, resized, settings_for


def test_the_quantity_is_read_and_set(dynos: Dynos, formation: Make) -> None:
    dynos.scale({"web": 1})
    workers = formation()
    assert workers.configured
    assert workers.quantity() == 0
    assert resized(workers, 2) == 2
    assert workers.quantity() == 2
    assert resized(workers, 2) == 2
    assert (dynos.row("worker").quantity, dynos.row("web").quantity) == (2, 1)
    assert resized(workers, 0) == 0
    assert formation(WORKER_TYPE="web").quantity() == 1


def test_no_call_is_made_without_a_change(dynos: Dynos, formation: Make) -> None:
    workers = formation()
    for wanted in (2, 2, 2, 0, 0):
        resized(workers, wanted)
    assert workers.status().calls == len(dynos.requests) == 3


def test_prices_are_those_that_heroku_lists(dynos: Dynos, formation: Make) -> None:
    assert formation().prices()["standard-2x"] == pytest.approx(50 / (720 * 3600))
    dynos.faults.append(Fault(404))
    with pytest.raises(HerokuDown):
        formation().prices()


def test_without_key_or_app_nothing_is_scaled(formation: Make) -> None:
    assert not formation(HEROKU_API_KEY="").configured
    assert not formation(HEROKU_APP_NAME="").configured


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"HEROKU_API_KEY": "a-wrong-key"}, "Heroku refuses: the key is not valid"),
        ({"HEROKU_APP_NAME": "another"}, "Heroku refuses: there is no such app"),
        ({"WORKER_TYPE": "clock"}, "demo has no process type clock"),
    ],
)
def test_a_wrong_setting_is_reported(formation: Make, changes: dict[str, str], words: str) -> None:
    with pytest.raises(HerokuDown, match=words) as down:
        formation(**changes).quantity()
    assert down.value.advice
    assert "a-wrong-key" not in str(down.value)


def test_a_read_only_key_is_noticed_without_a_change(dynos: Dynos, formation: Make) -> None:
    workers = formation()
    resized(workers, 1)
    assert workers.check() == 1
    dynos.faults.extend([Fault(), Fault(422)])  # a platform that finds nothing to change in it
    assert workers.check() == 1
    dynos.faults.extend([Fault(), Fault(403)])
    with pytest.raises(HerokuDown, match="may not do this"):
        workers.check()
    assert dynos.row("worker").quantity == 1


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_key_is_reported_until_it_works_again(dynos: Dynos, formation: Make, status: int) -> None:
    workers = formation()
    resized(workers, 2)
    dynos.faults.append(Fault(status))
    with pytest.raises(HerokuRefused, match=r"cannot be stopped either.*money") as refused:
        resized(workers, 0)
    assert not refused.value.retry
    assert ("heroku authorizations:create" in refused.value.advice) == (status != 402)
    assert "heroku ps:scale worker=0" in refused.value.advice
    assert workers.status().refused == refused.value.message
    assert resized(workers, 0) == 0
    assert workers.status().refused is None


def test_no_more_workers_than_the_plan_allows(dynos: Dynos, formation: Make) -> None:
    workers = formation()
    assert resized(workers, 9) == 3
    assert workers.status().limit == 3
    before = len(dynos.requests)
    assert [resized(workers, wanted) for wanted in (9, 2, 9)] == [3, 2, 3]
    assert len(dynos.requests) - before == 2, "the limit is remembered"


def test_a_limit_over_all_dynos_counts_the_others(dynos: Dynos, formation: Make) -> None:
    dynos.scale({"web": 2})
    assert resized(formation(), 5) == 1


@pytest.mark.parametrize(
    ("fault", "now", "reached"),
    [
        (above("run", 2), 0, 2),
        (above("run", 1), 0, 1),
        (above("run", 0), 0, 0),
        (above("update", 2), 0, 1),  # it counts the web dyno
        (above("update", 1), 0, 0),
        (above("run", 1), 2, 2),  # there are more than it says: none is taken away
        (above("update", 1), 2, 2),
    ],
)
def test_the_limit_in_the_answer_is_used(
    dynos: Dynos, formation: Make, fault: Fault, now: int, reached: int
) -> None:
    dynos.limit = 100
    dynos.scale({"web": 1, "worker": now})
    workers = formation()
    workers.quantity()
    dynos.faults.append(fault)
    assert resized(workers, 5) == reached
    assert workers.status().limit == max(1, reached), "one is tried again"
    assert dynos.row("worker").quantity == reached
    assert patches(dynos) <= 2


def test_a_limit_is_forgotten_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    limit = Limit.noticed(2)
    assert (limit.current, limit.clip(5), limit.clip(1)) == (2, 2, 1)
    now += 3601
    assert (limit.current, limit.clip(5)) == (None, 5)


def worker(name: str, drains: str = "1", **more: bool) -> Worker:
    return Worker(name, name, more.pop("one_off", False), 0.0, more.get("busy", False), drains)


@pytest.mark.parametrize(
    ("workers", "drawn", "may"),
    [
        ([worker("worker.3"), worker("worker.4")], 0.0, True),
        ([worker("worker.2", "", busy=True), worker("worker.3"), worker("worker.4")], 0.0, True),
        ([worker("worker.3"), worker("worker.4", busy=True)], 99.0, False),
        ([worker("worker.3"), worker("worker.4", "")], 99.0, False),
        ([worker("worker.3"), worker("worker.4", "0")], 99.0, False),  # what it says is about an earlier line
        ([worker("worker.3")], 1.0, False),  # the other one may not have said yet that it is up
        ([worker("worker.3")], 5.0, True),
        ([], 5.0, True),
        ([worker("worker.3"), worker("worker.4"), worker("worker.4", "")], 5.0, False),  # two of one name: a deploy
        ([worker("worker.3"), worker("worker.4"), worker("worker-x9k2", "")], 5.0, False),  # it may be any of them
        ([worker("worker.3"), worker("worker.4"), worker("run.9", "", one_off=True)], 0.0, True),
    ],
)  # fmt: skip
def test_dynos_are_stopped_once_all_above_are_drained(workers: list[Worker], drawn: float, may: bool) -> None:
    assert drained(workers, DrainOrder(2, "1", drawn), 2, 4, settle_seconds=4.0) is may


def test_the_quantity_falls_after_the_highest_are_drained(dynos: Dynos, shared: Coordination) -> None:
    workers = FormationPool(settings_for(dynos), shared)
    resized(workers, 3)
    for name in ("worker.1", "worker.2", "worker.3"):
        shared.workers.report(Worker(name, name, False, time.time()))
    assert resized(workers, 1) == 3
    line = shared.workers.report(Worker("worker.1", "worker.1", False, time.time(), busy=True))
    assert line is not None
    shared.workers.report(Worker("worker.2", "worker.2", False, time.time(), busy=True, drains=line.mark))
    shared.workers.report(Worker("worker.3", "worker.3", False, time.time(), drains=line.mark))
    assert resized(workers, 1) == 3
    assert patches(dynos) == 1
    shared.workers.report(Worker("worker.2", "worker.2", False, time.time(), drains=line.mark))
    assert resized(workers, 1) == 1
    assert dynos.row("worker").quantity == 1


def test_silence_during_an_outage_is_not_death(
    dynos: Dynos, shared: Coordination, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drain order older than the outage says nothing about workers that were silent during it."""
    clock = Clock()
    monkeypatch.setattr(formation_pool, "time", clock)
    workers = FormationPool(settings_for(dynos), shared, settle_seconds=0.5)
    resized(workers, 2)
    drawing = [Worker(name, name, False, time.time(), busy=True) for name in ("worker.1", "worker.2")]
    for one in drawing:
        shared.workers.report(one)
    assert resized(workers, 1) == 2
    time.sleep(0.6)  # by the clock of Redis
    clock.now += 0.6
    client.delete(*(f"pipeline:workers:{one.id}" for one in drawing))
    workers.forget()  # as the keeper does when its lease has ended
    assert resized(workers, 1) == 2
    clock.now += 0.6  # they reach Redis again a while after us
    assert resized(workers, 1) == 2
    for one in drawing:
        shared.workers.report(one)
    clock.now += 0.6
    assert resized(workers, 1) == 2
    client.delete("pipeline:workers:worker.2")
    assert resized(workers, 1) == 1, "that one died"


def test_growing_again_ends_the_drain_order(shared: Coordination, dynos: Dynos) -> None:
    me = Worker("worker.2", "worker.2", False, time.time())
    shared.workers.report(me)
    workers = FormationPool(settings_for(dynos), shared)
    resized(workers, 2)
    resized(workers, 1)
    assert shared.workers.report(me) is not None
    assert resized(workers, 2) == 2
    assert shared.workers.report(me) is None
    assert patches(dynos) == 1


def test_a_worker_busy_beyond_the_time_limit_is_stopped(shared: Coordination, dynos: Dynos) -> None:
    shared.workers.report(Worker("worker.1", "worker.1", False, time.time(), busy=True))
    limits = {"SOFT_TIME_LIMIT": "0.1", "TIME_LIMIT": "0.2", "VISIBILITY_TIMEOUT": "1"}
    workers = FormationPool(settings_for(dynos, **limits), shared, settle_seconds=0.1)
    resized(workers, 1)
    assert resized(workers, 0) == 1
    time.sleep(0.4)
    assert resized(workers, 0) == 0
