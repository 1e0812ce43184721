"""The pipe to the child: each task gets its own answer."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import psutil
import pytest

from pipeline.settings import Settings
from pipeline.tasks.child import pipe as child_pipe
from pipeline.tasks.child.pipe import ChildPipe
from pipeline.tasks.child.preview import PreviewRequest

from ....conftest import Environ
from ....no_threads import no_threads
from ..stage import failing

CONNECTIONS = 1024
ROOT = Path(__file__).parents[4]


@pytest.fixture
def pipe(environ: Environ) -> Iterator[ChildPipe]:
    made = ChildPipe(Settings.from_env(environ), environ)
    yield made
    made.stop()


def first_page(pipe: ChildPipe, name: str, meanwhile: Callable[[], None] = lambda: None) -> str:
    """Returns the text of the first page of a table with this name in it."""
    records = msgspec.json.encode({"Name": name})
    told = pipe.ask({"preview": PreviewRequest("table", {}, "shop", records)}, meanwhile)
    assert told is not None
    return str(msgspec.json.decode(told)["preview"]["text"])


@contextmanager
def many_connections() -> Iterator[None]:
    """The next descriptor is above what select() takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * CONNECTIONS, hard), hard))
    try:
        with ExitStack() as stack:
            for _ in range(CONNECTIONS):
                stack.enter_context(Path(os.devnull).open())
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_web_process_with_a_thousand_connections_gets_answers(pipe: ChildPipe) -> None:
    with many_connections():
        assert "Anna" in first_page(pipe, "Anna")


def test_no_task_gets_the_answer_to_one_that_was_broken_off(
    pipe: ChildPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hurried:
        hurried.setattr(child_pipe, "MEANWHILE_SECONDS", 0.0)
        with pytest.raises(ZeroDivisionError):
            first_page(pipe, "Anna", failing(ZeroDivisionError()))
    assert "Bert" in first_page(pipe, "Bert")


def test_a_machine_that_starts_no_thread_holds_no_task_up(pipe: ChildPipe) -> None:
    """The child is stopped later when it is idle: what waits for it must not wait for ever."""
    with no_threads():
        for name in ("Anna", "Bert"):
            assert name in first_page(pipe, name)


def test_a_child_that_hangs_is_killed_and_the_next_one_answers(pipe: ChildPipe) -> None:
    """It is frozen, or swapped out: while it lives, its exports would be kept from workers for ever."""
    assert "Anna" in first_page(pipe, "Anna")
    for name in ("Bert", "B" * (1 << 20)):  # the second one is more than the pipe takes
        pipe._patience = 1.0  # with the frozen one only
        frozen = freeze(pipe)
        began = time.monotonic()
        records = msgspec.json.encode({"Name": name})
        assert pipe.ask({"preview": PreviewRequest("table", {}, "shop", records)}) is None
        assert time.monotonic() - began < 100
        assert frozen.poll() is not None
        assert "Carl" in first_page(pipe, "Carl")


def test_a_child_that_works_for_long_is_not_taken_for_one_that_hangs(
    pipe: ChildPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives a sign each second."""
    assert "Anna" in first_page(pipe, "Anna")
    monkeypatch.setattr(child_pipe, "HANG_SECONDS", 4.5)  # on a busy machine a sign may be late
    pipe._patience = 4.5
    child = psutil.Process(running(pipe).pid)
    worked: list[float] = []

    def meanwhile() -> None:
        for each in child.children():  # what does the task; it must not end before
            each.suspend()
        worked.append(time.monotonic())
        if worked[-1] - worked[0] > 5:
            for each in child.children():
                each.resume()

    assert "Bert" in first_page(pipe, "Bert", meanwhile)
    assert worked[-1] - worked[0] > 5


def test_a_frozen_child_does_not_hold_up_the_end_of_the_web_process(
    pipe: ChildPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Anna" in first_page(pipe, "Anna")
    frozen, began = freeze(pipe), time.monotonic()
    wait, waits = frozen.wait, list[float | None]()

    def noted(timeout: float | None = None) -> int:
        waits.append(timeout)
        return wait(timeout)

    monkeypatch.setattr(frozen, "wait", noted)
    pipe.stop(0.1)
    assert frozen.poll() is not None
    assert time.monotonic() - began < 100, "it has STOP_SECONDS, and not the patience of one that works"
    assert waits[0] is not None and waits[0] <= 0.1, "all that stops has what is left of one time"


def running(pipe: ChildPipe) -> subprocess.Popen[bytes]:
    assert pipe._child is not None
    return pipe._child


def freeze(pipe: ChildPipe) -> subprocess.Popen[bytes]:
    child = running(pipe)
    os.kill(child.pid, signal.SIGSTOP)
    return child


def test_the_garbage_collector_looks_at_nothing_that_all_forks_share() -> None:
    """It takes a quarter of the start, and what it looks through is copied by each fork."""
    script = """if True:
        import gc, runpy, sys
        looks = []
        gc.callbacks.append(lambda phase, info: looks.append(phase))
        runpy.run_module("pipeline.tasks.child", run_name="__main__")
        print(len(looks) // 2, gc.get_freeze_count(), gc.isenabled(), file=sys.stderr)
    """
    settings = msgspec.json.encode(Settings.from_env({}))
    ended = subprocess.run([sys.executable, "-c", script], input=settings, capture_output=True, cwd=ROOT)
    looks, frozen, enabled = ended.stderr.decode().split()
    assert (int(looks) < 20, int(frozen) > 50_000, enabled) == (True, True, "True"), ended.stderr
