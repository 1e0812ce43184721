"""A worker that reports, and obeys the drain order, on a real Redis."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from local.services import Valkey
from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis.wakeup import Wakeup
from pipeline.adapters.redis.workers import DrainOrder, Worker, Workers
from pipeline.settings import Settings
from pipeline.tasks import heartbeat as presences
from pipeline.tasks.app import make_app
from pipeline.tasks.heartbeat import Heartbeat
from pipeline.tasks.worker import Companion, consuming_step


def worker(name: str, **more: Any) -> Worker:
    return Worker(name, name, False, 7.0, **more)


@pytest.mark.parametrize(
    ("name", "ceiling", "may"),
    [
        ("worker.3", None, True), ("worker.3", 3, True), ("worker.4", 3, False), ("worker.1", 0, False),
        ("worker-x9k2", 1, True), ("worker-x9k2", 0, False), ("worker", 1, True),
    ],
)  # fmt: skip
def test_a_worker_above_the_ceiling_takes_no_work(
    shared: Coordination, name: str, ceiling: int | None, may: bool
) -> None:
    if ceiling is not None:
        shared.workers.drain(ceiling)
    presence = Heartbeat(shared, worker(name), linger=5)
    presence.start()
    assert presence.may_work is may
    presence.update(busy=False, paused=not may)
    presence.start()
    presence.stop()
    assert shared.workers.up() == []


def test_a_drain_is_acknowledged_when_work_is_laid_down(shared: Coordination) -> None:
    order = shared.workers.drain(1)
    presence = Heartbeat(shared, worker("worker.2"), linger=5)
    presence.update(busy=True, paused=False)
    presence.start()
    assert [(one.busy, bool(one.drains)) for one in shared.workers.up()] == [(True, False)]
    presence.update(busy=False, paused=True)
    deadline = time.monotonic() + 20
    while [one.drains for one in shared.workers.up()] != [order.mark]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    presence.stop()


def test_a_worker_that_may_work_again_acknowledges_nothing(valkey_server: Valkey, shared: Coordination) -> None:
    """The order may fall again at once, and keeps its mark: it would be stopped, although it has taken up work."""
    said = []

    class Slow(Workers):
        def report(self, worker: Worker) -> DrainOrder | None:
            said.append(worker.drains)
            return super().report(worker)

    class Late(Wakeup):
        def wake(self) -> None:
            presence.update(busy=False, paused=True)

    opened = Coordination.open(Settings.from_env({"REDIS_URL": valkey_server.url}))
    slow = replace(opened, workers=Slow(opened.client), wakeup=Late(opened.client))
    presence = Heartbeat(slow, worker("worker.2"), linger=5)
    shared.workers.drain(1)
    presence.start()
    presence.update(busy=True, paused=False)
    raised = shared.workers.drain(2)
    presence.update(busy=False, paused=True)  # it has just laid down its work, which is news
    deadline = time.monotonic() + 20
    while not presence.may_work or len(said) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert raised.mark not in said
    presence.stop()


def test_a_worker_still_taking_up_work_acknowledges_nothing(shared: Coordination, settings: Settings) -> None:
    order = shared.workers.drain(1)
    presence = Heartbeat(shared, worker("worker.2"), linger=5)
    presence.may_work = True

    class Consumer:
        """Takes up work so slowly that another order arrives in between."""

        def __init__(self) -> None:
            self.task_consumer = self
            self.queues: list[str] = []

        def add_task_queue(self, name: str) -> None:
            self.queues.append(name)
            presence.start()

    companion = Companion(make_app(settings), None)
    vars(companion)["heartbeat"] = presence
    step = consuming_step(companion)(None)
    step._turn(Consumer())  # what Celery's timer calls
    assert not presence.may_work
    time.sleep(2 * presences.HEARTBEAT_SECONDS)
    assert order.mark not in {one.drains for one in shared.workers.up()}
    presence.stop()


def test_becoming_idle_or_draining_is_reported_at_once(
    shared: Coordination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presences, "HEARTBEAT_SECONDS", 60.0)
    order = shared.workers.drain(1)
    presence = Heartbeat(shared, worker("worker.2"), linger=5)
    presence.start()
    presence.update(busy=True, paused=False)
    assert not shared.wakeup.wait(0.2), "to become busy is no news"
    for laid_down, said in ((False, ""), (True, order.mark)):
        presence.update(busy=False, paused=laid_down)
        assert shared.wakeup.wait(20)
        assert [(one.busy, one.drains) for one in shared.workers.up()] == [(False, said)]
    presence.update(busy=False, paused=True)
    assert not shared.wakeup.wait(0.2), "it was said"
    presence.stop()


def test_a_slow_start_does_not_count_as_idle(shared: Coordination) -> None:
    presence = Heartbeat(shared, Worker("run", "run.1", True, 7.0), linger=0.1)
    time.sleep(1.1)  # imports, on a busy machine
    presence.start()
    assert not presence.should_exit
    assert [one.id for one in shared.workers.up()] == ["run"]
    presence.stop()
