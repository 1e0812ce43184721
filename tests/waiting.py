"""Waits for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 300.0  # seconds; it passes only where something is wrong, however busy the machine is


def until(true: Callable[[], object], what: str = "it", seconds: float = PATIENCE) -> None:
    """Wait until something is true. Fails after `seconds`, and says for what it waited."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for: {what}"
        time.sleep(0.02)
