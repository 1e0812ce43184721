"""Sending in threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from pipeline.cli.send import in_threads

from ...waiting import PATIENCE


def test_ctrl_c_drops_queued_calls() -> None:
    done: list[int] = []
    all_are_queued = threading.Event()

    def numbers() -> Iterator[int]:
        yield from range(500)
        all_are_queued.set()
        raise KeyboardInterrupt

    def slowly(number: int) -> None:
        assert all_are_queued.wait(PATIENCE)
        time.sleep(0.01)
        done.append(number)

    with pytest.raises(KeyboardInterrupt):
        list(in_threads(slowly, numbers()))
    assert len(done) < 400
