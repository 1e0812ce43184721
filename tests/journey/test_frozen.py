"""A dyno that hangs as a whole, without ending: nothing but the scaler would replace it."""

from __future__ import annotations

import time
from pathlib import Path
from signal import SIGSTOP

import pytest

from local import process
from local.laptop import Laptop, laptop
from pipeline.adapters.redis import Coordination

from ..readback import read
from ..waiting import until
from . import client

PAGE_SECONDS, LEASE = 0.1, 10
ENVIRON = {
    "DOCUMENTS": "tests.journey.slow",
    "KEEPER_SECONDS": "0.5",
    "LEASE_SECONDS": str(LEASE),
    "LINGER_SECONDS": "1",
    "SHUTDOWN_SECONDS": "1",
    "WAITING_PRICE": "1000",  # the maximum of workers, at once
}


def restarts(running: Laptop) -> list[str]:
    return [call.path.rpartition("/")[2] for call in running.dynos.requests if call.method == "DELETE"]


def over(running: Laptop, export_id: str) -> bool:
    return bool(client.look(running, export_id)["state"] == "ready")


# With fewer pages, another one-off dyno would come too late, and none would be ordered.
@pytest.mark.parametrize(("mode", "name", "pages"), [("formation", "worker.1", 200), ("one-off", "run.1", 250)])
def test_a_frozen_dyno_is_replaced_and_its_work_comes_back(
    tmp_path: Path, forks: process.Start, mode: str, name: str, pages: int
) -> None:
    environ = {**ENVIRON, "SCALER_MODE": mode}
    with laptop(tmp_path, boot_seconds=0.1, stop_seconds=2, environ=environ, start=forks) as running:
        workers = Coordination.open(running.settings).workers
        export_id = client.ask(running, "slow", pages=pages, seconds=PAGE_SECONDS, chunk_pages=10)
        until(lambda: [worker.busy for worker in workers.up()] == [True, True], "both are busy")
        time.sleep(0.3)  # it is in the middle of a chunk
        first = running.dynos.dyno(name).id
        running.dynos.kill(name, SIGSTOP)
        frozen = time.monotonic()
        until(lambda: bool(restarts(running)), "it is restarted")
        print(f"{mode}: restarted after {time.monotonic() - frozen:.1f} s")
        until(lambda: len(workers.up()) == 2 or over(running, export_id), "two are up, or all is done")
        assert client.wait_for_end(running, export_id)["state"] == "ready", "long before its messages come again"
        print(f"{mode}: ready after {time.monotonic() - frozen:.1f} s")
        assert restarts(running) == [name]
        assert first not in [dyno.id for dyno in running.dynos.dynos() if dyno.state == "up"]
        texts = [page.text for page in read(client.download(running, export_id, tmp_path)).pages]
        assert texts == [f"slow page {n + 1} of {pages}" for n in range(pages)]
        client.wait_for_no_workers(running)
