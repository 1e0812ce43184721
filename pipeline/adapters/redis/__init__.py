"""What processes share through Redis. All of it can be rebuilt from the bucket, and every key expires.

When Redis is wiped, some work is done twice at worst.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.exceptions import NoPermissionError

from ...errors import RedisFull
from ...settings import Settings
from .connection import Client, connect, redis_errors
from .counters import Counters, send_uncount
from .decisions import Decisions
from .leases import Lease, Leases, lease_of, new_token, send_release, send_take
from .messages import Messages
from .metrics import Metrics
from .polls import Polls
from .progress import Drawn, ProgressNotes, send_begin, send_note
from .quotas import QuotaNotes
from .wakeup import Wakeup
from .workers import Workers

__all__ = ["Coordination", "memory_in_use"]


def memory_in_use(info: Mapping[str, Any]) -> str:
    """Return how much memory a server uses, and its limit, in words."""
    used, most = info.get("used_memory", 0) / 1e6, info.get("maxmemory", 0) / 1e6
    return f"{used:.1f} of {most:.1f} MB are in use" if most else f"{used:.1f} MB are in use, without a limit"


@dataclass(frozen=True)
class Coordination:
    """Everything that processes share. Thread-safe. Every method raises RedisDown when Redis does not answer."""

    client: Client
    leases: Leases
    counters: Counters
    progress: ProgressNotes
    polls: Polls
    quotas: QuotaNotes
    messages: Messages
    workers: Workers
    decisions: Decisions
    wakeup: Wakeup
    metrics: Metrics

    @classmethod
    def open(cls, settings: Settings) -> Coordination:
        """Connect to the Redis that the settings name. Nothing is sent yet."""
        return cls.on(connect(settings))

    @classmethod
    def on(cls, client: Client) -> Coordination:
        """Use an existing connection."""
        return cls(
            client, Leases(client), Counters(client), ProgressNotes(client), Polls(client), QuotaNotes(client),
            Messages(client), Workers(client), Decisions(client), Wakeup(client), Metrics(client),
        )  # fmt: skip

    def begin_chunk(self, export: str, chunk: int, seconds: float) -> tuple[Lease | None, bool]:
        """Take the lease of a chunk for `seconds`. Return it, or None while another holds it, and whether pages of
        the chunk may be stored.

        They may if Redis has noted some, or if there was an attempt before: its segment may be stored although its
        process was killed or the bucket's answer was lost. One round trip."""
        name, token = f"{export}:{chunk}", new_token()
        with redis_errors(), self.client.pipeline(transaction=False) as pipe:
            send_take(pipe, name, token, seconds)
            send_begin(pipe, export, chunk)
            granted, tried, _, drawn = pipe.execute()
        return lease_of(name, token, granted), bool(tried or drawn)

    def finish_chunk(self, lease: Lease, drawn: Drawn) -> None:
        """Note a piece of a chunk, uncount the attempt that drew it and release the lease.

        One round trip, so the next holder of the lease knows what was drawn.
        """
        with redis_errors(), self.client.pipeline() as pipe:
            send_note(pipe, drawn.export, drawn.fields())
            send_uncount(pipe, drawn.attempt)
            send_release(pipe, lease)
            pipe.execute()

    def check_room(self) -> None:
        """Write a small key. Raises RedisFull, with figures, when Redis stores nothing new."""
        try:
            with redis_errors():
                self.client.set("pipeline:room", 1, ex=60)
        except RedisFull as error:
            raise RedisFull(f"Redis is full: {memory_in_use(self.info() or {})}.") from error

    def info(self) -> dict[str, Any] | None:
        """Return what INFO says about the server; None when this user may not ask."""
        with redis_errors():
            try:
                found: dict[str, Any] = self.client.info()
            except NoPermissionError:
                self.client.ping()
                return None
            return found
