"""Counters: attempts at a piece of work, and a limit per minute."""

from __future__ import annotations

import time

from .connection import DAY, Client, redis_errors

# Never below zero: an attempt that was counted before Redis was wiped may be uncounted after it.
_UNCOUNT = """if tonumber(redis.call('get', KEYS[1]) or '0') > 1 then return redis.call('decr', KEYS[1]) end
return redis.call('del', KEYS[1])"""


class Counters:
    """Counts attempts and rates over all processes."""

    def __init__(self, client: Client) -> None:
        self._redis = client
        self._owed: set[str] = set()  # attempts that could not be uncounted while Redis was down

    def count_attempt(self, name: str) -> int:
        """Count an attempt and return its number, from 1.

        Called before the work, so an attempt that kills its worker counts as well.
        """
        for owed in list(self._owed):
            self.uncount_attempt(owed)
        return self._count(f"pipeline:attempt:{name}", DAY)

    def uncount_attempt(self, name: str) -> None:
        """Uncount an attempt that succeeded, or failed with a reason: later, if Redis is down now."""
        self._owed.add(name)
        with redis_errors():
            send_uncount(self._redis, name)
        self._owed.discard(name)

    def forget_attempts(self, export_id: str) -> None:
        """Forget all attempts at an export's work. Looks at every key in Redis."""
        with redis_errors():
            if keys := list(self._redis.scan_iter(f"pipeline:attempt:*{export_id}*", count=1000)):
                self._redis.delete(*keys)

    def allow(self, what: str, per_minute: int) -> bool:
        """Count one more; returns True up to `per_minute` in this minute."""
        return self._count(f"pipeline:rate:{what}:{int(time.time() // 60)}", 120) <= per_minute

    def _count(self, key: str, seconds: int) -> int:
        with redis_errors(), self._redis.pipeline() as pipe:
            pipe.incr(key)
            pipe.expire(key, seconds)
            return int(pipe.execute()[0])


def send_uncount(client: Client, name: str) -> None:
    """Send the command that uncounts one attempt."""
    client.eval(_UNCOUNT, 1, f"pipeline:attempt:{name}")
