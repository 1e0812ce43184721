"""Which workers are up, and the drain order: how many of them may take work.

A worker reports twice a second, so it is known again soon after Redis was wiped. One that died is forgotten after
FORGET_SECONDS. A drain order that is not repeated ends after DRAIN_SECONDS.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from .connection import DAY, Client, redis_errors

FORGET_SECONDS = 6.0  # a worker that does not report is gone, or cannot reach Redis and gets no messages
DRAIN_SECONDS = 60.0  # longer than a change of the formation takes, with its retries
LEFT_SECONDS = 600  # longer than Heroku lists a dyno whose worker has left
_ALL, _ORDER, _LEFT = "pipeline:workers", "pipeline:drain", "pipeline:left"
_DRAIN = """local now = redis.call('time')
local ms = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
local ceiling, mark, since = string.match(redis.call('get', KEYS[1]) or '', '(%d+) (%d+) (%d+)')
if not ceiling or tonumber(ceiling) < tonumber(ARGV[1]) or tonumber(mark) > tonumber(ms) then mark = ms end
if ceiling ~= ARGV[1] or tonumber(since) > tonumber(ms) then since = ms end
redis.call('set', KEYS[1], ARGV[1] .. ' ' .. mark .. ' ' .. since, 'PX', ARGV[2])
return {mark, ms - mark, ms - since}"""
_LEAVE = """local up = 0
for _, id in ipairs(redis.call('smembers', KEYS[1])) do up = up + redis.call('exists', KEYS[1] .. ':' .. id) end
local ceiling = string.match(redis.call('get', KEYS[2]) or '0', '%d+')
if up <= tonumber(ceiling) then return 0 end
redis.call('srem', KEYS[1], ARGV[1])
redis.call('del', KEYS[1] .. ':' .. ARGV[1])
redis.call('set', KEYS[3] .. ':' .. ARGV[1], '', 'EX', ARGV[2])
return 1"""


class Worker(msgspec.Struct, frozen=True):
    """A worker as it describes itself.

    `since` is when it became ready for work, `idle_since` when it last had some; seconds since 1970. `drains`
    acknowledges a drain order: it is the mark of the order that stops it from taking work, otherwise empty.
    """

    id: str
    name: str
    one_off: bool
    since: float
    busy: bool = False
    drains: str = ""
    idle_since: float = 0.0

    @property
    def ordinal(self) -> int | None:
        """7 for worker.7; None where dynos have no numbers (Heroku's Fir generation, a terminal)."""
        number = self.name.rpartition(".")[2]
        return int(number) if number.isdecimal() else None


_decode = msgspec.json.Decoder(Worker).decode


@dataclass(frozen=True)
class DrainOrder:
    """Workers with a number above `ceiling` take no work.

    `mark` changes only when the ceiling rises, so acknowledgements stay valid while it falls. `since_raised` and
    `since_set` are the seconds since the mark and the ceiling changed.
    """

    ceiling: int
    mark: str
    since_raised: float = 0.0
    since_set: float = 0.0

    @classmethod
    def parse(cls, text: str) -> DrainOrder:
        """Return the order as a worker reads it."""
        ceiling, mark, *_ = text.split()
        return cls(int(ceiling), mark)


class Workers:
    """The workers that are up, and the drain order."""

    def __init__(self, client: Client) -> None:
        self._redis = client

    # what a worker does

    def report(self, worker: Worker) -> DrainOrder | None:
        """Report that a worker is up and what it does. Returns the drain order, if there is one."""
        with redis_errors(), self._redis.pipeline() as pipe:
            pipe.set(f"{_ALL}:{worker.id}", msgspec.json.encode(worker), px=int(FORGET_SECONDS * 1000))
            pipe.sadd(_ALL, worker.id)
            pipe.expire(_ALL, DAY)
            pipe.get(_ORDER)
            order = pipe.execute()[-1]
        return DrainOrder.parse(order) if order else None

    def leave(self, worker_id: str) -> bool:
        """Unregister a worker if it is surplus; False when it is needed. Atomic: only the surplus is let go."""
        with redis_errors():
            return bool(self._redis.eval(_LEAVE, 3, _ALL, _ORDER, _LEFT, worker_id, LEFT_SECONDS))

    def sign_off(self, worker_id: str) -> None:
        """Unregister a worker whose process ends now."""
        with redis_errors(), self._redis.pipeline() as pipe:
            pipe.srem(_ALL, worker_id)
            pipe.delete(f"{_ALL}:{worker_id}")
            pipe.set(f"{_LEFT}:{worker_id}", time.time(), ex=LEFT_SECONDS)
            pipe.execute()

    # what the scaler does

    def up(self) -> list[Worker]:
        """Return the workers that are up, in the order of their numbers. Removes the ids of those that are gone."""
        with redis_errors():
            ids = sorted(self._redis.smembers(_ALL))
            found = dict(zip(ids, self._redis.mget([f"{_ALL}:{name}" for name in ids]), strict=True)) if ids else {}
            if gone := [name for name, value in found.items() if value is None]:
                self._redis.srem(_ALL, *gone)
        present = [_decode(value) for value in found.values() if value is not None]
        return sorted(present, key=lambda worker: (worker.ordinal or 0, worker.id))

    def left(self, ids: Iterable[str]) -> dict[str, float | None]:
        """Return those of the workers that have left or are leaving.

        The value is when the process ended, in seconds since 1970; None while it is still ending.
        """
        asked = sorted(ids)
        with redis_errors():
            said = self._redis.mget([f"{_LEFT}:{name}" for name in asked]) if asked else []
        spoken = {name: value for name, value in zip(asked, said, strict=True) if value is not None}
        return {name: float(value) if value else None for name, value in spoken.items()}

    def drain(self, above: int, seconds: float = DRAIN_SECONDS) -> DrainOrder:
        """Order workers with a number above this one to take no work, for `seconds` unless it is repeated."""
        with redis_errors():
            mark, raised, set_ = self._redis.eval(_DRAIN, 1, _ORDER, above, int(seconds * 1000))
        return DrainOrder(above, mark, raised / 1000, set_ / 1000)

    def end_drain(self) -> None:
        """Let all workers take work."""
        with redis_errors():
            self._redis.delete(_ORDER)
