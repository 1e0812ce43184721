"""Which workers are up, and the drain order, on a real Redis."""

from __future__ import annotations

import time
from typing import Any

import pytest

from pipeline.adapters.redis import Coordination, workers
from pipeline.adapters.redis.workers import Worker


def worker(name: str, **more: Any) -> Worker:
    return Worker(name, name, False, 7.0, **more)


def test_workers_are_listed_in_the_order_of_their_numbers(
    shared: Coordination,
) -> None:
    said = [worker("worker.2", busy=True), worker("worker.10", drains="2 1"), Worker("x", "worker-x9k2", True, 7.0)]
    for one in said:
        shared.workers.report(one)
    assert shared.workers.up() == [said[2], said[0], said[1]]
    assert [one.ordinal for one in shared.workers.up()] == [None, 2, 10]
    assert [bool(one.drains) for one in shared.workers.up()] == [False, False, True]
    shared.workers.sign_off("worker.2")
    assert [one.name for one in shared.workers.up()] == ["worker-x9k2", "worker.10"]


def test_a_silent_worker_is_forgotten(shared: Coordination, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shared.workers.report(worker("worker.1"))
    assert shared.workers.up()
    monkeypatch.setattr(workers, "FORGET_SECONDS", 0.1)
    shared.workers.report(worker("worker.1"))
    time.sleep(0.15)
    assert shared.workers.up() == []
    assert client.smembers("pipeline:workers") == set()


def test_a_drain_order_is_reported_and_expires(shared: Coordination) -> None:
    assert shared.workers.report(worker("worker.1")) is None
    shared.workers.drain(3)
    order = shared.workers.report(worker("worker.1"))
    assert order is not None
    assert order.ceiling == 3
    shared.workers.drain(3, seconds=0.05)
    time.sleep(0.1)
    assert shared.workers.report(worker("worker.1")) is None


def test_repeating_a_drain_order_changes_nothing(shared: Coordination) -> None:
    first = shared.workers.drain(3)
    time.sleep(0.05)
    again = shared.workers.drain(3)
    assert (again.ceiling, again.mark) == (3, first.mark)
    assert first.since_set < 0.05 <= again.since_set == again.since_raised


def test_a_falling_ceiling_keeps_its_mark(shared: Coordination) -> None:
    first = shared.workers.drain(3)
    time.sleep(0.05)
    lower = shared.workers.drain(2)
    assert lower.mark == first.mark, "what was said of the first is about this one too"
    assert lower.since_set < 0.05 <= lower.since_raised


def test_a_raised_or_ended_order_gets_a_new_mark(
    shared: Coordination,
) -> None:
    first = shared.workers.drain(2)
    time.sleep(0.01)
    raised = shared.workers.drain(3)
    assert raised.mark != first.mark
    assert shared.workers.drain(2).mark == raised.mark
    shared.workers.end_drain()
    time.sleep(0.01)
    assert shared.workers.drain(2).mark not in (first.mark, raised.mark)


def test_a_drain_order_from_before_the_clock_of_redis_went_back_begins_anew(
    shared: Coordination, client: Any
) -> None:
    """Otherwise it would seem to be given in the future, and no silent worker be stopped until then."""
    ahead = int((time.time() + 600) * 1000)
    client.set("pipeline:drain", f"3 {ahead} {ahead}")
    order = shared.workers.drain(3)
    assert order.mark != str(ahead), "workers acknowledge it again"
    assert (order.since_raised, order.since_set) == (0.0, 0.0)
    time.sleep(0.05)
    assert shared.workers.drain(3).since_raised >= 0.05


def test_every_key_expires(shared: Coordination, client: Any) -> None:
    shared.workers.report(worker("worker.1"))
    shared.workers.drain(1)
    keys = list(client.scan_iter())
    assert len(keys) == 3
    assert not [key for key in keys if client.ttl(key) <= 0]
