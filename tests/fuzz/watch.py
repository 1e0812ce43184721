"""Runs one input within limits of processor time and memory, and keeps what is found."""

from __future__ import annotations

import hashlib
import mmap
import os
import resource
import signal
import struct
import subprocess
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from types import FrameType

import psutil

from .parsers import Parser, Run, Wrong, is_refusal

HANG_SECONDS = 20  # of the processor, for one small input
_MEMORY = 1 << 30  # bytes
_STATUS = Path("/proc/self/status")
_PEAK = Path("/proc/self/clear_refs")
_HEAD = struct.Struct("QQ")
MAX_INPUT = 1 << 18


class Hang(BaseException):
    """An input takes too long. No Exception, so that no code takes it for the input's fault."""


def limit_process() -> None:
    """Bound the memory of this process, which only fuzzes, also what it takes and never uses."""
    if most := _memory("VmSize"):
        resource.setrlimit(resource.RLIMIT_AS, ((most << 20) + _MEMORY,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _too_long(_: int, __: FrameType | None) -> None:
    raise Hang(f"more than {HANG_SECONDS} s of the processor")


def find(parser: Parser, run: Run, data: bytes) -> BaseException | None:
    """Run an input. Return what is wrong with the program; None when it was read or refused."""
    if _PEAK.exists():
        _PEAK.write_text("5")  # it begins again
    before = _memory("VmRSS")
    try:
        with _limited_time():
            run(data)
    except Exception as error:  # noqa: BLE001  # that is what is looked for
        if not is_refusal(error):
            return error
    except Hang as error:
        return error
    added = _memory("VmHWM") - before
    return Wrong(f"{added} MB of memory for {len(data):,} bytes") if added > parser.memory_mb else None


@contextmanager
def _limited_time() -> Iterator[None]:
    """Raise Hang where Python code takes too long. A library that takes even longer is for `wait`."""
    handler = signal.signal(signal.SIGPROF, _too_long)
    signal.setitimer(signal.ITIMER_PROF, HANG_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)


def _memory(which: str) -> int:
    """Return the memory of this process (VmRSS, VmSize) or its peak (VmHWM) in MB; 0 where no system says so."""
    if not _STATUS.exists():
        return 0
    return int(_STATUS.read_text().split(which + ":")[1].split()[0]) // 1024


def place_of(error: BaseException) -> str:
    """Return a short name for where an error comes from, the same for the same fault."""
    cause = error.__cause__ or error
    steps = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(cause.__traceback__)[-3:]]
    return f"{type(cause).__name__}-{hashlib.sha1(' '.join(steps).encode(), usedforsecurity=False).hexdigest()[:8]}"


class Current:
    """The input in hand and how many were run, in a file, where they are found when the process is killed."""

    def __init__(self, path: Path) -> None:
        path.touch()
        with path.open("r+b") as file:
            file.truncate(_HEAD.size + MAX_INPUT)
            self._map = mmap.mmap(file.fileno(), 0)

    def begin(self, data: bytes) -> None:
        """Note that an input is run."""
        self._map[: _HEAD.size] = _HEAD.pack(self.runs + 1, min(len(data), MAX_INPUT))
        self._map[_HEAD.size : _HEAD.size + min(len(data), MAX_INPUT)] = data[:MAX_INPUT]

    @property
    def runs(self) -> int:
        """How many inputs were begun."""
        return int(_HEAD.unpack_from(self._map)[0])

    @property
    def data(self) -> bytes:
        """The input in hand."""
        return self._map[_HEAD.size : _HEAD.size + _HEAD.unpack_from(self._map)[1]]


def wait(child: subprocess.Popen[bytes], current: Current) -> float:
    """Wait for a process that fuzzes; kill it if an input takes too long in a library, where no signal is handled.

    Return the seconds of the processor that it used. How long it takes to start is not limited.
    """
    process, runs, since = psutil.Process(child.pid), current.runs, inf
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime
        used = sum(process.cpu_times()[:2])
        if current.runs != runs:
            runs, since = current.runs, used
        elif used - since > 3 * HANG_SECONDS:
            child.kill()
        time.sleep(HANG_SECONDS / 20)


def keep(folder: Path, data: bytes, error: BaseException) -> str | None:
    """Store an input with the stack trace of its fault. Return its name; None for a fault that is there already."""
    name = place_of(error)
    if (folder / name).exists():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    (folder / f"{name}.txt").write_text("".join(traceback.format_exception(error)))
    return name
