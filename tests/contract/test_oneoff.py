"""Workers as one-off dynos, on local dynos that misbehave: never one start too many, never one too few for long."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from local.dyno import Order
from local.dynos import Dynos, Fault
from local.services import Valkey
from pipeline.adapters.redis import Coordination, workers
from pipeline.adapters.redis.workers import Worker
from pipeline.errors import HerokuDown, HerokuRefused
from pipeline.scaler import one_off
from pipeline.scaler.formation import Formation
from pipeline.scaler.one_off import COMMAND, OneOffs
from pipeline.services import worker_pool
from pipeline.settings import Settings

Make = Callable[..., OneOffs]


@pytest.fixture
def dynos(tmp_path: Path) -> Iterator[Dynos]:
    (tmp_path / "Procfile").write_text("web: sleep 60\nworker: sleep 60\n")
    env = {"PATH": os.environ["PATH"]}
    with Dynos(tmp_path / "Procfile", env, cwd=tmp_path, log_folder=tmp_path / "logs", boot_seconds=60) as running:
        yield running


def settings_for(dynos: Dynos, **changes: str) -> Settings:
    given = {"HEROKU_API_URL": dynos.url, "HEROKU_API_KEY": dynos.key, "HEROKU_APP_NAME": dynos.app}
    return Settings.from_env(given | {"HEROKU_TIMEOUT": "0.25", "SCALER_WAY": "one-off"} | changes)


@pytest.fixture
def ways(dynos: Dynos, shared: Coordination) -> Make:
    return lambda **changes: OneOffs(settings_for(dynos, **changes), shared)


def starts(dynos: Dynos) -> int:
    return sum(call.method == "POST" for call in dynos.requests)


def test_the_settings_choose_the_way(dynos: Dynos, shared: Coordination) -> None:
    assert isinstance(worker_pool(settings_for(dynos), shared), OneOffs)
    assert isinstance(worker_pool(settings_for(dynos, SCALER_WAY=""), shared), Formation)


def test_so_many_dynos_are_started_with_size_and_time(dynos: Dynos, ways: Make) -> None:
    way = ways(ONE_OFF_SIZE="standard-2x", ONE_OFF_HOURS="2")
    assert way.configured
    assert way.quantity() == 0
    assert way.resize(2) == 2
    assert way.resize(2) == 2
    assert way.quantity() == 2
    first, second = dynos.dynos()
    assert (first.order.size, first.order.seconds, first.kind) == ("standard-2x", 7200, "run")
    assert first.order.command.startswith(COMMAND)
    assert first.order.command != second.order.command, "each start has an id"
    assert way.standing().calls == len(dynos.requests) == 5
    assert way.standing().ordered_at == pytest.approx(time.time(), abs=60)


def test_dynos_of_others_are_not_counted(dynos: Dynos, ways: Make) -> None:
    dynos.scale({"worker": 1})
    dynos.run("run", Order("bash", "basic", one_off=True))
    assert ways().quantity() == 0
    assert ways().resize(1) == 1


def test_down_is_a_word_in_redis_and_no_call(dynos: Dynos, ways: Make, shared: Coordination) -> None:
    way = ways()
    way.resize(2)
    calls = len(dynos.requests)
    assert way.resize(1) == 2
    assert len(dynos.requests) == calls
    line = shared.workers.report(Worker("a", "run.1", True, time.time()))
    assert line is not None
    assert line.ceiling == 1


def test_who_leaves_is_not_counted_any_more_without_a_call(dynos: Dynos, ways: Make, shared: Coordination) -> None:
    way = ways()
    way.resize(2)
    first, second = (dyno.order.command.split()[-1] for dyno in dynos.dynos())
    for start_id in (first, second):
        shared.workers.report(Worker(start_id, "run.7", True, time.time()))
    assert way.resize(0) == 2
    calls = len(dynos.requests)
    assert shared.workers.leave(first)
    assert (way.resize(0), way.standing().leaving) == (1, 1), "and is paid until it is gone"
    before = time.time()
    shared.workers.sign_off(first)
    assert (way.resize(0), way.standing().leaving) == (1, 0)
    gone = way.since(2)
    assert gone is not None
    assert before <= gone <= time.time()
    shared.workers.sign_off(second)
    assert way.resize(0) == 0
    assert len(dynos.requests) == calls


def test_who_said_that_it_leaves_and_was_killed_then_is_not_paid_for_ever(
    dynos: Dynos, ways: Make, shared: Coordination, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = ways()
    way.resize(1)
    start_id = dynos.dyno("run.1").order.command.split()[-1]
    shared.workers.report(Worker(start_id, "run.1", True, time.time()))
    way.resize(0)
    assert shared.workers.leave(start_id)
    monkeypatch.setattr(one_off, "EXIT_MOST", 0.0)
    assert (way.resize(0), way.standing().leaving) == (0, 0)
    assert way.since(1) is None, "nobody knows"


def test_another_leader_counts_those_that_are_leaving(dynos: Dynos, ways: Make, shared: Coordination) -> None:
    ways().resize(2)
    start_id = dynos.dyno("run.1").order.command.split()[-1]
    shared.workers.report(Worker(start_id, "run.1", True, time.time()))
    shared.workers.drain(0)
    assert shared.workers.leave(start_id)
    other = ways()
    assert (other.quantity(), other.standing().leaving) == (1, 1)
    ordered = other.since(1)
    assert ordered is not None
    assert ordered == pytest.approx(time.time(), abs=60)
    shared.workers.sign_off(start_id)
    assert (other.resize(1), other.standing().leaving) == (1, 0)


def test_who_is_missed_for_a_moment_because_redis_was_wiped_is_paid_all_the_same(
    dynos: Dynos, ways: Make, shared: Coordination, valkey_server: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = ways()
    way.resize(1)
    worker = Worker(dynos.dyno("run.1").order.command.split()[-1], "run.1", True, time.time())
    shared.workers.report(worker)
    way.resize(1)
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    assert way.resize(0) == 1
    shared.workers.report(worker)
    assert way.resize(0) == 1
    monkeypatch.setattr(one_off, "MISSED", 0.0)
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    way.resize(0)
    assert way.resize(0) == 0, "it died"
    assert way.since(1) == pytest.approx(time.time() - workers.FORGET_SECONDS, abs=1), (
        "when nobody had heard of it any more"
    )


def test_who_cannot_speak_yet_after_redis_was_away_is_paid_all_the_same(
    dynos: Dynos, ways: Make, shared: Coordination, valkey_server: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_off, "MISSED", 0.0)
    way = ways()
    way.resize(1)
    shared.workers.report(Worker(dynos.dyno("run.1").order.command.split()[-1], "run.1", True, time.time()))
    way.resize(1)
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    way.forget()
    assert way.quantity() == 1
    assert [way.resize(0) for _ in range(3)] == [1, 1, 1]
    dynos.stop_dyno("run.1")
    assert way.quantity() == 0


def test_who_leaves_is_replaced_at_once_though_heroku_lists_it_for_seconds_yet(
    dynos: Dynos, ways: Make, shared: Coordination
) -> None:
    way = ways()
    assert way.resize(1) == 1
    (left,) = [dyno.order.command.removeprefix(COMMAND).strip() for dyno in dynos.dynos()]
    shared.workers.report(Worker(left, "run.1", True, 0.0))
    assert way.resize(0) == 1
    assert shared.workers.leave(left)
    assert way.resize(0) == 0
    assert way.resize(1) == 1
    assert (starts(dynos), len(dynos.dynos())) == (2, 2)
    assert ways().quantity() == 1, "another leader counts alike"


def test_after_redis_was_wiped_no_dyno_is_started_a_second_time(
    dynos: Dynos, ways: Make, shared: Coordination, valkey_server: Valkey
) -> None:
    way = ways()
    way.resize(1)
    start_id = dynos.dyno("run.1").order.command.split()[-1]
    shared.workers.report(Worker(start_id, "run.1", True, time.time()))
    way.resize(1)
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    assert way.resize(1) == 1
    assert starts(dynos) == 1


def test_who_has_left_is_replaced_when_there_is_work_again(dynos: Dynos, ways: Make) -> None:
    way = ways()
    way.resize(2)
    dynos.stop_dyno("run.1")
    assert way.quantity() == 1
    assert way.resize(2) == 2
    assert starts(dynos) == 3


@pytest.mark.parametrize(
    "fault",
    [Fault(lost=True), Fault(503, lost=True), Fault(200, body="<html>", lost=True)],
    ids=["reset", "503", "garbage"],
)
def test_a_start_whose_answer_was_lost_is_found_in_the_list_and_not_repeated(
    dynos: Dynos, ways: Make, fault: Fault
) -> None:
    way = ways()
    way.quantity()
    dynos.faults.extend([Fault(), fault])
    assert way.resize(1) == 1
    assert (starts(dynos), len(dynos.dynos())) == (1, 1)


@pytest.mark.parametrize(
    "fault", [Fault(reset=True), Fault(500), Fault(200, body="[]")], ids=["reset", "500", "garbage"]
)
def test_a_start_that_did_not_arrive_is_said_and_tried_at_the_next_turn(
    dynos: Dynos, ways: Make, fault: Fault
) -> None:
    way = ways()
    way.quantity()
    dynos.faults.extend([Fault(), fault])
    with pytest.raises(HerokuDown):
        way.resize(1)
    assert starts(dynos) == 1
    assert way.resize(1) == 1
    assert len(dynos.dynos()) == 1


def test_a_start_that_arrives_late_is_counted_before_another_is_asked_for(dynos: Dynos, ways: Make) -> None:
    way = ways()
    way.quantity()
    dynos.faults.extend([Fault(), Fault(hang=0.6)])
    with pytest.raises(HerokuDown):
        way.resize(1)
    time.sleep(1)
    assert way.resize(1) == 1
    assert (starts(dynos), len(dynos.dynos())) == (1, 1)


def test_the_list_is_asked_again_when_it_could_not_be_had_after_an_unclear_answer(dynos: Dynos, ways: Make) -> None:
    way = ways()
    way.quantity()
    dynos.faults.extend([Fault(), Fault(lost=True), Fault(404)])
    with pytest.raises(HerokuDown):
        way.resize(1)
    assert way.resize(1) == 1
    assert (starts(dynos), len(dynos.dynos())) == (1, 1)


def test_more_than_the_plan_allows_are_as_many_as_it_allows(dynos: Dynos, ways: Make) -> None:
    dynos.one_off_limit = 2
    way = ways()
    assert way.resize(5) == 2
    assert way.standing().limit == 2
    calls = len(dynos.requests)
    assert way.resize(5) == 2
    assert len(dynos.requests) == calls


def test_who_was_allowed_none_asks_again(dynos: Dynos, ways: Make) -> None:
    dynos.one_off_limit = 0
    way = ways()
    assert way.resize(2) == 0
    dynos.one_off_limit = 9
    assert way.resize(2) == 1, "not none for an hour"


def test_a_key_that_is_refused_is_known(dynos: Dynos, ways: Make) -> None:
    way = ways(HEROKU_API_KEY="wrong")
    with pytest.raises(HerokuRefused):
        way.resize(1)
    assert way.standing().refused
    with pytest.raises(HerokuRefused):
        way.check()
    assert ways().check() == 0


def test_workers_of_the_formation_that_were_left_behind_are_said(dynos: Dynos, ways: Make) -> None:
    """As when the way was changed while they ran: they are counted by nobody, and go on costing money."""
    dynos.scale({"worker": 2})
    with pytest.raises(HerokuDown, match="2 of the formation's worker") as caught:
        ways().check()
    assert caught.value.advice == "heroku ps:scale worker=0"


# leaving


def test_of_workers_that_ask_to_leave_only_so_many_as_are_too_many_may(shared: Coordination) -> None:
    for name in "abc":
        shared.workers.report(Worker(name, f"run.{name}", True, 0.0))
    shared.workers.drain(2)
    assert [shared.workers.leave(name) for name in "abc"] == [True, False, False]
    assert [worker.id for worker in shared.workers.up()] == ["b", "c"]
    shared.workers.end_drain()
    assert shared.workers.leave("b"), "nobody says how many there shall be"
