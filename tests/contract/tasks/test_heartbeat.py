"""What a worker reports, and when it may work, on a real Redis."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path
from signal import SIGKILL
from types import SimpleNamespace
from typing import Any

import pytest

from local.services import Valkey
from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis.wakeup import Wakeup
from pipeline.adapters.redis.workers import DrainOrder, Worker, Workers
from pipeline.settings import Settings
from pipeline.tasks import heartbeat as heartbeats
from pipeline.tasks.app import make_app
from pipeline.tasks.heartbeat import Heartbeat
from pipeline.tasks.worker import Companion, consuming_step

from ...commands import CELERY, SECONDS
from ...conftest import Environ
from ...waiting import PATIENCE, until
from . import hanging


def worker(name: str, **more: Any) -> Worker:
    return Worker(name, name, False, 7.0, **more)


def one_off(name: str) -> Worker:
    return Worker(name, f"run.{name}", True, 7.0)


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
    heartbeat = Heartbeat(shared, worker(name), linger=5)
    heartbeat.start()
    assert heartbeat.may_work is may
    heartbeat.update(busy=False, paused=not may)
    heartbeat.start()
    heartbeat.stop()
    assert shared.workers.up() == []


def test_a_worker_drains_only_once_it_has_paused(shared: Coordination) -> None:
    order = shared.workers.drain(1)
    heartbeat = Heartbeat(shared, worker("worker.2"), linger=5, end=lambda: None)  # its loop does not turn
    heartbeat.update(busy=True, paused=False)
    heartbeat.start()
    assert [(one.busy, bool(one.drains)) for one in shared.workers.up()] == [(True, False)]
    heartbeat.update(busy=False, paused=True)
    until(lambda: [one.drains for one in shared.workers.up()] == [order.mark])
    heartbeat.stop()


def test_a_worker_reports_on_after_an_error_of_the_program(shared: Coordination) -> None:
    said = []

    class Faulty(Workers):
        def report(self, worker: Worker) -> DrainOrder | None:
            said.append(worker.busy)
            if len(said) == 2:
                raise AttributeError("as of a client whose connection was closed")
            return super().report(worker)

    heartbeat = Heartbeat(replace(shared, workers=Faulty(shared.client)), worker("worker.1"), linger=5)
    heartbeat.start()
    until(lambda: len(said) >= 4)
    heartbeat.stop()


def test_a_worker_that_may_work_again_does_not_drain(valkey_server: Valkey, shared: Coordination) -> None:
    """The ceiling may fall again at once, with the same mark: the worker would be stopped while it works."""
    said = []

    class Slow(Workers):
        def report(self, worker: Worker) -> DrainOrder | None:
            said.append(worker.drains)
            return super().report(worker)

    class Late(Wakeup):
        def wake(self) -> None:
            heartbeat.update(busy=False, paused=True)

    opened = Coordination.open(Settings.from_env({"REDIS_URL": valkey_server.url}))
    slow = replace(opened, workers=Slow(opened.client), wakeup=Late(opened.client))
    heartbeat = Heartbeat(slow, worker("worker.2"), linger=5, end=lambda: None)  # its loop does not turn
    shared.workers.drain(1)
    heartbeat.start()
    heartbeat.update(busy=True, paused=False)
    raised = shared.workers.drain(2)
    heartbeat.update(busy=False, paused=True)  # it has just paused, which is reported at once
    until(lambda: heartbeat.may_work and len(said) >= 4)
    assert raised.mark not in said
    heartbeat.stop()


def test_a_worker_stopped_while_resuming_does_not_drain(
    shared: Coordination,
    settings: Settings,
) -> None:
    order = shared.workers.drain(1)
    heartbeat = Heartbeat(shared, worker("worker.2"), linger=5)
    heartbeat.may_work = True

    class Consumer:
        """Takes so long to resume that the worker hears another drain order meanwhile."""

        def __init__(self) -> None:
            self.task_consumer = self.channel = self.qos = self
            self.queues: list[str] = []

        def can_consume_max_estimate(self) -> None:
            """Messages that it may take: without limit."""

        def add_task_queue(self, name: str) -> None:
            self.queues.append(name)
            heartbeat.start()

    companion = Companion(make_app(settings), None)
    vars(companion)["heartbeat"] = heartbeat
    step = consuming_step(companion)(None)
    step._turn(Consumer())  # what Celery's timer calls
    assert not heartbeat.may_work
    time.sleep(2 * heartbeats.HEARTBEAT_SECONDS)
    assert order.mark not in {one.drains for one in shared.workers.up()}
    heartbeat.stop()


def test_a_worker_that_becomes_idle_or_pauses_reports_at_once(
    shared: Coordination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "HEARTBEAT_SECONDS", 60.0)
    order = shared.workers.drain(1)
    heartbeat = Heartbeat(shared, worker("worker.2"), linger=5, end=lambda: None)  # its loop does not turn
    heartbeat.start()
    heartbeat.update(busy=True, paused=False)
    assert not shared.wakeup.wait(0.2), "becoming busy is not reported at once"
    for paused, said in ((False, ""), (True, order.mark)):
        heartbeat.update(busy=False, paused=paused)
        until(lambda: shared.wakeup.wait(20))
        assert [(one.busy, one.drains) for one in shared.workers.up()] == [(False, said)]
    heartbeat.update(busy=False, paused=True)
    assert not shared.wakeup.wait(0.2), "it was reported"
    heartbeat.stop()


def test_a_worker_that_hands_over_a_notice_is_neither_drained_nor_surplus(shared: Coordination) -> None:
    """Its dyno would be stopped before the answer is noted. It is not busy: it could take work."""
    order = shared.workers.drain(0)
    workers = [Heartbeat(shared, worker("worker.1"), linger=0), Heartbeat(shared, one_off("run"), linger=0)]

    def turn(*, hands_over: bool) -> list[str]:
        """A turn of both loops. Returns what the first one says of the drain order."""
        for each in workers:
            each.update(busy=False, paused=True, hands_over=hands_over)
        return [one.drains for one in shared.workers.up() if not one.one_off]

    turn(hands_over=True)
    for each in workers:
        each.start()
    for _ in range(50):
        time.sleep(0.05)
        assert turn(hands_over=True) == [""]
    assert not any(one.busy for one in shared.workers.up())
    assert not workers[1].should_exit
    until(lambda: turn(hands_over=False) == [order.mark] and workers[1].should_exit)
    until(lambda: turn(hands_over=True) == [""], "it is taken back")
    for each in workers:
        each.stop()


def test_a_slow_start_does_not_count_as_idle(shared: Coordination, monkeypatch: pytest.MonkeyPatch) -> None:
    """The imports before it took minutes, on a busy machine."""
    monkeypatch.setattr(heartbeats, "time", SimpleNamespace(time=lambda: 1000.0))
    heartbeat = Heartbeat(shared, Worker("run", "run.1", True, 7.0, idle_since=7.0), linger=0.1)
    heartbeat.start()
    assert not heartbeat.should_exit
    assert [one.id for one in shared.workers.up()] == ["run"]
    heartbeat.stop()


def test_a_loop_that_hangs_ends_its_process(shared: Coordination, monkeypatch: pytest.MonkeyPatch) -> None:
    """But not while it waits for Redis, or before it turned for the first time."""
    monkeypatch.setattr(heartbeats, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(heartbeats, "HANG_SECONDS", 0.5)
    ended = threading.Event()
    heartbeat = Heartbeat(shared, worker("worker.2"), linger=5, end=ended.set)
    heartbeat.start()
    assert not ended.wait(1)
    monkeypatch.setattr(heartbeats, "HANG_SECONDS", 600.0)  # until it is said that it waits
    heartbeat.update(busy=False, paused=False)
    heartbeat.expect_turns(expected=False)
    monkeypatch.setattr(heartbeats, "HANG_SECONDS", 0.5)
    assert not ended.wait(1)
    heartbeat.expect_turns(expected=True)
    assert ended.wait(PATIENCE)
    heartbeat.stop()


def test_a_worker_whose_loop_hangs_says_where_and_ends(environ: Environ, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*CELERY, "worker", "-l", "info"],
            env={**environ, "DOCUMENTS": hanging.__name__},
            stdout=out,
            stderr=out,
        )
    try:
        assert process.wait(SECONDS) == -SIGKILL
    finally:
        process.kill()
        process.wait()
    assert "has not turned" in log.read_text()
    assert "hanging.py" in log.read_text(), "the line at which it hangs"
