"""Limits on time without progress: steps that take long are not ended, those that stall are."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from pipeline.errors import OverLimit
from pipeline.exports.export import State
from pipeline.pdf.assembly import Assembly
from pipeline.tasks import stall
from pipeline.tasks.stall import progressed, stall_limits

from ... import steps
from ...waiting import PATIENCE
from .stage import FIVE, Stage

SOFT = 6000.0  # seconds, which no test takes
STUCK = """
import signal, time
from pipeline.tasks.stall import stall_limits
with stall_limits(0.1, 0.3):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    time.sleep(60)
"""


class Clock:
    """A clock that stands still, and the timer of the process as if time passed."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def move_on(self) -> None:
        """Let most of the limit pass."""
        self.now += 0.9 * SOFT
        signal.setitimer(signal.ITIMER_REAL, 0.1 * SOFT)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stall, "time", clock)
    return clock


def left() -> float:
    """Seconds until the limit."""
    return signal.getitimer(signal.ITIMER_REAL)[0]


def stalls() -> None:
    """Let all of the limit pass, without progress."""
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    time.sleep(30)


def test_progress_begins_the_limit_anew(clock: Clock) -> None:
    with stall_limits(SOFT, 2 * SOFT):
        for _ in range(3):
            clock.move_on()
            progressed()
            assert 0.5 * SOFT < left() <= SOFT
        with pytest.raises(SoftTimeLimitExceeded):
            stalls()
    assert left() == 0.0, "it is over"


def test_a_process_that_is_not_interrupted_ends_and_shows_where_it_was() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STUCK], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert ended.returncode == 1
    assert 'File "<string>", line 6' in ended.stderr


def test_a_join_may_take_long(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    tail, after = Assembly.tail, list[float]()

    def slowly(assembly: Assembly) -> Iterator[bytes]:
        for piece in tail(assembly):
            clock.move_on()
            yield piece
            after.append(left())

    export_id = stage.rendered(chunk_pages=1)
    with monkeypatch.context() as meanwhile, stall_limits(SOFT, 2 * SOFT):
        meanwhile.setattr(Assembly, "tail", slowly)
        steps.assemble(stage.s, export_id)
    assert len(after) > 1
    assert min(after) > 0.5 * SOFT, "each piece is progress"
    assert stage.load(export_id).state is State.READY
    assert stage.captions(export_id, tmp_path) == FIVE


def test_a_join_may_not_stall(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def stalling(_: Assembly) -> Iterator[bytes]:
        stalls()
        yield b""

    export_id = stage.rendered(chunk_pages=1)
    with monkeypatch.context() as meanwhile, stall_limits(SOFT, 2 * SOFT):
        meanwhile.setattr(Assembly, "tail", stalling)
        with pytest.raises(OverLimit):
            steps.assemble(stage.s, export_id)
    assert stage.load(export_id).state is State.ASSEMBLING
