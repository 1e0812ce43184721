"""Who is up and who shall stop, on a real Redis."""

from __future__ import annotations

import time
from typing import Any

import pytest

from local.services import Valkey
from pipeline.adapters.redis import workers
from pipeline.adapters.redis.live import Live
from pipeline.adapters.redis.workers import Line, Worker
from pipeline.settings import Settings
from pipeline.tasks import heartbeat as presences
from pipeline.tasks.heartbeat import Heartbeat
from pipeline.tasks.worker import duty


def worker(name: str, **more: Any) -> Worker:
    return Worker(name, name, False, 7.0, **more)


def test_workers_are_known_as_they_describe_themselves_in_the_order_of_their_numbers(live: Live) -> None:
    said = [worker("worker.2", busy=True), worker("worker.10", drains="2 1"), Worker("x", "worker-x9k2", True, 7.0)]
    for one in said:
        live.report(one)
    assert live.workers() == [said[2], said[0], said[1]]
    assert [one.ordinal for one in live.workers()] == [None, 2, 10]
    assert [one.draining for one in live.workers()] == [False, False, True]
    live.sign_off("worker.2")
    assert [one.name for one in live.workers()] == ["worker-x9k2", "worker.10"]


def test_who_is_silent_is_forgotten(live: Live, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "PRESENT", 0.1)
    live.report(worker("worker.1"))
    assert live.workers()
    time.sleep(0.15)
    assert live.workers() == []
    assert client.smembers("pipeline:workers") == set()


def test_a_line_is_heard_and_ends_by_itself(live: Live) -> None:
    assert live.report(worker("worker.1")) is None
    live.drain(3, seconds=0.2)
    line = live.report(worker("worker.1"))
    assert line is not None
    assert line.above == 3
    time.sleep(0.25)
    assert live.report(worker("worker.1")) is None


def test_a_line_that_is_drawn_again_stands_on(live: Live) -> None:
    first = live.drain(3)
    time.sleep(0.05)
    again = live.drain(3)
    assert (again.above, again.mark) == (3, first.mark)
    assert first.stood < 0.05 <= again.stood == again.drawn


def test_a_line_that_falls_is_the_same_to_those_who_were_above_it(live: Live) -> None:
    first = live.drain(3)
    time.sleep(0.05)
    lower = live.drain(2)
    assert lower.mark == first.mark, "what was said of the first is about this one too"
    assert lower.stood < 0.05 <= lower.drawn


def test_what_was_said_of_a_line_that_was_raised_or_lifted_is_not_about_a_later_one(live: Live) -> None:
    first = live.drain(2)
    time.sleep(0.01)
    raised = live.drain(3)
    assert raised.mark != first.mark
    assert live.drain(2).mark == raised.mark
    live.lift()
    time.sleep(0.01)
    assert live.drain(2).mark not in (first.mark, raised.mark)


def test_every_key_expires(live: Live, client: Any) -> None:
    live.report(worker("worker.1"))
    live.drain(1)
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
def test_a_worker_above_the_line_takes_no_work(live: Live, name: str, line: int | None, may: bool) -> None:
    if line is not None:
        live.drain(line)
    presence = Heartbeat(live, worker(name), linger=5)
    presence.start()
    assert presence.may_work is may
    presence.note(busy=False, laid_down=not may)
    presence.start()
    presence.stop()
    assert live.workers() == []


def test_it_says_that_it_drains_only_when_it_has_laid_down_its_work(live: Live) -> None:
    line = live.drain(1)
    presence = Heartbeat(live, worker("worker.2"), linger=5)
    presence.note(busy=True, laid_down=False)
    presence.start()
    assert [(one.busy, one.draining) for one in live.workers()] == [(True, False)]
    presence.note(busy=False, laid_down=True)
    deadline = time.monotonic() + 20
    while [one.drains for one in live.workers()] != [line.mark]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    presence.stop()


def test_who_hears_that_it_may_work_again_does_not_say_that_it_drains(valkey_server: Valkey, live: Live) -> None:
    """The line may fall again at once, and keeps its mark: it would be stopped, although it has taken up work."""
    said = []

    class Slow(Live):
        def report(self, worker: Worker) -> Line | None:
            said.append(worker.drains)
            return super().report(worker)

        def ring(self) -> None:
            presence.note(busy=False, laid_down=True)

    presence = Heartbeat(
        Slow.open(Settings.from_env({"REDIS_URL": valkey_server.url})), worker("worker.2"), linger=5
    )
    live.drain(1)
    presence.start()
    presence.note(busy=True, laid_down=False)
    raised = live.drain(2)
    presence.note(busy=False, laid_down=True)  # it has just laid down its work, which is news
    deadline = time.monotonic() + 20
    while not presence.may_work or len(said) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert raised.mark not in said
    presence.stop()


def test_who_is_kept_from_work_while_it_takes_it_up_does_not_say_that_it_has_laid_it_down(live: Live) -> None:
    line = live.drain(1)
    presence = Heartbeat(live, worker("worker.2"), linger=5)
    presence.may_work = True

    class Consumer:
        """Takes so long to take up work that another line is heard meanwhile."""

        def __init__(self) -> None:
            self.task_consumer = self
            self.queues: list[str] = []

        def add_task_queue(self, name: str) -> None:
            self.queues.append(name)
            presence.start()

    step = duty(presence)(None)
    step._turn(Consumer())  # what Celery's timer calls
    assert not presence.may_work
    time.sleep(2 * presences.HEARTBEAT_SECONDS)
    assert line.mark not in {one.drains for one in live.workers()}
    presence.stop()


def test_who_has_become_idle_or_laid_down_its_work_says_so_at_once_and_rings(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presences, "HEARTBEAT_SECONDS", 60.0)
    line = live.drain(1)
    presence = Heartbeat(live, worker("worker.2"), linger=5)
    presence.start()
    presence.note(busy=True, laid_down=False)
    assert not live.wait_for_ring(0.2), "to become busy is no news"
    for laid_down, said in ((False, ""), (True, line.mark)):
        presence.note(busy=False, laid_down=laid_down)
        assert live.wait_for_ring(20)
        assert [(one.busy, one.drains) for one in live.workers()] == [(False, said)]
    presence.note(busy=False, laid_down=True)
    assert not live.wait_for_ring(0.2), "it was said"
    presence.stop()


def test_a_start_that_took_long_is_not_taken_for_idleness(live: Live) -> None:
    presence = Heartbeat(live, Worker("run", "run.1", True, 7.0), linger=0.1)
    time.sleep(1.1)  # imports, on a busy machine
    presence.start()
    assert not presence.gone
    assert [one.id for one in live.workers()] == ["run"]
    presence.stop()
