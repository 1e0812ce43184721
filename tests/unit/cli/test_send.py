"""Sending in threads."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from pipeline.cli.send import in_threads


def test_ctrl_c_drops_queued_calls() -> None:
    done: list[int] = []

    def numbers() -> Iterator[int]:
        yield from range(500)
        raise KeyboardInterrupt

    def slowly(number: int) -> None:
        time.sleep(0.01)
        done.append(number)

    with pytest.raises(KeyboardInterrupt):
        list(in_threads(slowly, numbers()))
    assert len(done) < 400
