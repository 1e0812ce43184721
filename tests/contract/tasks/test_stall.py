"""Limits on time without progress: steps that take long are not ended, those that stall are."""

from __future__ import annotations

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
from pipeline.tasks.stall import progressed, stall_limits

from ... import steps
from .stage import FIVE, Stage

STUCK = """
import signal, time
from pipeline.tasks.stall import stall_limits
with stall_limits(0.1, 0.3):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    time.sleep(60)
"""


def test_progress_begins_the_limit_anew() -> None:
    with stall_limits(0.5, 60):
        for _ in range(10):
            time.sleep(0.1)
            progressed()
        with pytest.raises(SoftTimeLimitExceeded):
            time.sleep(30)
    time.sleep(0.6)  # it is over


def test_a_process_that_is_not_interrupted_ends_and_shows_where_it_was() -> None:
    ended = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert 'File "<string>", line 6' in ended.stderr


@pytest.mark.parametrize("stalls", [False, True], ids=["slow", "stalled"])
def test_a_join_may_take_long_but_not_stall(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stalls: bool
) -> None:
    tail = Assembly.tail

    def slowly(assembly: Assembly) -> Iterator[bytes]:
        for piece in tail(assembly):
            time.sleep(30 if stalls else 0.5)
            yield piece

    export_id = stage.rendered(chunk_pages=1)
    with monkeypatch.context() as meanwhile, stall_limits(1.0, 60):
        meanwhile.setattr(Assembly, "tail", slowly)
        if stalls:
            with pytest.raises(OverLimit):
                steps.assemble(stage.s, export_id)
        else:
            began = time.monotonic()
            steps.assemble(stage.s, export_id)
            assert time.monotonic() - began > 1.0, "it took less than the limit"
    assert stage.load(export_id).state is (State.ASSEMBLING if stalls else State.READY)
    if not stalls:
        assert stage.captions(export_id, tmp_path) == FIVE
