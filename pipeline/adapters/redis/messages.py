"""The broker's queues, and which exports had messages sent lately."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from .connection import Client, redis_errors

DELIVER, ASSEMBLE, SMALL, PLAN, LARGE = QUEUES = (
    "pipeline.deliver",
    "pipeline.assemble",  # and what follows a wave
    "pipeline.small",  # chunks of small exports
    "pipeline.plan",
    "pipeline.large",  # chunks of large exports
)
"""In the order in which workers take from them: what is nearly done is finished before more is begun."""

QUEUE_LIMIT = 4000  # messages that wait, before no more work is begun; 6 MB, a quarter of the smallest Redis
SENT_AT = "sent_at"  # the header of a message with the time at which it was sent, in seconds since 1970


class Messages:
    """Reads the queues, and remembers what was sent."""

    def __init__(self, client: Client) -> None:
        self._redis = client

    def note_sent(self, export: str, seconds: float) -> None:
        """Remember for `seconds` that messages for an export were sent."""
        with redis_errors():
            self._redis.set(f"pipeline:sent:{export}", 1, px=max(1, int(seconds * 1000)))

    def sent_lately(self, export: str) -> bool:
        """True while `note_sent` is remembered."""
        with redis_errors():
            return bool(self._redis.exists(f"pipeline:sent:{export}"))

    def forget_sent(self, export: str) -> None:
        """Forget `note_sent`: nothing was sent, and the keeper need not wait for it."""
        with redis_errors():
            self._redis.delete(f"pipeline:sent:{export}")

    def waiting(self, queues: Sequence[str] = QUEUES) -> int:
        """Return how many messages wait in the queues."""
        with redis_errors(), self._redis.pipeline() as pipe:
            for queue in queues:
                pipe.llen(queue)
            return sum(pipe.execute())

    def have_room(self) -> bool:
        """False while QUEUE_LIMIT messages wait: no more work should be begun then."""
        return self.waiting() < QUEUE_LIMIT

    def unacknowledged(self) -> list[str]:
        """Return the export id of each unacknowledged message, including those of dead workers.

        kombu keeps them in the hash `unacked` as [message, exchange, routing key].
        """
        with redis_errors():
            values: list[str] = self._redis.hvals("unacked")
        return [export_id for value in values if (export_id := _export_of(value))]


def sent_at(message: str) -> float | None:
    """Return when a message in a queue was sent; None for one that does not say."""
    found: float | None = json.loads(message).get("headers", {}).get(SENT_AT)
    return found


def _export_of(message: str) -> str | None:
    """Return the export id in a message; None for a message of another program that shares this Redis."""
    envelope = json.loads(message)[0]
    if not str(envelope.get("headers", {}).get("task")).startswith("pipeline."):
        return None
    _, named, *_ = json.loads(base64.b64decode(envelope["body"]))
    found: str | None = named.get("export")
    return found
