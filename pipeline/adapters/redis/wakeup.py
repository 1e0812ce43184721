"""Wakes the leading keeper when something changed, so that it need not poll often."""

from __future__ import annotations

from .connection import MAX_WAIT, Client, redis_errors

_KEY = "pipeline:wakeup"


class Wakeup:
    """A signal between processes. Several before the next wait count as one."""

    def __init__(self, client: Client) -> None:
        self._redis = client

    def wake(self) -> None:
        """Wake the keeper that waits, or the next one that will."""
        with redis_errors(), self._redis.pipeline() as pipe:
            pipe.rpush(_KEY, 1)
            pipe.ltrim(_KEY, -1, -1)
            pipe.expire(_KEY, 60)
            pipe.execute()

    def wait(self, seconds: float) -> bool:
        """Sleep for `seconds`, at most two. Returns True when woken."""
        with redis_errors():
            return self._redis.blpop([_KEY], timeout=max(0.01, min(seconds, MAX_WAIT))) is not None
