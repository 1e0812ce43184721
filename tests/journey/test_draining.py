"""Real workers stop taking work from the top, finish what they have, and take it up again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest
import redis

from local import process
from local.laptop import Laptop, laptop
from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis.workers import Worker
from pipeline.scaler.formation import drained

from ..readback import read
from ..waiting import PATIENCE, until
from . import client

ENVIRON = {
    "DOCUMENTS": "tests.journey.slow",
    "HEROKU_API_KEY": "",  # nobody scales but the test
    "KEEPER_SECONDS": "0.5",
    "LEASE_SECONDS": "2",
    "SHUTDOWN_SECONDS": "2",
}


pytestmark = pytest.mark.xdist_group("draining")  # one system for all, whoever runs them


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, forks: process.Start) -> Iterator[Laptop]:
    folder = tmp_path_factory.mktemp("system")
    with laptop(folder, boot_seconds=0, stop_seconds=5, environ=ENVIRON, start=forks) as running:
        yield running


@pytest.fixture
def shared(running: Laptop) -> Iterator[Coordination]:
    """What the processes share in Redis. Afterwards no worker is left, and no work."""
    coordination = Coordination.open(running.settings)
    yield coordination
    running.dynos.scale({"worker": 0})
    client.wait_for_no_workers(running)
    for entry in list(running.store.entries("active/")):
        running.store.delete([entry.key])  # or the keeper sends its messages again
    coordination.client.flushall()
    coordination.client.connection_pool.disconnect()


def start(running: Laptop, shared: Coordination, count: int) -> None:
    running.dynos.scale({"worker": count})
    until(lambda: len(shared.workers.up()) == count, "all are up")


def by_name(shared: Coordination) -> dict[str, Worker]:
    return {worker.name: worker for worker in shared.workers.up()}


def busy(shared: Coordination) -> int:
    return sum(worker.busy for worker in shared.workers.up())


def held_messages(shared: Coordination) -> int:
    return len(shared.messages.unacknowledged())


def test_busy_workers_above_the_line_finish_and_take_no_more_until_it_is_lifted(
    running: Laptop, shared: Coordination, tmp_path: Path
) -> None:
    start(running, shared, 3)
    export_id = client.ask(running, "slow", pages=300, seconds=0.1, chunk_pages=10)
    chunks = [f"{export_id}:{number}" for number in range(30)]
    until(lambda: len(shared.leases.held(chunks)) == 3, "each has a chunk")
    shared.workers.drain(1)
    until(
        lambda: drained(shared.workers.up(), shared.workers.drain(1), 1, 3, settle_seconds=60), "both are drained"
    )
    assert shared.messages.waiting(), "there is more to do"
    done = running.store.entries(f"exports/{export_id}/segments/")
    assert len({entry.key for entry in done}) >= 2, "what they had is finished, not put back"
    for _ in range(10):
        time.sleep(0.2)
        for worker in shared.workers.up():  # one that is not scheduled for seconds is missing
            assert bool(worker.drains) == (worker.name != "worker.1")
            assert worker.name == "worker.1" or not worker.busy
        assert held_messages(shared) <= 1, "no idle worker holds a message"
    shared.workers.end_drain()
    until(lambda: busy(shared) == 3, "all are busy again")
    assert client.wait_for_end(running, export_id)["state"] == "ready"
    assert len(read(client.download(running, export_id, tmp_path)).pages) == 300


def test_a_worker_that_starts_above_the_line_takes_nothing(running: Laptop, shared: Coordination) -> None:
    shared.workers.drain(0)
    running.dynos.scale({"worker": 1})
    client.ask(running, "slow", pages=4, seconds=0.1, chunk_pages=2)
    until(
        lambda: drained(shared.workers.up(), shared.workers.drain(0), 0, 1, settle_seconds=60),
        "it is up and drained",
    )
    assert (shared.messages.waiting(), held_messages(shared)) == (1, 0)


def test_after_redis_was_wiped_and_cut_off_nobody_drains_and_all_say_anew_that_they_are_up(
    running: Laptop, shared: Coordination
) -> None:
    start(running, shared, 2)
    shared.workers.drain(1)
    until(lambda: drained(shared.workers.up(), shared.workers.drain(1), 1, 2, settle_seconds=60), "one is drained")
    with redis.Redis.from_url(running.valkey.url) as connection:
        connection.flushall()
        connection.client_kill_filter(_type="normal", skipme=True)
    until(lambda: len(shared.workers.up()) == 2, "both are up")
    until(lambda: not any(bool(worker.drains) for worker in shared.workers.up()), "none drains")
    shared.workers.drain(0)
    until(lambda: drained(shared.workers.up(), shared.workers.drain(0), 0, 2, settle_seconds=60), "both drain")
    shared.workers.end_drain()
    export_id = client.ask(running, "slow", pages=4, seconds=0, chunk_pages=2)
    assert client.wait_for_end(running, export_id)["state"] == "ready"


def test_a_draining_worker_is_killed_and_nothing_is_lost(
    running: Laptop, shared: Coordination, tmp_path: Path
) -> None:
    start(running, shared, 2)
    export_id = client.ask(running, "slow", pages=60, seconds=0.1, chunk_pages=15)
    until(lambda: busy(shared) == 2, "both are busy")
    shared.workers.drain(1)
    until(lambda: any(w.drains for w in shared.workers.up() if w.name == "worker.2"), "it knows")
    running.dynos.kill("worker.2", SIGKILL)
    shared.workers.end_drain()
    assert client.wait_for_end(running, export_id)["state"] == "ready"
    texts = [page.text for page in read(client.download(running, export_id, tmp_path)).pages]
    assert texts == [f"slow page {n + 1} of 60" for n in range(60)]


def test_who_is_gone_is_struck_off(running: Laptop, shared: Coordination) -> None:
    start(running, shared, 2)
    gone = by_name(shared)["worker.2"].id
    running.dynos.scale({"worker": 1})
    until(lambda: list(by_name(shared)) == ["worker.1"], "it is struck off")
    assert shared.workers.left([gone])[gone], "it signed off, and was not forgotten"
    (worker,) = shared.workers.up()
    assert 0 < time.time() - worker.since < PATIENCE
