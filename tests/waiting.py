"""Waits for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 300.0  # seconds; it passes only where something is wrong, however busy the machine is


def until(true: Callable[[], object], what: str = "it", seconds: float = PATIENCE, *, pause: float = 0.02) -> None:
    """Wait until something is true. Fails after `seconds`, and says for what it waited.

    Looks cost processor time, which what is waited for needs: the longer it has lasted, the longer the pauses. The
    first is `pause`, the longest 0.1 s or twice that.
    """
    began = time.monotonic()
    while not true():
        waited = time.monotonic() - began
        assert waited < seconds, f"waited {seconds:.0f} s in vain for: {what}"
        time.sleep(min(max(pause, waited / 10), max(0.1, 2 * pause)))
