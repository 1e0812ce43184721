"""An export by one-off dynos: they start, work, and exit by themselves."""

from __future__ import annotations

import time
from pathlib import Path
from signal import SIGKILL

from local import process
from local.dyno import DynoSpec
from local.laptop import Laptop, laptop
from pipeline.adapters.redis import Coordination
from pipeline.scaler.one_off import COMMAND

from ..readback import read
from ..waiting import until
from . import client

ENVIRON = {
    "DOCUMENTS": "tests.journey.slow",
    "SCALER_MODE": "one-off",
    "KEEPER_SECONDS": "0.5",
    "LEASE_SECONDS": "2",
    "LINGER_SECONDS": "1",
    "SHUTDOWN_SECONDS": "2",
    "WAITING_PRICE": "1000",  # the maximum of workers, at once
}


def test_one_off_workers_come_for_work_and_exit(tmp_path: Path, forks: process.Start) -> None:
    with laptop(tmp_path, boot_seconds=0.1, stop_seconds=5, environ=ENVIRON, start=forks) as running:
        export_id = client.ask(running, "slow", pages=60, seconds=0.1, chunk_pages=10)
        until(lambda: client.look(running, export_id)["progress"]["pages_done"] > 3, "one is at work")
        running.dynos.kill(next(dyno.name for dyno in running.dynos.dynos() if dyno.running), SIGKILL)
        assert client.wait_for_end(running, export_id)["state"] == "ready"
        assert len(read(client.download(running, export_id, tmp_path)).pages) == 60
        client.wait_until_told(running, export_id)
        client.wait_for_no_workers(running)
        made = [(call.method, call.path) for call in running.dynos.requests]
        assert {method for method, _ in made} == {"GET", "POST"}
        assert not [path for _, path in made if "stop" in path or "formation" in path]
        print(f"{len(made)} calls for {sum(method == 'POST' for method, _ in made)} dynos")
        assert len(made) <= 12
        assert running.dynos.max_at_once <= 2


def run(running: Laptop, name: str) -> None:
    """Start a one-off worker with this id."""
    running.dynos.run("run", DynoSpec(f"{COMMAND} {name}", "basic", one_off=True))


def test_a_message_to_a_leaving_worker_is_not_lost(tmp_path: Path, forks: process.Start) -> None:
    """Redis may have given it already to a worker whose process ends within a second."""
    # It is not sent again meanwhile, and nobody leaves before there is a surplus.
    environ = {**ENVIRON, "HEROKU_API_KEY": "", "LEASE_SECONDS": "60", "LINGER_SECONDS": "600"}
    with laptop(tmp_path, boot_seconds=0, stop_seconds=5, environ=environ, start=forks) as running:
        shared = Coordination.open(running.settings)
        for number, later in enumerate((0.0, 0.1, 0.25)):
            name = f"leaver-{number}"
            run(running, name)
            until(lambda: bool(shared.workers.up()), "it is up")
            shared.workers.drain(0)
            until(lambda: not shared.workers.up(), "it leaves")
            time.sleep(later)
            export_id = client.ask(running, "slow", pages=2, seconds=0)
            client.wait_for_no_workers(running)
            assert shared.messages.unacknowledged() == [], "it would come back after an hour"
            left = shared.workers.left([name])[name]
            assert left is not None, "it said when it was gone"
            if client.look(running, export_id)["state"] == "queued":
                # On a busy machine the keeper may have sent it again, which is harmless.
                assert shared.messages.waiting() >= 1
            shared.workers.end_drain()
            run(running, f"next-{number}")
            assert client.wait_for_end(running, export_id)["state"] == "ready"
            client.wait_until_told(running, export_id)
            shared.workers.drain(0)
            client.wait_for_no_workers(running)
            shared.workers.end_drain()


def test_an_unknown_worker_exits_when_there_is_no_work(tmp_path: Path, forks: process.Start) -> None:
    """Its leader died and Redis was wiped: it must not cost money until its time limit."""
    environ = {**ENVIRON, "HEROKU_API_KEY": ""}
    with laptop(tmp_path, boot_seconds=0, stop_seconds=5, environ=environ, start=forks) as running:
        shared = Coordination.open(running.settings)
        run(running, "forgotten")
        until(lambda: bool(shared.workers.left(["forgotten"])), "it leaves by itself")
        client.wait_for_no_workers(running)
        assert shared.workers.up() == []
