"""A machine that starts no more threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

STACK = 1 << 46  # bytes; no machine has so many addresses


@contextmanager
def no_threads() -> Iterator[None]:
    """Let this process start no thread: each would need a stack that is too large."""
    before = threading.stack_size(STACK)
    try:
        yield
    finally:
        threading.stack_size(before)
