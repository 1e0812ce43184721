"""A fork is a process of its own: it has its own session, environment and log, and can be killed alone."""

from __future__ import annotations

import os
import time
from pathlib import Path
from signal import SIGKILL

import psutil

from local.process import ProcessTree

from ..forks import ROOT, forking

SERVER = "exec python -m http.server 0 --bind 127.0.0.1"


def test_forks_are_killed_one_by_one_and_end_with_the_process_that_forks(tmp_path: Path) -> None:
    with forking(tmp_path) as start:
        trees = [
            start(
                ("bash", "-c", SERVER), cwd=ROOT, env={"DYNO": f"worker.{n}", "PYTHONUNBUFFERED": "1"},
                output=tmp_path / f"{n}.log",
            )
            for n in range(2)
        ]  # fmt: skip
        first, second = trees
        assert [tree.pids() for tree in trees] == [{tree.leader.pid} for tree in trees]
        assert [os.getsid(tree.leader.pid) for tree in trees] == [tree.leader.pid for tree in trees]
        assert psutil.Process(first.leader.pid).name() == "worker.0"
        os.kill(first.leader.pid, SIGKILL)
        first.leader.wait()
        assert (first.running, first.pids(), second.running) == (False, set(), True)
        second.end(30)
        assert (second.running, second.pids()) == (False, set())
        last = start(("bash", "-c", SERVER), cwd=ROOT, env={"DYNO": "web.1"}, output=tmp_path / "last.log")
    assert _ends(last)


def _ends(tree: ProcessTree) -> bool:
    deadline = time.monotonic() + 300
    while tree.running and time.monotonic() < deadline:
        time.sleep(0.05)
    return not tree.running


def test_what_a_fork_prints_is_in_its_log(tmp_path: Path) -> None:
    with forking(tmp_path) as start:
        command = ("bash", "-c", "exec python -m tests.chaos --help")
        tree = start(command, cwd=ROOT, env={"DYNO": "run.1"}, output=tmp_path / "log")
        tree.leader.wait()
    assert "Break services and processes on purpose" in (tmp_path / "log").read_text()
