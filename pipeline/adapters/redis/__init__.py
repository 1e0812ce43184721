"""Redis: what processes tell each other. All of it can be rebuilt from the bucket.

When Redis is wiped, work is done twice at the worst. Every key expires.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...settings import Settings
from .connection import Client, connect, redis_errors
from .counters import Counters, send_uncount
from .decisions import Decisions
from .leases import Lease, Leases, lease_of, new_token, send_release, send_take
from .messages import Messages
from .progress import Drawn, ProgressNotes, chunk_field, progress_key, send_note
from .wakeup import Wakeup
from .workers import Workers

__all__ = ["Coordination"]


@dataclass(frozen=True)
class Coordination:
    """Everything that processes share through Redis. Thread-safe; RedisDown when Redis does not answer."""

    client: Client
    leases: Leases
    counters: Counters
    progress: ProgressNotes
    messages: Messages
    workers: Workers
    decisions: Decisions
    wakeup: Wakeup

    @classmethod
    def open(cls, settings: Settings) -> Coordination:
        """Connect lazily, as the settings say."""
        return cls.on(connect(settings))

    @classmethod
    def on(cls, client: Client) -> Coordination:
        """The same on a connection that is there."""
        return cls(
            client, Leases(client), Counters(client), ProgressNotes(client), Messages(client), Workers(client),
            Decisions(client), Wakeup(client),
        )  # fmt: skip

    def begin_chunk(self, export: str, chunk: int, seconds: float) -> tuple[Lease | None, bool]:
        """Take the lease of a chunk, and ask whether Redis knows pages of it, in one round trip."""
        name, token = f"{export}:{chunk}", new_token()
        with redis_errors(), self.client.pipeline() as pipe:
            send_take(pipe, name, token, seconds)
            pipe.hexists(progress_key(export), chunk_field(chunk))
            granted, begun = pipe.execute()
        return lease_of(name, token, granted), bool(begun)

    def finish_chunk(self, lease: Lease, drawn: Drawn) -> None:
        """Note a piece of a chunk, uncount the attempt that drew it and release the lease, in one round trip: the
        next holder of the lease knows what was drawn."""
        with redis_errors(), self.client.pipeline() as pipe:
            send_note(pipe, drawn.export, drawn.fields())
            send_uncount(pipe, drawn.attempt)
            send_release(pipe, lease)
            pipe.execute()

    def info(self) -> dict[str, Any]:
        """What the server says of itself (INFO)."""
        with redis_errors():
            found: dict[str, Any] = self.client.info()
            return found
