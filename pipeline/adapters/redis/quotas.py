"""Exports that an owner or a subject requested lately, and those that may still run: two sorted sets for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .connection import DAY, Client, redis_errors

HOUR = 3600


@dataclass(frozen=True)
class Requested:
    """Exports of the last hour, and the time of the first of them; ids of those that may still be running."""

    in_an_hour: int
    first_at: float
    running: tuple[str, ...]


class QuotaNotes:
    """Notes exports for each `who`, a key of an owner or of a subject."""

    def __init__(self, client: Client) -> None:
        self._redis = client

    def enter(self, who: str, export: str, now: float, *, running: bool) -> Requested:
        """Note a new export, and return all there are now. `running`: also that it may be running. The caller must
        say then which are over, else they are never forgotten."""
        hour, at_work = _hour(who), _running(who)
        with redis_errors(), self._redis.pipeline() as pipe:
            pipe.zremrangebyscore(hour, 0, now - HOUR)
            pipe.zadd(hour, {export: now})
            pipe.expire(hour, HOUR)
            if running:
                pipe.zadd(at_work, {export: now})
                pipe.expire(at_work, 2 * DAY)
            pipe.zcard(hour)
            pipe.zrange(hour, 0, 0, withscores=True)
            pipe.zrange(at_work, 0, -1)
            *_, number, ((_, first_at),), ids = pipe.execute()
        return Requested(number, first_at, tuple(ids))

    def leave(self, who: str, export: str) -> None:
        """Take `enter` back."""
        with redis_errors(), self._redis.pipeline() as pipe:
            pipe.zrem(_hour(who), export)
            pipe.zrem(_running(who), export)
            pipe.execute()

    def note_over(self, who: str, exports: Iterable[str]) -> None:
        """Note that exports are not running any more."""
        with redis_errors():
            for export in exports:
                self._redis.zrem(_running(who), export)


def _hour(who: str) -> str:
    return f"pipeline:hour:{who}"


def _running(who: str) -> str:
    return f"pipeline:running:{who}"
