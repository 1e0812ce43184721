"""Attempts are counted before the work, so that one that kills its worker does not come back for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ChunkFailed, PipelineError
from ..services import Services


@contextmanager
def counted(s: Services, name: str, what: str) -> Iterator[int]:
    """Count an attempt until it ends well, or with a word of why not; which one it is.

    Raises ChunkFailed when too many have ended without a word. `what` says what could not be made.
    """
    attempt = count(s, name, what)
    with excused(s, name):
        yield attempt
    s.redis.counters.uncount_attempt(name)


def count(s: Services, name: str, what: str) -> int:
    """Count an attempt, which whoever calls this uncounts; else as `counted`."""
    attempt = s.redis.counters.count_attempt(name)
    if attempt > s.settings.max_attempts:
        raise ChunkFailed(
            f"{what} could not be rendered: {attempt - 1} attempts ended without a word, as when memory or time"
            " runs out.",
            advice="Look for an unusually large input there.",
        )
    return attempt


@contextmanager
def excused(s: Services, name: str) -> Iterator[None]:
    """What ends with a word of why does not count as an attempt."""
    try:
        yield
    except PipelineError:
        s.redis.counters.uncount_attempt(name)
        raise
