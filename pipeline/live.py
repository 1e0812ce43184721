"""Redis: leases, attempts, live progress, the keeper's bell. The one door to Redis beside the broker.

Who is at work, and who shall stop, is in `roster.py`. Everything in Redis can be rebuilt: when it is wiped,
work is done twice at the worst. Every key expires.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from .roster import Roster
from .roster import translated as _translated
from .settings import Settings

QUEUES = ("pipeline.short", "pipeline.small", "pipeline.large")
"""In the order in which workers look at them: what is short; chunks of small exports; the rest."""

DAY = 86400
DECISIONS = 50
RING_MOST = 2.0  # a reply may take twice as long, so a Redis that hangs is noticed
_TAKE = """if not redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local now = redis.call('time')
return now[1] * 1000 + math.floor(now[2] / 1000)"""
_RANK = """local highest = tonumber(redis.call('get', KEYS[1]) or '0')
if tonumber(ARGV[1]) < highest then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'EX', 86400)
return 1"""
_KEEP = """if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
return 0"""
# Never below zero: an attempt that was counted before Redis was wiped may be uncounted after it.
_UNCOUNT = """if tonumber(redis.call('get', KEYS[1]) or '0') > 1 then return redis.call('decr', KEYS[1]) end
return redis.call('del', KEYS[1])"""
_DROP = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


@dataclass(frozen=True)
class Lease:
    """The right to do one thing, for a while.

    `fence` is the server's time in milliseconds when it was taken: it grows with each holder, also after
    Redis was wiped.
    """

    name: str
    token: str
    fence: int


@dataclass(frozen=True)
class Drawn:
    """A piece of a chunk, from page `first` on, that took so many seconds and was counted as `attempt`; `pages`
    of the chunk are drawn now."""

    export: str
    chunk: int
    first: int
    pages: int
    seconds: float
    attempt: str


@dataclass(frozen=True)
class Progress:
    """What is known of a running export: pages drawn, bytes joined; seconds of drawing, and of how many pieces."""

    pages: int
    bytes: int
    bytes_total: int
    seconds: float = 0.0
    timed: int = 0


class Live(Roster):
    """Commands in the words of the pipeline; RedisDown when Redis does not answer. Thread-safe."""

    @classmethod
    def open(cls, settings: Settings) -> Live:
        """Connect as the settings say; two connections at most, since small plans allow twenty in all."""
        # Heroku's certificate is self-signed: encrypted, not authenticated (facts of the platform).
        tls: dict[str, Any] = {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
        pool = redis.BlockingConnectionPool.from_url(
            settings.redis_url,
            max_connections=2,  # one waits for the bell, all else takes turns
            timeout=2,
            socket_connect_timeout=2,
            socket_timeout=2 * RING_MOST,
            socket_keepalive=True,
            health_check_interval=60,
            decode_responses=True,
            **(tls if settings.redis_url.startswith("rediss:") else {}),
        )
        return cls(redis.Redis(connection_pool=pool))

    # leases

    def lease(self, name: str, seconds: float) -> Lease | None:
        """Take a lease, or None while somebody else has it."""
        token = secrets.token_hex(8)
        with _translated():
            fence = self._redis.eval(_TAKE, 1, f"pipeline:lease:{name}", token, int(seconds * 1000))
        return Lease(name, token, int(fence)) if fence else None

    def begin(self, export: str, chunk: int, seconds: float) -> tuple[Lease | None, bool]:
        """Take the lease of a chunk; and whether anything of the chunk was drawn, as far as Redis knows."""
        name, token = f"{export}:{chunk}", secrets.token_hex(8)
        with _translated(), self._redis.pipeline() as pipe:
            pipe.eval(_TAKE, 1, f"pipeline:lease:{name}", token, int(seconds * 1000))
            pipe.hexists(f"pipeline:progress:{export}", f"c{chunk}")
            fence, begun = pipe.execute()
        return Lease(name, token, int(fence)) if fence else None, bool(begun)

    def finish(self, lease: Lease, drawn: Drawn) -> None:
        """Note a piece of a chunk, uncount the attempt that made it, and give the lease back, all at once: who
        has the lease next knows what was drawn."""
        progress, attempt = f"pipeline:progress:{drawn.export}", f"pipeline:attempt:{drawn.attempt}"
        done = {f"c{drawn.chunk}": drawn.pages, f"t{drawn.chunk}-{drawn.first}": round(drawn.seconds, 3)}
        with _translated(), self._redis.pipeline() as pipe:
            pipe.hset(progress, mapping=done)
            pipe.expire(progress, DAY)
            pipe.eval(_UNCOUNT, 1, attempt)
            pipe.eval(_DROP, 1, f"pipeline:lease:{lease.name}", lease.token)
            pipe.execute()

    def renew(self, lease: Lease, seconds: float) -> bool:
        """Keep a lease; False when it is lost."""
        with _translated():
            return bool(
                self._redis.eval(_KEEP, 1, f"pipeline:lease:{lease.name}", lease.token, int(seconds * 1000))
            )

    def release(self, lease: Lease) -> None:
        """Give a lease back, if it still is ours."""
        with _translated():
            self._redis.eval(_DROP, 1, f"pipeline:lease:{lease.name}", lease.token)

    def outranks(self, what: str, fence: int) -> bool:
        """Whether nobody with a higher fencing number has done this yet; notes the number."""
        with _translated():
            return bool(self._redis.eval(_RANK, 1, f"pipeline:fence:{what}", fence))

    def note_pause(self, name: str, seconds: float) -> None:
        """Whoever was at this comes back within so long; until then it counts as held, but is free to take."""
        with _translated():
            self._redis.set(f"pipeline:pause:{name}", 1, px=max(1, int(seconds * 1000)))

    def held(self, names: list[str]) -> set[str]:
        """Which of these somebody is at, or comes back to."""
        if not names:
            return set()
        with _translated():
            values = self._redis.mget([f"pipeline:{kind}:{name}" for kind in ("lease", "pause") for name in names])
        return {name for name, value in zip(names * 2, values, strict=True) if value}

    # counting

    def attempt(self, name: str) -> int:
        """Count an attempt before the work begins, so that one that kills its worker counts as well."""
        with _translated(), self._redis.pipeline() as pipe:
            pipe.incr(f"pipeline:attempt:{name}")
            pipe.expire(f"pipeline:attempt:{name}", DAY)
            return int(pipe.execute()[0])

    def forget_attempt(self, name: str) -> None:
        """Uncount an attempt that ended well, or with a word of why not."""
        with _translated():
            self._redis.eval(_UNCOUNT, 1, f"pipeline:attempt:{name}")

    def allow(self, what: str, per_minute: int) -> bool:
        """Whether one more is allowed in this minute, over all processes."""
        key = f"pipeline:rate:{what}:{int(time.time() // 60)}"
        with _translated(), self._redis.pipeline() as pipe:
            pipe.incr(key)
            pipe.expire(key, 120)
            return int(pipe.execute()[0]) <= per_minute

    # progress

    def note_pages(self, export: str, chunk: int, pages: int) -> None:
        """So many pages of a chunk are drawn."""
        self._note(export, {f"c{chunk}": pages})

    def note_bytes(self, export: str, done: int, total: int) -> None:
        """So many bytes of the file are joined."""
        self._note(export, {"bytes": done, "total": total})

    def progress(self, export: str) -> Progress | None:
        """What is known, or None when Redis knows nothing."""
        with _translated():
            values: dict[str, str] = self._redis.hgetall(f"pipeline:progress:{export}")
        if not values:
            return None
        pages = sum(int(value) for key, value in values.items() if key.startswith("c"))
        times = [float(value) for key, value in values.items() if key.startswith("t") and key != "total"]
        return Progress(pages, int(values.get("bytes", 0)), int(values.get("total", 0)), sum(times), len(times))

    def note_over(self, export: str) -> None:
        """An export is over: nobody needs to store what is still drawn of it."""
        with _translated():
            self._redis.set(f"pipeline:over:{export}", 1, ex=DAY)

    def over(self, export: str) -> bool:
        """Whether that is known; the bucket knows it for certain."""
        with _translated():
            return bool(self._redis.exists(f"pipeline:over:{export}"))

    def restore_pages(self, export: str, pages: dict[int, int]) -> None:
        """Put back what the bucket knows."""
        if pages:
            self._note(export, {f"c{chunk}": count for chunk, count in pages.items()})

    def forget(self, export: str) -> None:
        """Drop an export's progress; its other keys expire."""
        with _translated():
            self._redis.delete(f"pipeline:progress:{export}")

    def _note(self, export: str, values: Mapping[str, float]) -> None:
        with _translated(), self._redis.pipeline() as pipe:
            pipe.hset(f"pipeline:progress:{export}", mapping=values)
            pipe.expire(f"pipeline:progress:{export}", DAY)
            pipe.execute()

    # messages

    def note_sent(self, step: str, seconds: float) -> None:
        """Messages for a step went out; `sent` is true for so long."""
        with _translated():
            self._redis.set(f"pipeline:sent:{step}", 1, px=max(1, int(seconds * 1000)))

    def sent(self, step: str) -> bool:
        """Whether messages for a step went out lately."""
        with _translated():
            return bool(self._redis.exists(f"pipeline:sent:{step}"))

    def waiting(self, queues: Sequence[str] = QUEUES) -> int:
        """Messages that no worker has taken yet."""
        with _translated(), self._redis.pipeline() as pipe:
            for queue in queues:
                pipe.llen(queue)
            return sum(pipe.execute())

    def unacknowledged(self) -> list[str]:
        """The export ids of messages that a worker took and has not finished, or took to its grave.

        kombu keeps them in the hash `unacked` as [message, exchange, routing key].
        """
        with _translated():
            values: list[str] = self._redis.hvals("unacked")
        return [export_id for value in values if (export_id := _export_of(value))]

    # what the scaler says of itself

    def note_decision(self, decision: Mapping[str, Any]) -> None:
        """Keep a decision for people to see; the last fifty, for a week."""
        with _translated(), self._redis.pipeline() as pipe:
            pipe.lpush("pipeline:decisions", json.dumps(decision))
            pipe.ltrim("pipeline:decisions", 0, DECISIONS - 1)
            pipe.expire("pipeline:decisions", 7 * DAY)
            pipe.execute()

    def decisions(self) -> list[dict[str, Any]]:
        """The last decisions, newest first."""
        with _translated():
            return [json.loads(text) for text in self._redis.lrange("pipeline:decisions", 0, -1)]

    def show_scaler(self, state: Mapping[str, Any]) -> None:
        """Where the scaler stands."""
        with _translated():
            self._redis.set("pipeline:scaler", json.dumps(state), ex=DAY)

    def scaler(self) -> dict[str, Any] | None:
        """Where the scaler stood when it last looked; None when it has not, or Redis was wiped."""
        with _translated():
            text = self._redis.get("pipeline:scaler")
        found: dict[str, Any] | None = json.loads(text) if text else None
        return found

    # the keeper's bell

    def ring(self) -> None:
        """Wake the leading keeper."""
        with _translated(), self._redis.pipeline() as pipe:
            pipe.rpush("pipeline:bell", 1)
            pipe.ltrim("pipeline:bell", -1, -1)
            pipe.expire("pipeline:bell", 60)
            pipe.execute()

    def wait_for_ring(self, seconds: float) -> bool:
        """Sleep until somebody rings, or so many seconds, two at the most."""
        with _translated():
            return self._redis.blpop(["pipeline:bell"], timeout=max(0.01, min(seconds, RING_MOST))) is not None

    def ping(self) -> dict[str, Any]:
        """What the server says of itself."""
        with _translated():
            info: dict[str, Any] = self._redis.info()
            return info


def _export_of(message: str) -> str | None:
    """The export that a message is about; None for one of another program that shares this Redis."""
    envelope = json.loads(message)[0]
    if not str(envelope.get("headers", {}).get("task")).startswith("pipeline."):
        return None
    arguments, *_ = json.loads(base64.b64decode(envelope["body"]))
    return next((value for value in arguments if isinstance(value, str)), None)
