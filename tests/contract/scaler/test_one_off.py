"""Workers as one-off dynos, on a failing platform: never one too many, never one too few for long."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from local.dyno import DynoSpec
from local.dynos import Dynos, Fault
from local.services import Valkey
from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis.workers import FORGET_SECONDS, Worker
from pipeline.errors import HerokuDown, HerokuRefused
from pipeline.scaler.formation import FormationPool
from pipeline.scaler.one_off import COMMAND, EXIT_SECONDS, MISSED_SECONDS, OneOffPool
from pipeline.services import worker_pool
from pipeline.settings import Settings

from ...waiting import until
from .pools import LONG, resized, settings_for

Make = Callable[..., OneOffPool]


@pytest.fixture
def dynos(tmp_path: Path) -> Iterator[Dynos]:
    (tmp_path / "Procfile").write_text("web: sleep 600\nworker: sleep 600\n")
    env = {"PATH": os.environ["PATH"]}
    with Dynos(
        tmp_path / "Procfile", env, cwd=tmp_path, log_folder=tmp_path / "logs", boot_seconds=LONG
    ) as running:
        yield running


def one_off_settings(dynos: Dynos, **changes: str) -> Settings:
    return settings_for(dynos, **{"SCALER_MODE": "one-off"} | changes)


@pytest.fixture
def make(dynos: Dynos, shared: Coordination) -> Make:
    """Pools of these dynos, with changed times and settings."""

    def made(
        exit_seconds: float = EXIT_SECONDS, missed_seconds: float = MISSED_SECONDS, **changes: str
    ) -> OneOffPool:
        settings = one_off_settings(dynos, **changes)
        return OneOffPool(settings, shared, exit_seconds=exit_seconds, missed_seconds=missed_seconds)

    return made


def starts(dynos: Dynos) -> int:
    return sum(call.method == "POST" for call in dynos.requests)


def test_the_settings_choose_the_pool(dynos: Dynos, shared: Coordination) -> None:
    assert isinstance(worker_pool(one_off_settings(dynos), shared), OneOffPool)
    assert isinstance(worker_pool(one_off_settings(dynos, SCALER_MODE=""), shared), FormationPool)


def test_dynos_are_started_with_size_and_time_limit(dynos: Dynos, make: Make) -> None:
    pool = make(ONE_OFF_SIZE="standard-2x", ONE_OFF_HOURS="2")
    assert pool.configured
    assert pool.quantity() == 0
    assert resized(pool, 2) == 2
    assert resized(pool, 2) == 2
    assert pool.quantity() == 2
    first, second = dynos.dynos()
    assert (first.spec.size, first.spec.seconds, first.kind) == ("Standard-2X", 7200, "run")
    assert first.spec.command.startswith(COMMAND)
    assert first.spec.command != second.spec.command, "each start has an id"
    assert pool.status().calls == len(dynos.requests) == 5
    assert pool.status().ordered_at == pytest.approx(time.time(), abs=60)


def test_other_dynos_are_not_counted(dynos: Dynos, make: Make) -> None:
    dynos.scale({"worker": 1})
    dynos.run("run", DynoSpec("bash", "basic", one_off=True))
    assert make().quantity() == 0
    assert resized(make(), 1) == 1


def test_shrinking_is_a_drain_order_and_no_call(dynos: Dynos, make: Make, shared: Coordination) -> None:
    pool = make()
    resized(pool, 2)
    calls = len(dynos.requests)
    assert resized(pool, 1) == 2
    assert len(dynos.requests) == calls
    line = shared.workers.report(Worker("a", "run.1", True, time.time()))
    assert line is not None
    assert line.ceiling == 1


def test_a_leaving_worker_is_uncounted_without_a_call(dynos: Dynos, make: Make, shared: Coordination) -> None:
    pool = make()
    resized(pool, 2)
    first, second = (dyno.spec.command.split()[-1] for dyno in dynos.dynos())
    for start_id in (first, second):
        shared.workers.report(Worker(start_id, "run.7", True, time.time()))
    assert resized(pool, 0) == 2
    calls = len(dynos.requests)
    assert shared.workers.leave(first)
    assert (resized(pool, 0), pool.status().leaving) == (1, 1), "and is paid until it is gone"
    before = time.time()
    shared.workers.sign_off(first)
    assert (resized(pool, 0), pool.status().leaving) == (1, 0)
    gone = pool.changed_at(2)
    assert gone is not None
    assert before <= gone <= time.time()
    shared.workers.sign_off(second)
    assert resized(pool, 0) == 0
    assert len(dynos.requests) == calls


def test_a_worker_killed_while_leaving_is_given_up(dynos: Dynos, make: Make, shared: Coordination) -> None:
    pool = make(exit_seconds=0.0)
    resized(pool, 1)
    start_id = dynos.dyno("run.1").spec.command.split()[-1]
    shared.workers.report(Worker(start_id, "run.1", True, time.time()))
    resized(pool, 0)
    assert shared.workers.leave(start_id)
    assert (resized(pool, 0), pool.status().leaving) == (0, 0)
    assert pool.changed_at(1) is None, "not known"


def test_another_leader_counts_leaving_workers(dynos: Dynos, make: Make, shared: Coordination) -> None:
    resized(make(), 2)
    start_id = dynos.dyno("run.1").spec.command.split()[-1]
    shared.workers.report(Worker(start_id, "run.1", True, time.time()))
    shared.workers.drain(0)
    assert shared.workers.leave(start_id)
    other = make()
    assert (other.quantity(), other.status().leaving) == (1, 1)
    ordered = other.changed_at(1)
    assert ordered is not None
    assert ordered == pytest.approx(time.time(), abs=60)
    shared.workers.sign_off(start_id)
    assert (resized(other, 1), other.status().leaving) == (1, 0)


def up(dynos: Dynos, shared: Coordination, *names: str) -> list[str]:
    """Let the workers of these dynos report. Returns their ids."""
    ids = [dynos.dyno(name).spec.command.split()[-1] for name in names]
    for start_id, name in zip(ids, names, strict=True):
        shared.workers.report(Worker(start_id, name, True, time.time()))
    return ids


def leave(shared: Coordination, start_id: str) -> float:
    """Let a worker leave. Returns a moment behind that at which it was gone."""
    shared.workers.drain(0)
    assert shared.workers.leave(start_id)
    shared.workers.sign_off(start_id)
    return time.time()


def asked_in_vain(pool: OneOffPool, dynos: Dynos) -> None:
    dynos.faults.append(Fault(404))
    with pytest.raises(HerokuDown):
        pool.quantity()


def test_a_worker_that_left_while_heroku_did_not_answer_is_paid_until_then(
    dynos: Dynos, make: Make, shared: Coordination
) -> None:
    pool = make()
    resized(pool, 3)
    first, second, _ = up(dynos, shared, "run.1", "run.2", "run.3")
    assert resized(pool, 0) == 3
    pool.forget()
    left = leave(shared, first)
    assert shared.workers.leave(second)
    dynos.stop_dyno("run.1")
    asked_in_vain(pool, dynos)
    time.sleep(0.1)  # so that the answer comes later than the end
    assert (pool.quantity(), pool.status().leaving) == (1, 1)
    pool.refresh()
    assert left - 1 < (pool.changed_at(3) or 0.0) <= left, "not when Heroku answered again"
    pool.refresh()
    assert pool.changed_at(3) is None, "it is told once"


def test_a_worker_that_left_while_a_start_failed_is_paid_until_then(
    dynos: Dynos, make: Make, shared: Coordination
) -> None:
    pool = make()
    resized(pool, 1)
    (first,) = up(dynos, shared, "run.1")
    resized(pool, 1)
    dynos.faults.extend([Fault(), Fault(404, method="POST")])
    with pytest.raises(HerokuDown):
        resized(pool, 2)
    left = leave(shared, first)
    dynos.stop_dyno("run.1")
    assert pool.quantity() == 0
    pool.refresh()
    assert left - 1 < (pool.changed_at(1) or 0.0) <= left


def test_nothing_is_said_of_workers_of_which_one_did_not_say_that_it_left(
    dynos: Dynos, make: Make, shared: Coordination
) -> None:
    """Otherwise the one that died would be paid for too short a time."""
    pool = make()
    resized(pool, 2)
    first, _ = up(dynos, shared, "run.1", "run.2")
    assert resized(pool, 0) == 2
    pool.forget()
    leave(shared, first)
    dynos.stop_dyno("run.1")
    dynos.stop_dyno("run.2")
    assert pool.quantity() == 0
    pool.refresh()
    assert pool.changed_at(2) is None


def test_a_worker_missed_after_a_wipe_is_still_counted(
    dynos: Dynos, make: Make, shared: Coordination, valkey_server: Valkey
) -> None:
    pool = make(missed_seconds=1.0)
    resized(pool, 1)
    worker = Worker(dynos.dyno("run.1").spec.command.split()[-1], "run.1", True, time.time())
    shared.workers.report(worker)
    resized(pool, 1)
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    assert resized(pool, 0) == 1
    shared.workers.report(worker)
    assert resized(pool, 0) == 1
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    before = time.time()
    resized(pool, 0)
    missed = time.time()
    time.sleep(1.1)
    looked = time.time()
    assert resized(pool, 0) == 0, "it died"
    took = time.time() - looked
    died = pool.changed_at(1)
    assert died is not None
    assert before - 0.1 <= died + FORGET_SECONDS <= missed + took + 0.1, "its last report was so long before"


def test_a_worker_silent_after_an_outage_is_still_counted(
    dynos: Dynos, make: Make, shared: Coordination, valkey_server: Valkey
) -> None:
    pool = make(missed_seconds=0.0)
    resized(pool, 1)
    shared.workers.report(Worker(dynos.dyno("run.1").spec.command.split()[-1], "run.1", True, time.time()))
    resized(pool, 1)
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    pool.forget()
    assert pool.quantity() == 1
    assert [resized(pool, 0) for _ in range(3)] == [1, 1, 1]
    dynos.stop_dyno("run.1")
    assert pool.quantity() == 0


def test_a_leaving_worker_is_replaced_at_once(dynos: Dynos, make: Make, shared: Coordination) -> None:
    pool = make()
    assert resized(pool, 1) == 1
    (left,) = [dyno.spec.command.removeprefix(COMMAND).strip() for dyno in dynos.dynos()]
    shared.workers.report(Worker(left, "run.1", True, 0.0))
    assert resized(pool, 0) == 1
    assert shared.workers.leave(left)
    assert resized(pool, 0) == 0
    assert resized(pool, 1) == 1
    assert (starts(dynos), len(dynos.dynos())) == (2, 2)
    assert make().quantity() == 1, "another leader counts alike"


def test_a_wipe_of_redis_starts_no_second_dyno(
    dynos: Dynos, make: Make, shared: Coordination, valkey_server: Valkey
) -> None:
    pool = make()
    resized(pool, 1)
    start_id = dynos.dyno("run.1").spec.command.split()[-1]
    shared.workers.report(Worker(start_id, "run.1", True, time.time()))
    resized(pool, 1)
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    assert resized(pool, 1) == 1
    assert starts(dynos) == 1


def test_a_stopped_dyno_is_replaced_when_there_is_work(dynos: Dynos, make: Make) -> None:
    pool = make()
    resized(pool, 2)
    dynos.stop_dyno("run.1")
    assert pool.quantity() == 1
    assert resized(pool, 2) == 2
    assert starts(dynos) == 3


@pytest.mark.parametrize(
    "fault",
    [Fault(lost=True), Fault(503, lost=True), Fault(200, body="<html>", lost=True)],
    ids=["reset", "503", "garbage"],
)
def test_a_start_with_a_lost_answer_is_not_repeated(dynos: Dynos, make: Make, fault: Fault) -> None:
    pool = make()
    pool.quantity()
    dynos.faults.extend([Fault(), fault])
    assert resized(pool, 1) == 1
    assert (starts(dynos), len(dynos.dynos())) == (1, 1)


@pytest.mark.parametrize(
    "fault", [Fault(reset=True), Fault(500), Fault(200, body="[]")], ids=["reset", "500", "garbage"]
)
def test_a_failed_start_is_tried_at_the_next_turn(dynos: Dynos, make: Make, fault: Fault) -> None:
    pool = make()
    pool.quantity()
    dynos.faults.extend([Fault(), fault])
    with pytest.raises(HerokuDown):
        resized(pool, 1)
    assert starts(dynos) == 1
    assert resized(pool, 1) == 1
    assert len(dynos.dynos()) == 1


def test_a_late_start_is_counted_before_another(dynos: Dynos, make: Make) -> None:
    pool = make(HEROKU_TIMEOUT="1")
    pool.quantity()
    dynos.faults.append(Fault(hang=LONG, method="POST"))
    with pytest.raises(HerokuDown):
        resized(pool, 1)
    assert pool.status().quantity is None, "it may have come, and be paid"
    dynos.end_hangs()
    until(lambda: dynos.dynos())
    assert resized(pool, 1) == 1
    assert (starts(dynos), len(dynos.dynos())) == (1, 1)


def test_a_missing_list_is_asked_for_again(dynos: Dynos, make: Make) -> None:
    pool = make()
    pool.quantity()
    dynos.faults.extend([Fault(), Fault(lost=True), Fault(404)])
    with pytest.raises(HerokuDown):
        resized(pool, 1)
    assert resized(pool, 1) == 1
    assert (starts(dynos), len(dynos.dynos())) == (1, 1)


def test_no_more_one_off_dynos_than_the_plan_allows(dynos: Dynos, make: Make) -> None:
    dynos.one_off_limit = 2
    pool = make()
    assert resized(pool, 5) == 2
    assert pool.status().limit == 2
    calls = len(dynos.requests)
    assert resized(pool, 5) == 2
    assert len(dynos.requests) == calls


def test_a_limit_of_zero_is_tried_again(dynos: Dynos, make: Make) -> None:
    dynos.one_off_limit = 0
    pool = make()
    assert resized(pool, 2) == 0
    dynos.one_off_limit = 9
    assert resized(pool, 2) == 1, "not 0 for an hour"


def test_a_refused_key_is_reported(dynos: Dynos, make: Make) -> None:
    pool = make(HEROKU_API_KEY="wrong")
    with pytest.raises(HerokuRefused):
        resized(pool, 1)
    assert pool.status().refused
    with pytest.raises(HerokuRefused):
        pool.check()
    assert make().check() == 0


def test_leftover_workers_of_the_formation_are_reported(dynos: Dynos, make: Make) -> None:
    """As when SCALER_MODE was changed while they ran: they are not counted, and go on costing money."""
    dynos.scale({"worker": 2})
    with pytest.raises(HerokuDown, match="2 worker dynos of the formation") as caught:
        make().check()
    assert caught.value.advice == "heroku ps:scale worker=0"


# leaving


def test_only_surplus_workers_may_leave(shared: Coordination) -> None:
    for name in "abc":
        shared.workers.report(Worker(name, f"run.{name}", True, 0.0))
    shared.workers.drain(2)
    assert [shared.workers.leave(name) for name in "abc"] == [True, False, False]
    assert [worker.id for worker in shared.workers.up()] == ["b", "c"]
    shared.workers.end_drain()
    assert shared.workers.leave("b"), "without a drain order it may leave"
