"""A local dyno: boots, runs its command, restarts when the command ends, and stops when told to.

A one-off dyno is not restarted: it ends with its command, or when its time is over.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from signal import Signals
from uuid import uuid4

from . import cgroup, process
from .sizes import memory_units

MIB = 1024 * 1024
_TICK = 0.05
_serial = itertools.count()


class DynoState(StrEnum):
    """The state of a dyno; the first four are the Platform API's terms."""

    STARTING = "starting"
    UP = "up"
    CRASHED = "crashed"  # its command ended; it restarts after a pause
    DOWN = "down"  # scaled away or stopped: SIGTERM was sent, its processes are ending
    GONE = "gone"  # its last process has ended; the API no longer lists it


@dataclass(frozen=True)
class DynoSpec:
    """What a dyno runs. `seconds`: how long a one-off dyno may run; None: no limit. `release`: its version."""

    command: str
    size: str
    env: Mapping[str, str] = field(default_factory=dict)
    one_off: bool = False
    seconds: float | None = None
    release: int = 1


@dataclass(frozen=True)
class DynoSettings:
    """The settings that all dynos of an app share. Times are seconds. `memory_bytes`: of the smallest size."""

    env: Mapping[str, str]
    cwd: Path
    log_folder: Path
    boot_seconds: float
    stop_seconds: float
    look_seconds: float  # between two samples of its memory
    memory_bytes: int
    start: process.Start = process.start


def pause(crashes: int) -> float:
    """Return the seconds before a restart after the n-th crash in a row: 0, 1, 2, 4 … 60."""
    return 0.0 if crashes == 1 else min(60.0, 2.0 ** min(crashes - 2, 6))


class LocalDyno:
    """A thread that keeps one command running until `leave()`. Calls `changed` before every new state."""

    def __init__(
        self,
        kind: str,
        ordinal: int,
        spec: DynoSpec,
        settings: DynoSettings,
        changed: Callable[[LocalDyno, DynoState], None],
    ) -> None:
        self.id = str(uuid4())
        self.kind = kind
        self.name = f"{kind}.{ordinal}"
        self.spec = spec
        self.created_at = datetime.now(UTC)
        self.peak_bytes = 0
        self.oom_kills = 0
        self._ordered_at = time.monotonic()
        self._released_at: float | None = None
        self._settings = settings
        self._changed = changed
        self._leave = threading.Event()
        self._changing = threading.Lock()
        self._group: cgroup.Cgroup | None = None
        self._tree: process.ProcessTree | None = None
        self._thread = threading.Thread(target=self._live, name=self.name, daemon=True)
        self._become(DynoState.STARTING)
        self._thread.start()

    @property
    def running(self) -> bool:
        """True while it has a process, also one that is being stopped."""
        return self.state is not DynoState.GONE and self._tree is not None and bool(self._tree.pids())

    @property
    def billed_seconds(self) -> float:
        """Seconds from the request that ordered it to the one that released it, or to now; boot is billed too."""
        return (time.monotonic() if self._released_at is None else self._released_at) - self._ordered_at

    @property
    def memory_bytes(self) -> int:
        """The memory of its size."""
        return self._settings.memory_bytes * memory_units(self.spec.size)

    @property
    def _expired(self) -> bool:
        return self.spec.seconds is not None and time.monotonic() - self._ordered_at > self.spec.seconds

    def pids(self) -> set[int]:
        """Return its processes."""
        return self._tree.pids() if self._tree is not None else set()

    def leave(self) -> None:
        """Stop it. Returns at once; the processes get SIGTERM, and `stop_seconds` to end."""
        with self._changing:
            if self._released_at is None:
                self._released_at = time.monotonic()
                self._become(DynoState.DOWN)
                self._leave.set()

    def join(self) -> None:
        """Wait until it is gone."""
        self._thread.join()

    def signal(self, number: Signals) -> None:
        """Send a signal to each of its processes."""
        if self._tree is not None:
            self._tree.signal(number)

    def sample(self) -> None:
        """Sample its memory, and count the processes that the kernel killed at the limit."""
        if self._tree is not None:
            self.peak_bytes = max(self.peak_bytes, self._tree.memory())
        if self._group is not None:
            self.oom_kills = max(self.oom_kills, self._group.oom_kills())

    def _become(self, state: DynoState) -> None:
        self._changed(self, state)  # first: a state that can be seen is in the history
        self.updated_at = datetime.now(UTC)
        self.state = state

    def _live(self) -> None:
        try:
            if cgroup.available():
                group = f"pipeline-{os.getpid()}-{next(_serial)}-{self.name}"
                self._group = cgroup.create(group, self.memory_bytes)
            self._run_until_told()
        finally:
            self.leave()  # a one-off dyno that has ended is no longer billed
            self._clean_up()
            self._become(DynoState.GONE)

    def _clean_up(self) -> None:
        if self._tree is not None:
            self._tree.end(self._settings.stop_seconds)
        self.sample()
        if self._group is not None:
            self._group.remove()

    def _run_until_told(self) -> None:
        crashes = 0
        while not self._leave.wait(self._settings.boot_seconds):
            self._tree = self._start()
            self._report(DynoState.UP)
            started = time.monotonic()
            while self._tree.running:
                if self._leave.wait(_TICK) or self._expired:
                    return
            self._tree.end(patience=0)  # a dyno does not outlive its first process
            if self.spec.one_off:
                return
            self._report(DynoState.CRASHED)
            crashes = 1 if time.monotonic() - started > 60 else crashes + 1
            if self._leave.wait(pause(crashes)):
                return
            self._report(DynoState.STARTING)

    def _report(self, state: DynoState) -> None:
        with self._changing:
            if self._released_at is None:
                self._become(state)

    def _start(self) -> process.ProcessTree:
        env = {
            **self._settings.env,
            **self.spec.env,
            "DYNO": self.name,
            "HEROKU_DYNO_ID": self.id,
            "DYNO_RAM": str(self.memory_bytes // MIB),
        }
        return self._settings.start(
            ("bash", "-c", self.spec.command),
            cwd=self._settings.cwd,
            env=env,
            output=self._settings.log_folder / f"{self.name}.log",
            cgroup=self._group,
        )
