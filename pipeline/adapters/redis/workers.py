"""Which workers are up, and how many of them shall take work; kept in Redis.

Workers say so themselves, twice a second, so a wiped Redis knows it again at once; a worker that died is
forgotten after PRESENT seconds, and a line that nobody draws any more after LINE seconds.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import redis

from ...errors import RedisDown

PRESENT = 6.0  # seconds; who was silent for so long is gone, or cannot reach Redis and gets no messages
LINE = 60.0  # seconds; longer than a change of the formation takes, tries and all
LEFT = 600  # seconds; longer than Heroku goes on listing a dyno whose worker has left
_ALL, _LINE, _LEFT = "pipeline:workers", "pipeline:line", "pipeline:left"
_DRAW = """local now = redis.call('time')
local ms = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
local above, mark, since = string.match(redis.call('get', KEYS[1]) or '', '(%d+) (%d+) (%d+)')
if not above or tonumber(above) < tonumber(ARGV[1]) then mark = ms end
if above ~= ARGV[1] then since = ms end
redis.call('set', KEYS[1], ARGV[1] .. ' ' .. mark .. ' ' .. since, 'PX', ARGV[2])
return {mark, ms - mark, ms - since}"""
_LEAVE = """local up = 0
for _, id in ipairs(redis.call('smembers', KEYS[1])) do up = up + redis.call('exists', KEYS[1] .. ':' .. id) end
local line = string.match(redis.call('get', KEYS[2]) or '0', '%d+')
if up <= tonumber(line) then return 0 end
redis.call('srem', KEYS[1], ARGV[1])
redis.call('del', KEYS[1] .. ':' .. ARGV[1])
redis.call('set', KEYS[3] .. ':' .. ARGV[1], '', 'EX', ARGV[2])
return 1"""


class Worker(msgspec.Struct, frozen=True):
    """A worker as it describes itself.

    `since`: when it was ready for work, `idle_since`: when it last had any, in seconds since the epoch. `drains`:
    the mark of the line because of which it takes no work, or nothing; with the mark, or who looks could believe
    what was true of an earlier one.
    """

    id: str
    name: str
    one_off: bool
    since: float
    busy: bool = False
    drains: str = ""
    idle_since: float = 0.0

    @property
    def draining(self) -> bool:
        return bool(self.drains)

    @property
    def ordinal(self) -> int | None:
        """7 for worker.7; None where dynos have no numbers (Heroku's Fir, a terminal)."""
        number = self.name.rpartition(".")[2]
        return int(number) if number.isdecimal() else None


_decode = msgspec.json.Decoder(Worker).decode


@dataclass(frozen=True)
class Line:
    """Workers above it take no work. It keeps its `mark` as long as it only falls: whoever was above it then has
    been above it since. `drawn`: seconds since it got its mark; `stood`: since it got its number."""

    above: int
    mark: str
    drawn: float = 0.0
    stood: float = 0.0

    @classmethod
    def read(cls, said: str) -> Line:
        above, mark, *_ = said.split()
        return cls(int(above), mark)


class Roster:
    """Who is up, and the line above which no work is taken. RedisDown when Redis does not answer."""

    def __init__(self, client: Any) -> None:
        self._redis = client

    # what a worker does

    def report(self, worker: Worker) -> Line | None:
        """Say that a worker is up and how it does; the line, or None when none is drawn."""
        with translated(), self._redis.pipeline() as pipe:
            pipe.set(f"{_ALL}:{worker.id}", msgspec.json.encode(worker), px=int(PRESENT * 1000))
            pipe.sadd(_ALL, worker.id)
            pipe.expire(_ALL, 86400)
            pipe.get(_LINE)
            line = pipe.execute()[-1]
        return Line.read(line) if line else None

    def leave(self, worker_id: str) -> bool:
        """Strike a worker off, if there are more than shall be; of several who ask at once, only so many go."""
        with translated():
            return bool(self._redis.eval(_LEAVE, 3, _ALL, _LINE, _LEFT, worker_id, LEFT))

    def sign_off(self, worker_id: str) -> None:
        """Strike a worker off that ends at this moment."""
        with translated(), self._redis.pipeline() as pipe:
            pipe.srem(_ALL, worker_id)
            pipe.delete(f"{_ALL}:{worker_id}")
            pipe.set(f"{_LEFT}:{worker_id}", time.time(), ex=LEFT)
            pipe.execute()

    # what the scaler does

    def workers(self) -> list[Worker]:
        """Those that are up, in the order of their numbers."""
        with translated():
            ids = sorted(self._redis.smembers(_ALL))
            found = dict(zip(ids, self._redis.mget([f"{_ALL}:{name}" for name in ids]), strict=True)) if ids else {}
            if gone := [name for name, value in found.items() if value is None]:
                self._redis.srem(_ALL, *gone)
        present = [_decode(value) for value in found.values() if value is not None]
        return sorted(present, key=lambda worker: (worker.ordinal or 0, worker.id))

    def left(self, ids: Iterable[str]) -> dict[str, float | None]:
        """Which of these said that they leave, and when they were gone, in seconds since the epoch; None: they
        are not gone yet."""
        asked = sorted(ids)
        with translated():
            said = self._redis.mget([f"{_LEFT}:{name}" for name in asked]) if asked else []
        spoken = {name: value for name, value in zip(asked, said, strict=True) if value is not None}
        return {name: float(value) if value else None for name, value in spoken.items()}

    def drain(self, above: int, seconds: float = LINE) -> Line:
        """Workers above this number take no work any more, for so long unless it is said again."""
        with translated():
            mark, drawn, stood = self._redis.eval(_DRAW, 1, _LINE, above, int(seconds * 1000))
        return Line(above, mark, drawn / 1000, stood / 1000)

    def lift(self) -> None:
        """All workers take work."""
        with translated():
            self._redis.delete(_LINE)


@contextmanager
def translated() -> Iterator[None]:
    """Redis's errors as ours."""
    try:
        yield
    except (redis.RedisError, OSError, ssl.SSLError) as error:
        raise RedisDown(f"Redis does not answer: {type(error).__name__}.") from error
