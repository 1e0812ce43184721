"""Supervised programs: they can be watched and stopped with all children, and die with this process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Protocol

import psutil

from .cgroup import Cgroup

_LAUNCH = Path(__file__).with_name("launch.py")
_TICK = 0.02


class Leader(Protocol):
    """The first process of a program."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None:
        """Return None while it runs."""

    def wait(self) -> int:
        """Wait until it has ended."""


@dataclass(frozen=True)
class ProcessTree:
    """A program and all its children: its session, and its cgroup if it has one."""

    leader: Leader
    cgroup: Cgroup | None = None

    @property
    def running(self) -> bool:
        """True while the first process runs."""
        return self.leader.poll() is None

    def pids(self) -> set[int]:
        """Return all its live processes. A child that left the session is found only through a cgroup."""
        session = {pid for pid in psutil.pids() if _session(pid) == self.leader.pid}
        return {pid for pid in session.union(self.cgroup.pids() if self.cgroup else ()) if _alive(pid)}

    def signal(self, number: Signals) -> None:
        """Send a signal to every process, with all children."""
        for pid in self.pids():
            with suppress(ProcessLookupError):  # it ended in between
                os.kill(pid, number)

    def end(self, patience: float) -> None:
        """Send SIGTERM to all, wait up to `patience` seconds, then send SIGKILL to those that are left."""
        self.signal(SIGTERM)
        deadline = time.monotonic() + patience
        while self.pids():
            if time.monotonic() >= deadline:
                self.signal(SIGKILL)  # in a loop: a child may start meanwhile
            time.sleep(_TICK)
        self.leader.wait()

    def memory(self) -> int:
        """Return bytes in use now: the sum of PSS on Linux (a page that forks share counts once), else of RSS."""
        return sum(map(_memory, self.pids()))


class Start(Protocol):
    """How programs are started: `start` below, or another way for tests."""

    def __call__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        output: Path,
        cgroup: Cgroup | None = None,
    ) -> ProcessTree: ...


def start(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], output: Path, cgroup: Cgroup | None = None
) -> ProcessTree:
    """Start a program in a session of its own, and append its output to a file.

    On Linux it is killed when this process dies, for any reason. The kernel binds that to the *thread* that
    forked (prctl(2), PR_SET_PDEATHSIG), so each program gets a thread that lives as long as it does.
    """
    arguments = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid())]
    arguments += [str(cgroup.procs) if cgroup else "", *command]
    started: Future[subprocess.Popen[bytes]] = Future()
    threading.Thread(target=_hold, args=(started, arguments, cwd, env, output), daemon=True).start()
    return ProcessTree(started.result(), cgroup)


def _hold(
    started: Future[subprocess.Popen[bytes]],
    arguments: list[str],
    cwd: Path,
    env: Mapping[str, str],
    output: Path,
) -> None:
    try:
        with output.open("ab") as log:
            process = subprocess.Popen(
                arguments,
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        started.set_exception(error)
    else:
        started.set_result(process)
        process.wait()


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):  # it ended in between, or belongs to another user (macOS)
        return 0


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _memory(pid: int) -> int:
    try:
        if sys.platform != "linux":
            return psutil.Process(pid).memory_info().rss
        with Path(f"/proc/{pid}/smaps_rollup").open() as lines:
            return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):  # it ended in between
        return 0
