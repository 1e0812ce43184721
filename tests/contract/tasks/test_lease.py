"""Leases of processes that are killed, frozen and told to stop while they hold them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGCONT, SIGSTOP, SIGTERM
from typing import Any

import pytest

from local.services import Valkey
from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis.leases import Leases
from pipeline.errors import RedisDown
from pipeline.tasks.lease import exclusive

from ...waiting import PATIENCE, until

SECONDS = 60.0  # that the leases last: longer than a busy machine stops a process
KEY = "pipeline:lease:tidy"

# Waits for its turn, says so, works until it may go on, checks its fence, and says how that went.
PROGRAM = f"""
import signal, sys, threading, time
from pathlib import Path
from pipeline.adapters.redis import Coordination
from pipeline.settings import Settings
from pipeline.tasks.lease import HeldLease, LeaseLost
stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
leases = Coordination.open(Settings.from_env({{"REDIS_URL": sys.argv[1]}})).leases
def say(word):
    print(word, time.monotonic(), flush=True)  # of one clock for all processes
say("began")
while not (lease := leases.take("tidy", {SECONDS})):
    time.sleep(0.05)
with HeldLease(leases, lease, {SECONDS}, stopping, shutdown_seconds=float(sys.argv[2])) as held:
    held.fence_is_current()
    say("holds")
    while not Path(sys.argv[3]).exists():
        time.sleep(0.05)
    try:
        held.fence()
        say("done")
    except LeaseLost:
        say("refused")
"""


class Process:
    def __init__(self, process: subprocess.Popen[bytes], said: Path, gate: Path) -> None:
        self._process = process
        self._said = said
        self._gate = gate

    def words(self) -> list[str]:
        return self._said.read_text().split()[::2]

    def when(self, word: str) -> float:
        said = self._said.read_text().split()
        return float(said[said.index(word) + 1])

    def go_on(self) -> None:
        """Let its work end."""
        self._gate.touch()

    def signal(self, number: int) -> None:
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self._process.kill()
        self._process.wait()


Start = Callable[..., Process]


@pytest.fixture
def start(valkey_server: Valkey, tmp_path: Path, shared: Coordination) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(shutdown_seconds: float = SECONDS) -> Process:
        said, gate = tmp_path / f"{len(started)}.txt", tmp_path / f"{len(started)}.go"
        command = [sys.executable, "-c", PROGRAM, valkey_server.url, str(shutdown_seconds), str(gate)]
        with said.open("wb") as out:
            started.append(subprocess.Popen(command, stdout=out))
        process = Process(started[-1], said, gate)
        until(lambda: "began" in process.words())
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


def holds(process: Process) -> bool:
    return "holds" in process.words()


def run_out(client: Any) -> None:
    """Let the lease end soon, unless somebody renews it."""
    assert client.pexpire(KEY, 500)


def test_the_lease_is_renewed_as_long_as_the_work_lasts(start: Start, client: Any) -> None:
    first = start()
    until(lambda: holds(first))
    second = start()
    client.pexpire(KEY, int(SECONDS / 2 * 1000))
    until(lambda: client.pttl(KEY) > SECONDS / 2 * 1000, "it is renewed")
    for process in (second, first):
        process.go_on()
    until(lambda: "done" in second.words())
    assert first.words()[-1] == "done"
    assert first.when("done") < second.when("holds")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["the first is killed", "the second is killed"])
def test_after_a_kill_the_lease_runs_out(start: Start, client: Any, order: tuple[int, int]) -> None:
    processes = [start(), start()]
    until(lambda: any(map(holds, processes)))
    if not holds(processes[order[0]]):  # it lost the race: let it win the next
        processes[order[1]].kill()
        run_out(client)
        until(lambda: holds(processes[order[0]]))
        processes[order[1]] = start()
    holder, other = processes[order[0]], processes[order[1]]
    assert not holds(other)
    holder.kill()
    run_out(client)
    until(lambda: holds(other))


def test_a_process_that_slept_too_long_is_refused(start: Start, client: Any) -> None:
    sleeper = start()
    until(lambda: holds(sleeper))
    sleeper.signal(SIGSTOP)
    other = start()
    other.go_on()
    run_out(client)
    until(lambda: "done" in other.words())
    sleeper.go_on()
    sleeper.signal(SIGCONT)
    until(lambda: sleeper.words()[-1] in ("done", "refused"))
    assert sleeper.words()[-1] == "refused"


def test_a_stopping_process_shortens_its_lease(start: Start) -> None:
    leaving = start(shutdown_seconds=0.5)
    until(lambda: holds(leaving))
    other = start()
    other.go_on()
    leaving.signal(SIGTERM)
    until(lambda: "done" in other.words())


def test_a_stopping_process_that_finishes_releases_its_lease(start: Start, shared: Coordination) -> None:
    leaving = start(shutdown_seconds=2 * PATIENCE)
    until(lambda: holds(leaving))
    leaving.signal(SIGTERM)
    leaving.go_on()
    until(lambda: "done" in leaving.words())
    until(lambda: not shared.leases.held(["tidy"]))


def test_a_lease_is_released_when_redis_fails_before_the_work(shared: Coordination) -> None:
    """Else the message that is tried again finds it taken, and is dropped."""

    class Faltering(Leases):
        def fence_is_current(self, name: str, fence: int) -> bool:
            raise RedisDown("Redis does not answer.")

    with pytest.raises(RedisDown), exclusive(Faltering(shared.client), "tidy", 60.0):
        pytest.fail("it must not begin")
    assert shared.leases.take("tidy", 1.0)


def test_only_one_holds_an_exclusive_lease(shared: Coordination) -> None:
    with exclusive(shared.leases, "tidy", 60.0) as first, exclusive(shared.leases, "tidy", 60.0) as second:
        assert first is not None
        assert second is None
    with exclusive(shared.leases, "tidy", 60.0) as again:
        assert again is not None
