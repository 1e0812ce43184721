"""The pipe to the process beside the web process (`process.py`): it starts when needed, and stops when idle."""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Any

import msgspec

from ...settings import Settings

log = logging.getLogger(__name__)
MEANWHILE_SECONDS = 1.0  # between two calls of `meanwhile`, see ChildPipe.ask
IDLE_SECONDS = 600.0  # then the child, which takes 55 MB, is stopped; the next one takes half a second to start
STOP_SECONDS = 5.0  # for the page in hand when the web process ends
FAILED = b"null"  # the answer to a task whose process died; to an export also if it is put off
HANG_SECONDS = 30.0  # without a sign of a child that works, which gives one each second, before it is killed
BOOT_SECONDS = 300.0  # the same before its first sign: on a busy machine importing takes minutes


class Busy(Exception):
    """The child has not ended another task in time."""


class ChildPipe:
    """Gives tasks to the child, one at a time, from any thread."""

    def __init__(self, settings: Settings, environ: Mapping[str, str] = os.environ) -> None:
        self.settings = settings
        self._environ = environ
        self._free = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._patience = BOOT_SECONDS
        self._idle: threading.Timer | None = None

    def ask(
        self, task: Mapping[str, Any], meanwhile: Callable[[], None] = lambda: None, patience: float = float("inf")
    ) -> bytes | None:
        """Have the child do a task. Returns its answer; None when it died, or killed what did the task.

        `meanwhile` is called every MEANWHILE_SECONDS. Raises Busy when it does another task for `patience` seconds.
        """
        until = time.monotonic() + patience
        while not self._free.acquire(timeout=min(MEANWHILE_SECONDS, max(0.0, until - time.monotonic()))):
            if time.monotonic() >= until:
                raise Busy
            meanwhile()
        try:
            return self._asked(msgspec.json.encode(task), meanwhile)
        finally:
            self._rest()
            self._free.release()

    def start(self) -> None:
        """Start the child, so that the first task need not wait for it."""
        with self._free:
            try:
                self._ready()
            except OSError as error:  # the first task tries again
                log.warning("the process beside the web process does not start: %s", error)
            self._rest()

    def end_task(self) -> None:
        """Tell the child to stop: it gives back at its next page."""
        if (child := self._child) and child.poll() is None:
            with suppress(ProcessLookupError):  # it ended in between
                os.killpg(child.pid, signal.SIGTERM)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stop the child, if there is one, after what it has in hand. Waits up to `seconds`; then one that has
        nothing in hand hangs, and is killed."""
        until = time.monotonic() + seconds
        self.end_task()
        if self._free.acquire(timeout=max(0.0, seconds)):
            self._reap(until - time.monotonic())
            self._free.release()

    def _asked(self, task: bytes, meanwhile: Callable[[], None]) -> bytes | None:
        try:
            child = self._ready()
            self._send(child, task + b"\n")
            answer = self._answer(child, meanwhile)
        except OSError as error:  # no process can be started, or it is dead
            log.warning("the process beside the web process does no task: %s", error)
            answer = b""
        except BaseException:  # its answer, which may still come, would be taken for that to the next task
            self._reap()
            raise
        if not answer:  # it was killed
            self._reap()
            return None
        return None if answer == FAILED + b"\n" else answer

    def _send(self, child: subprocess.Popen[bytes], line: bytes) -> None:
        """Send a line. Raises OSError when the child is dead, or does not read it in time."""
        pipe, until = _fileno(child.stdin), time.monotonic() + self._patience
        room = select.poll()  # select() takes no descriptor above 1023, and each connection is one
        room.register(pipe, select.POLLOUT)
        while line:
            if room.poll(MEANWHILE_SECONDS * 1000):
                line = line[os.write(pipe, line) :]
            elif time.monotonic() > until:
                _end_group(child)
                raise TimeoutError("it hangs")

    def _answer(self, child: subprocess.Popen[bytes], meanwhile: Callable[[], None]) -> bytes:
        """Return the next line that is not empty: an empty one is the sign that the child works. Returns b"" when
        it died, also because it gave no sign for long."""
        pipe, answer, heard = _fileno(child.stdout), b"", time.monotonic()
        answers = select.poll()
        answers.register(pipe, select.POLLIN)
        while not answer.endswith(b"\n"):
            if answers.poll(MEANWHILE_SECONDS * 1000):
                if not (piece := os.read(pipe, 1 << 16)):
                    return b""
                answer = (answer + piece).lstrip(b"\n")
                heard, self._patience = time.monotonic(), HANG_SECONDS
            elif child.poll() is not None:
                _end_group(child)
            elif time.monotonic() - heard > self._patience:
                log.warning("the process beside the web process hangs, so it is killed")
                _end_group(child)
            meanwhile()
        return answer

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._idle:
            self._idle.cancel()
        if self._child is None or self._child.poll() is not None:
            self._reap()
            self._child = subprocess.Popen(
                [sys.executable, "-m", "pipeline.tasks.child"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(self._environ), process_group=0,
            )  # fmt: skip
            self._patience = BOOT_SECONDS
            os.set_blocking(_fileno(self._child.stdin), False)
            with suppress(OSError):  # it ended at once
                self._send(self._child, msgspec.json.encode(self.settings) + b"\n")
        return self._child

    def _rest(self) -> None:
        """Stop the child when it is idle for long."""
        self._idle = threading.Timer(IDLE_SECONDS, self._reap_idle)
        self._idle.daemon = True
        with suppress(RuntimeError):  # no thread is to be had: the child stays, and does the next task
            self._idle.start()

    def _reap_idle(self) -> None:
        with self._free:
            if self._idle is threading.current_thread():  # else it had a task meanwhile
                self._reap()

    def _reap(self, seconds: float = STOP_SECONDS) -> None:
        if self._idle:
            self._idle.cancel()
        if child := self._child:
            self.end_task()
            for pipe in (child.stdin, child.stdout):
                if pipe:
                    pipe.close()
            try:
                child.wait(max(0.0, seconds))
            except subprocess.TimeoutExpired:  # it hangs
                _end_group(child)
                child.wait()
        self._child = None


def _fileno(pipe: IO[bytes] | None) -> int:
    if pipe is None:
        raise AssertionError("the child was started with pipes")
    return pipe.fileno()


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Kill a child that hangs, and what a dead one forked: it holds the pipe, and nothing limits it any more."""
    with suppress(ProcessLookupError):  # it ended in between
        os.killpg(child.pid, signal.SIGKILL)
