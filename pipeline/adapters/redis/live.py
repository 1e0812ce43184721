"""Redis: leases, attempts, live progress, the keeper's bell. The one door to Redis beside the broker.

Who is at work, and who shall stop, is in `roster.py`; by which scripts a lease is kept, in `leases.py`.
Everything in Redis can be rebuilt: when it is wiped, work is done twice at the worst. Every key expires.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import redis

from ...settings import Settings
from . import leases
from .leases import Lease
from .progress import Drawn, Progress, chunk_field
from .workers import Roster, translated

QUEUES = ("pipeline.short", "pipeline.small", "pipeline.large")
"""In the order in which workers look at them: what is short; chunks of small exports; the rest."""

DAY = 86400
DECISIONS = 50
RING_MOST = 2.0  # a reply may take twice as long, so a Redis that hangs is noticed
# Never below zero: an attempt that was counted before Redis was wiped may be uncounted after it.
_UNCOUNT = """if tonumber(redis.call('get', KEYS[1]) or '0') > 1 then return redis.call('decr', KEYS[1]) end
return redis.call('del', KEYS[1])"""


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
        with translated():
            return leases.taken(name, token, leases.take(self._redis, name, token, seconds))

    def begin(self, export: str, chunk: int, seconds: float) -> tuple[Lease | None, bool]:
        """Take the lease of a chunk; and whether anything of the chunk was drawn, as far as Redis knows."""
        name, token = f"{export}:{chunk}", secrets.token_hex(8)
        with translated(), self._redis.pipeline() as pipe:
            leases.take(pipe, name, token, seconds)
            pipe.hexists(f"pipeline:progress:{export}", chunk_field(chunk))
            fence, begun = pipe.execute()
        return leases.taken(name, token, fence), bool(begun)

    def finish(self, lease: Lease, drawn: Drawn) -> None:
        """Note a piece of a chunk, uncount the attempt that made it, and give the lease back, all at once: who
        has the lease next knows what was drawn."""
        with translated(), self._redis.pipeline() as pipe:
            _note(pipe, drawn.export, drawn.fields())
            _uncount(pipe, drawn.attempt)
            leases.drop(pipe, lease)
            pipe.execute()

    def renew(self, lease: Lease, seconds: float) -> bool:
        """Keep a lease; False when it is lost."""
        with translated():
            return bool(leases.keep(self._redis, lease, seconds))

    def release(self, lease: Lease) -> None:
        """Give a lease back, if it still is ours."""
        with translated():
            leases.drop(self._redis, lease)

    def outranks(self, what: str, fence: int) -> bool:
        """Whether nobody with a higher fencing number has done this yet; notes the number."""
        with translated():
            return bool(leases.outrank(self._redis, what, fence))

    def note_pause(self, name: str, seconds: float) -> None:
        """Whoever was at this comes back within so long; until then it counts as held, but is free to take."""
        with translated():
            self._redis.set(f"pipeline:pause:{name}", 1, px=max(1, int(seconds * 1000)))

    def held(self, names: list[str]) -> set[str]:
        """Which of these somebody is at, or comes back to."""
        if not names:
            return set()
        with translated():
            values = self._redis.mget([f"pipeline:{kind}:{name}" for kind in ("lease", "pause") for name in names])
        return {name for name, value in zip(names * 2, values, strict=True) if value}

    # counting

    def attempt(self, name: str) -> int:
        """Count an attempt before the work begins, so that one that kills its worker counts as well."""
        return self._count(f"pipeline:attempt:{name}", DAY)

    def forget_attempt(self, name: str) -> None:
        """Uncount an attempt that ended well, or with a word of why not."""
        with translated():
            _uncount(self._redis, name)

    def allow(self, what: str, per_minute: int) -> bool:
        """Whether one more is allowed in this minute, over all processes."""
        return self._count(f"pipeline:rate:{what}:{int(time.time() // 60)}", 120) <= per_minute

    def _count(self, key: str, seconds: int) -> int:
        with translated(), self._redis.pipeline() as pipe:
            pipe.incr(key)
            pipe.expire(key, seconds)
            return int(pipe.execute()[0])

    # progress

    def note_pages(self, export: str, chunk: int, pages: int) -> None:
        """So many pages of a chunk are drawn."""
        self._note(export, {chunk_field(chunk): pages})

    def note_bytes(self, export: str, done: int, total: int) -> None:
        """So many bytes of the file are joined."""
        self._note(export, {"bytes": done, "total": total})

    def progress(self, export: str) -> Progress | None:
        """What is known, or None when Redis knows nothing."""
        with translated():
            values: dict[str, str] = self._redis.hgetall(f"pipeline:progress:{export}")
        return Progress.read(values) if values else None

    def note_over(self, export: str) -> None:
        """An export is over: nobody needs to store what is still drawn of it."""
        with translated():
            self._redis.set(f"pipeline:over:{export}", 1, ex=DAY)

    def over(self, export: str) -> bool:
        """Whether that is known; the bucket knows it for certain."""
        with translated():
            return bool(self._redis.exists(f"pipeline:over:{export}"))

    def restore_pages(self, export: str, pages: dict[int, int]) -> None:
        """Put back what the bucket knows."""
        if pages:
            self._note(export, {chunk_field(chunk): count for chunk, count in pages.items()})

    def forget(self, export: str) -> None:
        """Drop an export's progress; its other keys expire."""
        with translated():
            self._redis.delete(f"pipeline:progress:{export}")

    def _note(self, export: str, values: Mapping[str, float]) -> None:
        with translated(), self._redis.pipeline() as pipe:
            _note(pipe, export, values)
            pipe.execute()

    # messages

    def note_sent(self, step: str, seconds: float) -> None:
        """Messages for a step went out; `sent` is true for so long."""
        with translated():
            self._redis.set(f"pipeline:sent:{step}", 1, px=max(1, int(seconds * 1000)))

    def sent(self, step: str) -> bool:
        """Whether messages for a step went out lately."""
        with translated():
            return bool(self._redis.exists(f"pipeline:sent:{step}"))

    def waiting(self, queues: Sequence[str] = QUEUES) -> int:
        """Messages that no worker has taken yet."""
        with translated(), self._redis.pipeline() as pipe:
            for queue in queues:
                pipe.llen(queue)
            return sum(pipe.execute())

    def unacknowledged(self) -> list[str]:
        """The export ids of messages that a worker took and has not finished, or took to its grave.

        kombu keeps them in the hash `unacked` as [message, exchange, routing key].
        """
        with translated():
            values: list[str] = self._redis.hvals("unacked")
        return [export_id for value in values if (export_id := _export_of(value))]

    # what the scaler says of itself

    def note_decision(self, decision: Mapping[str, Any]) -> None:
        """Keep a decision for people to see; the last fifty, for a week."""
        with translated(), self._redis.pipeline() as pipe:
            pipe.lpush("pipeline:decisions", json.dumps(decision))
            pipe.ltrim("pipeline:decisions", 0, DECISIONS - 1)
            pipe.expire("pipeline:decisions", 7 * DAY)
            pipe.execute()

    def decisions(self) -> list[dict[str, Any]]:
        """The last decisions, newest first."""
        with translated():
            return [json.loads(text) for text in self._redis.lrange("pipeline:decisions", 0, -1)]

    def show_scaler(self, state: Mapping[str, Any]) -> None:
        """Where the scaler stands."""
        with translated():
            self._redis.set("pipeline:scaler", json.dumps(state), ex=DAY)

    def scaler(self) -> dict[str, Any] | None:
        """Where the scaler stood when it last looked; None when it has not, or Redis was wiped."""
        with translated():
            text = self._redis.get("pipeline:scaler")
        found: dict[str, Any] | None = json.loads(text) if text else None
        return found

    # the keeper's bell

    def ring(self) -> None:
        """Wake the leading keeper."""
        with translated(), self._redis.pipeline() as pipe:
            pipe.rpush("pipeline:bell", 1)
            pipe.ltrim("pipeline:bell", -1, -1)
            pipe.expire("pipeline:bell", 60)
            pipe.execute()

    def wait_for_ring(self, seconds: float) -> bool:
        """Sleep until somebody rings, or so many seconds, two at the most."""
        with translated():
            return self._redis.blpop(["pipeline:bell"], timeout=max(0.01, min(seconds, RING_MOST))) is not None

    def ping(self) -> dict[str, Any]:
        """What the server says of itself."""
        with translated():
            info: dict[str, Any] = self._redis.info()
            return info


def _uncount(on: Any, attempt: str) -> None:  # `on` as in leases.py
    on.eval(_UNCOUNT, 1, f"pipeline:attempt:{attempt}")


def _note(on: Any, export: str, values: Mapping[str, float]) -> None:
    on.hset(f"pipeline:progress:{export}", mapping=values)
    on.expire(f"pipeline:progress:{export}", DAY)


def _export_of(message: str) -> str | None:
    """The export that a message is about; None for one of another program that shares this Redis."""
    envelope = json.loads(message)[0]
    if not str(envelope.get("headers", {}).get("task")).startswith("pipeline."):
        return None
    arguments, *_ = json.loads(base64.b64decode(envelope["body"]))
    return next((value for value in arguments if isinstance(value, str)), None)
