"""Who is up and who shall stop, on a real Redis."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from local.services import Valkey
from pipeline.adapters.redis import Coordination, workers
from pipeline.adapters.redis.wakeup import Wakeup
from pipeline.adapters.redis.workers import DrainOrder, Worker, Workers
from pipeline.settings import Settings
from pipeline.tasks import heartbeat as presences
from pipeline.tasks.app import make_app
from pipeline.tasks.heartbeat import Heartbeat
from pipeline.tasks.worker import Companion, consuming_step


def worker(name: str, **more: Any) -> Worker:
    return Worker(name, name, False, 7.0, **more)


def test_workers_are_known_as_they_describe_themselves_in_the_order_of_their_numbers(
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


def test_who_is_silent_is_forgotten(shared: Coordination, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "FORGET_SECONDS", 0.1)
    shared.workers.report(worker("worker.1"))
    assert shared.workers.up()
    time.sleep(0.15)
    assert shared.workers.up() == []
    assert client.smembers("pipeline:workers") == set()


def test_a_line_is_heard_and_ends_by_itself(shared: Coordination) -> None:
    assert shared.workers.report(worker("worker.1")) is None
    shared.workers.drain(3, seconds=0.2)
    line = shared.workers.report(worker("worker.1"))
    assert line is not None
    assert line.ceiling == 3
    time.sleep(0.25)
    assert shared.workers.report(worker("worker.1")) is None


def test_a_line_that_is_drawn_again_stands_on(shared: Coordination) -> None:
    first = shared.workers.drain(3)
    time.sleep(0.05)
    again = shared.workers.drain(3)
    assert (again.ceiling, again.mark) == (3, first.mark)
    assert first.since_set < 0.05 <= again.since_set == again.since_raised


def test_a_line_that_falls_is_the_same_to_those_who_were_above_it(shared: Coordination) -> None:
    first = shared.workers.drain(3)
    time.sleep(0.05)
    lower = shared.workers.drain(2)
    assert lower.mark == first.mark, "what was said of the first is about this one too"
    assert lower.since_set < 0.05 <= lower.since_raised


def test_what_was_said_of_a_line_that_was_raised_or_lifted_is_not_about_a_later_one(
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


def test_every_key_expires(shared: Coordination, client: Any) -> None:
    shared.workers.report(worker("worker.1"))
    shared.workers.drain(1)
    keys = list(client.scan_iter())
    assert len(keys) == 3
    assert not [key for key in keys if client.ttl(key) <= 0]


@pytest.mark.parametrize(
    ("name", "line", "may"),
    [
        ("worker.3", None, True), ("worker.3", 3, True), ("worker.4", 3, False), ("worker.1", 0, False),
        ("worker-x9k2", 1, True), ("worker-x9k2", 0, False), ("worker", 1, True),
    ],
)  # fmt: skip
def test_a_worker_above_the_line_takes_no_work(
    shared: Coordination, name: str, line: int | None, may: bool
) -> None:
    if line is not None:
        shared.workers.drain(line)
    presence = Heartbeat(shared, worker(name), linger=5)
    presence.start()
    assert presence.may_work is may
    presence.update(busy=False, paused=not may)
    presence.start()
    presence.stop()
    assert shared.workers.up() == []


def test_it_says_that_it_drains_only_when_it_has_laid_down_its_work(shared: Coordination) -> None:
    line = shared.workers.drain(1)
    presence = Heartbeat(shared, worker("worker.2"), linger=5)
    presence.update(busy=True, paused=False)
    presence.start()
    assert [(one.busy, bool(one.drains)) for one in shared.workers.up()] == [(True, False)]
    presence.update(busy=False, paused=True)
    deadline = time.monotonic() + 20
    while [one.drains for one in shared.workers.up()] != [line.mark]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    presence.stop()


def test_who_hears_that_it_may_work_again_does_not_say_that_it_drains(
    valkey_server: Valkey, shared: Coordination
) -> None:
    """The line may fall again at once, and keeps its mark: it would be stopped, although it has taken up work."""
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


def test_who_is_kept_from_work_while_it_takes_it_up_does_not_say_that_it_has_laid_it_down(
    shared: Coordination,
    settings: Settings,
) -> None:
    line = shared.workers.drain(1)
    presence = Heartbeat(shared, worker("worker.2"), linger=5)
    presence.may_work = True

    class Consumer:
        """Takes so long to take up work that another line is heard meanwhile."""

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
    assert line.mark not in {one.drains for one in shared.workers.up()}
    presence.stop()


def test_who_has_become_idle_or_laid_down_its_work_says_so_at_once_and_rings(
    shared: Coordination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presences, "HEARTBEAT_SECONDS", 60.0)
    line = shared.workers.drain(1)
    presence = Heartbeat(shared, worker("worker.2"), linger=5)
    presence.start()
    presence.update(busy=True, paused=False)
    assert not shared.wakeup.wait(0.2), "to become busy is no news"
    for laid_down, said in ((False, ""), (True, line.mark)):
        presence.update(busy=False, paused=laid_down)
        assert shared.wakeup.wait(20)
        assert [(one.busy, one.drains) for one in shared.workers.up()] == [(False, said)]
    presence.update(busy=False, paused=True)
    assert not shared.wakeup.wait(0.2), "it was said"
    presence.stop()


def test_a_start_that_took_long_is_not_taken_for_idleness(shared: Coordination) -> None:
    presence = Heartbeat(shared, Worker("run", "run.1", True, 7.0), linger=0.1)
    time.sleep(1.1)  # imports, on a busy machine
    presence.start()
    assert not presence.should_exit
    assert [one.id for one in shared.workers.up()] == ["run"]
    presence.stop()
