"""Leases with fencing numbers: one holder at a time, and a way to refuse a former one.

The `send_…` functions take a connection, which runs a command at once, or a pipeline, which runs several together.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any
from uuid import uuid4

from .connection import Client, redis_errors

_TAKE = """if not redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local now = redis.call('time')
local highest = tonumber(redis.call('get', KEYS[2]) or '0')
return math.max(now[1] * 1000 + math.floor(now[2] / 1000), highest + 1)"""
_RENEW = """if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
return 0"""
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
_FENCE = """local highest = tonumber(redis.call('get', KEYS[1]) or '0')
if tonumber(ARGV[1]) < highest then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'EX', 86400)
return 1"""


@dataclass(frozen=True)
class Lease:
    """A lease that is held.

    `token` is unique to this holder. `fence` is the server's time in milliseconds when the lease was taken, so that
    it grows with each holder even after Redis was wiped. When the server's clock went back, as by a failover to
    another machine, it is one more than the highest fence that was recorded.
    """

    name: str
    token: str
    fence: int


@dataclass(frozen=True)
class Held:
    """A lease as Redis has it: its holder in words, the id of the holder's dyno, and the seconds until it ends."""

    lease: Lease
    holder: str
    dyno: str
    seconds: float


class Leases:
    """Takes, renews and releases leases by name."""

    def __init__(self, client: Client) -> None:
        self._redis = client

    def take(self, name: str, seconds: float) -> Lease | None:
        """Take a lease for `seconds`; None while another process holds it."""
        token = new_token()
        with redis_errors():
            return lease_of(name, token, send_take(self._redis, name, token, seconds))

    def renew(self, lease: Lease, seconds: float) -> bool:
        """Extend a lease to `seconds` from now; False when it is lost."""
        with redis_errors():
            return bool(self._redis.eval(_RENEW, 1, _key(lease.name), lease.token, int(seconds * 1000)))

    def release(self, lease: Lease) -> bool:
        """Release a lease, if it is still held; False if it is not."""
        with redis_errors():
            return bool(send_release(self._redis, lease))

    def all(self) -> list[Held]:
        """Return all leases that are held, by name. Looks at every key in Redis."""
        found = []
        with redis_errors():
            for key in sorted(set(self._redis.scan_iter(_key("*"), count=1000))):
                left, token = self._redis.pttl(key), self._redis.get(key)
                if token:
                    _, dyno, holder = [*token.split(" ", 2), "", "a process of another version"][:3]
                    found.append(Held(Lease(key.removeprefix(_key("")), token, 0), holder, dyno, left / 1000))
        return found

    def holders(self, names: Sequence[str]) -> dict[str, str]:
        """Return those of the names that are leased, each with its holder in words."""
        if not names:
            return {}
        with redis_errors():
            tokens = self._redis.mget([_key(name) for name in names])
        return {name: token.split(" ", 2)[-1] for name, token in zip(names, tokens, strict=True) if token}

    def fence_is_current(self, name: str, fence: int) -> bool:
        """Return whether `fence` is the highest seen so far under this name; records it."""
        with redis_errors():
            return bool(self._redis.eval(_FENCE, 1, _fence_key(name), fence))

    def expect_back(self, name: str, seconds: float) -> None:
        """Let `held` report a name for `seconds`, although its lease is free: its last holder retries then."""
        with redis_errors():
            self._redis.set(f"pipeline:pause:{name}", "paused", px=max(1, int(seconds * 1000)))

    def held(self, names: Sequence[str]) -> set[str]:
        """Return those of the names that are leased or expected back."""
        if not names:
            return set()
        keys = [f"pipeline:{kind}:{name}" for kind in ("lease", "pause") for name in names]
        with redis_errors():
            values = self._redis.mget(keys)
        return set(compress([*names, *names], values))


def new_token() -> str:
    """Return a token for a new holder: random, then the id of its dyno, then the holder in words."""
    dyno = os.environ.get("HEROKU_DYNO_ID") or "-"
    return f"{uuid4().hex} {dyno} {this_process()}"


def this_process() -> str:
    """Return this process in words: its dyno or machine, and its number there."""
    return f"{os.environ.get('DYNO') or socket.gethostname()}, process {os.getpid()}"


def send_take(client: Client, name: str, token: str, seconds: float) -> Any:
    """Send the command that takes a lease. Its answer is for `lease_of`."""
    return client.eval(_TAKE, 2, _key(name), _fence_key(name), token, int(seconds * 1000))


def lease_of(name: str, token: str, answer: Any) -> Lease | None:
    """Return the lease that an answer grants; None when another process holds it."""
    return Lease(name, token, int(answer)) if answer else None


def send_release(client: Client, lease: Lease) -> Any:
    """Send the command that releases a lease, if it is still held."""
    return client.eval(_RELEASE, 1, _key(lease.name), lease.token)


def _key(name: str) -> str:
    return f"pipeline:lease:{name}"


def _fence_key(name: str) -> str:
    return f"pipeline:fence:{name}"
