"""The limit on time without progress, of steps that take as long as their input is large.

Celery limits the time of a task in total, and its parent process cannot learn of progress. So these limits are in
the process itself. They belong to the process, as the timer and the signal do.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from billiard.exceptions import SoftTimeLimitExceeded


class _Limits:
    """The two limits in seconds, and when they were last begun anew."""

    def __init__(self, soft: float, hard: float) -> None:
        self.soft = soft
        self.hard = hard
        self.begun = float("-inf")


_limits: _Limits | None = None
_first: float | None = None  # progress of this process, on the monotonic clock


def first_progress() -> float | None:
    """Return when this process made progress first, on the monotonic clock; None before."""
    return _first


@contextmanager
def stall_limits(soft: float, hard: float) -> Iterator[None]:
    """Raise SoftTimeLimitExceeded `soft` seconds after the last progress; end the process after `hard` seconds.

    In the main thread. A process that ends shows its stack first.
    """
    global _limits
    before = signal.signal(signal.SIGALRM, _interrupt)
    _limits = _Limits(soft, hard)
    try:
        progressed()
        yield
    finally:
        _limits = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


def progressed() -> None:
    """Begin the limits anew, in a process that has them. It may be called for each row."""
    global _first
    if _first is None:
        _first = time.monotonic()
    if _limits is None:
        return
    now = time.monotonic()
    if now - _limits.begun < _limits.soft / 100:  # beginning them takes 50 us
        return
    _limits.begun = now
    signal.setitimer(signal.ITIMER_REAL, _limits.soft)
    # Its thread needs no interpreter: it also ends a process that is stuck in a library. Celery replaces stderr.
    faulthandler.dump_traceback_later(_limits.hard, exit=True, file=sys.__stderr__ or sys.stderr)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # the signature of a handler
    raise SoftTimeLimitExceeded
