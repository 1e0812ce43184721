"""Leases in Redis: take one, keep it, give it back; and the numbers by which an earlier holder is refused.

`on` is the connection, which does it at once, or a pipeline of it, which does it together with other things.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_TAKE = """if not redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local now = redis.call('time')
return now[1] * 1000 + math.floor(now[2] / 1000)"""
_KEEP = """if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
return 0"""
_DROP = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
_RANK = """local highest = tonumber(redis.call('get', KEYS[1]) or '0')
if tonumber(ARGV[1]) < highest then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'EX', 86400)
return 1"""


@dataclass(frozen=True)
class Lease:
    """The right to do one thing, for a while.

    `fence` is the server's time in milliseconds when it was taken: it grows with each holder, also after
    Redis was wiped.
    """

    name: str
    token: str
    fence: int


def _key(name: str) -> str:
    return f"pipeline:lease:{name}"


def take(on: Any, name: str, token: str, seconds: float) -> Any:
    """The answer is for `taken`."""
    return on.eval(_TAKE, 1, _key(name), token, int(seconds * 1000))


def taken(name: str, token: str, answer: Any) -> Lease | None:
    """The lease, or None when somebody else has it."""
    return Lease(name, token, int(answer)) if answer else None


def keep(on: Any, lease: Lease, seconds: float) -> Any:
    """The answer is false when the lease is lost."""
    return on.eval(_KEEP, 1, _key(lease.name), lease.token, int(seconds * 1000))


def drop(on: Any, lease: Lease) -> Any:
    """Give it back, if it still is ours."""
    return on.eval(_DROP, 1, _key(lease.name), lease.token)


def outrank(on: Any, what: str, fence: int) -> Any:
    """The answer is false when a higher number is noted; else this one is."""
    return on.eval(_RANK, 1, f"pipeline:fence:{what}", fence)
