"""Real workers stop taking work from the top, finish what they have, and take it up again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest
import redis

from local.laptop import Laptop, laptop
from pipeline.adapters.redis.live import Live
from pipeline.adapters.redis.workers import Worker
from pipeline.scaler.formation import drained

from ..readback import read
from . import people

ENVIRON = {
    "DOCUMENTS": "tests.journey.slow",
    "HEROKU_API_KEY": "",  # nobody scales but the test
    "KEEPER_SECONDS": "0.5",
    "LEASE_SECONDS": "2",
    "SHUTDOWN_SECONDS": "2",
}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path, boot_seconds=0, stop_seconds=5, environ=ENVIRON) as running:
        yield running


@pytest.fixture
def live(running: Laptop) -> Live:
    return Live.open(running.settings)


def start(running: Laptop, live: Live, count: int) -> None:
    running.dynos.scale({"worker": count})
    people.wait_until("all are up", lambda: len(live.workers()) == count)


def by_name(live: Live) -> dict[str, Worker]:
    return {worker.name: worker for worker in live.workers()}


def held_messages(live: Live) -> int:
    return len(live.unacknowledged())


def test_busy_workers_above_the_line_finish_and_take_no_more_until_it_is_lifted(
    running: Laptop, live: Live, tmp_path: Path
) -> None:
    start(running, live, 3)
    export_id = people.ask(running, "slow", pages=300, seconds=0.1, chunk_pages=10)
    people.wait_until("all are busy", lambda: all(worker.busy for worker in live.workers()))
    live.drain(1)
    people.wait_until("both are drained", lambda: drained(live.workers(), live.drain(1), 1, 3, settled=60))
    assert live.waiting(), "there is more to do"
    done = running.store.entries(f"exports/{export_id}/segments/")
    assert len({entry.key for entry in done}) >= 2, "what they had is finished, not put back"
    for _ in range(10):
        time.sleep(0.2)
        now = by_name(live)
        assert not now["worker.2"].busy and now["worker.2"].draining
        assert not now["worker.3"].busy and now["worker.3"].draining
        assert not now["worker.1"].draining
        assert held_messages(live) <= 1, "no idle worker holds a message"
    live.lift()
    people.wait_until("all are busy again", lambda: all(worker.busy for worker in live.workers()))
    assert people.wait_for_end(running, export_id)["state"] == "ready"
    assert len(read(people.download(running, export_id, tmp_path)).pages) == 300


def test_a_worker_that_starts_above_the_line_takes_nothing(running: Laptop, live: Live) -> None:
    live.drain(0)
    running.dynos.scale({"worker": 1})
    people.ask(running, "slow", pages=4, seconds=0.1, chunk_pages=2)
    people.wait_until("it is up and drained", lambda: drained(live.workers(), live.drain(0), 0, 1, settled=60))
    assert (live.waiting(), held_messages(live)) == (1, 0)


def test_after_redis_was_wiped_and_cut_off_nobody_drains_and_all_say_anew_that_they_are_up(
    running: Laptop, live: Live
) -> None:
    start(running, live, 2)
    live.drain(1)
    people.wait_until("one is drained", lambda: drained(live.workers(), live.drain(1), 1, 2, settled=60))
    with redis.Redis.from_url(running.valkey.url) as client:
        client.flushall()
        client.client_kill_filter(_type="normal", skipme=True)
    people.wait_until("both are up", lambda: len(live.workers()) == 2, 5)
    people.wait_until("none drains", lambda: not any(worker.draining for worker in live.workers()), 5)
    live.drain(0)
    people.wait_until("both drain", lambda: drained(live.workers(), live.drain(0), 0, 2, settled=60))
    live.lift()
    export_id = people.ask(running, "slow", pages=4, seconds=0, chunk_pages=2)
    assert people.wait_for_end(running, export_id)["state"] == "ready"


def test_a_draining_worker_is_killed_and_nothing_is_lost(running: Laptop, live: Live, tmp_path: Path) -> None:
    start(running, live, 2)
    export_id = people.ask(running, "slow", pages=60, seconds=0.1, chunk_pages=15)
    people.wait_until("both are busy", lambda: all(worker.busy for worker in live.workers()))
    live.drain(1)
    people.wait_until("it knows", lambda: by_name(live)["worker.2"].draining)
    running.dynos.kill("worker.2", SIGKILL)
    live.lift()
    assert people.wait_for_end(running, export_id)["state"] == "ready"
    texts = [page.text for page in read(people.download(running, export_id, tmp_path)).pages]
    assert texts == [f"slow page {n + 1} of 60" for n in range(60)]


def test_who_is_gone_is_struck_off(running: Laptop, live: Live) -> None:
    start(running, live, 2)
    running.dynos.scale({"worker": 1})
    people.wait_until("it signs off", lambda: list(by_name(live)) == ["worker.1"], 5)
    (worker,) = live.workers()
    assert 0 < time.time() - worker.since < 60
