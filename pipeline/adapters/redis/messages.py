"""The broker's queues, and which exports had messages sent lately."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from .connection import Client, redis_errors
from .progress import over_key

DELIVER, ASSEMBLE, SMALL, PLAN, LARGE, LATER = QUEUES = (
    "pipeline.deliver",
    "pipeline.assemble",  # and what follows a wave
    "pipeline.small",  # chunks of small exports
    "pipeline.plan",
    "pipeline.large",  # chunks of large exports, of one of each owner
    "pipeline.later",  # chunks of an owner's further large exports
)
"""In the order in which workers take from them: what is nearly done is finished before more is begun."""

QUEUE_LIMIT = 4000  # messages that wait, before no more work is begun; 6 MB, a quarter of the smallest Redis
TURN_SECONDS = 3600  # how long an export that sends no wave keeps its owner's turn
_TAKE_TURN = """if redis.call('exists', KEYS[3]) == 1 then return 1 end
local holder = redis.call('get', KEYS[1])
if holder and holder < ARGV[1] then
    redis.call('zadd', KEYS[2], 0, ARGV[1])
    redis.call('expire', KEYS[2], ARGV[2])
    return 0
end
redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('zrem', KEYS[2], ARGV[1])
return 1"""
_END_TURN = """redis.call('zrem', KEYS[2], ARGV[1])
if redis.call('get', KEYS[1]) ~= ARGV[1] then return end
redis.call('del', KEYS[1])
local oldest = redis.call('zrange', KEYS[2], 0, 0)[1]
if not oldest then return end
local waiting = redis.call('lrange', KEYS[3], 0, -1)
for i = #waiting, 1, -1 do
    if string.find(waiting[i], oldest, 1, true) then
        redis.call('lrem', KEYS[3], -1, waiting[i])
        redis.call('lpush', KEYS[4], waiting[i])
    end
end"""
_FOREIGN = (ValueError, LookupError, TypeError, AttributeError)
"""What reading a message raises that is not as Celery and kombu write them."""
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
        """Return True while `note_sent` is remembered."""
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

    def take_turn(self, owner: str, export: str) -> bool:
        """Take an owner's turn for a large export; False while an older one has it.

        It is kept for TURN_SECONDS from the last call, or until `end_turn`. An export that is over takes none: a
        late message would keep the turn from the others after `end_turn`.
        """
        with redis_errors():
            keys = (*_turn_keys(owner), over_key(export))
            return bool(self._redis.eval(_TAKE_TURN, len(keys), *keys, export, TURN_SECONDS))

    def end_turn(self, owner: str, export: str) -> None:
        """End the turn of an export, if it has it; what waits of the owner's next one waits in LARGE then.

        Celery writes the arguments of a task in its headers too: there the export is found.
        """
        with redis_errors():
            self._redis.eval(_END_TURN, 4, *_turn_keys(owner), LATER, LARGE, export)

    def have_room(self) -> bool:
        """Return False while QUEUE_LIMIT messages wait: no more work should be begun then."""
        return self.waiting() < QUEUE_LIMIT

    def unacknowledged(self) -> list[str]:
        """Return the export id of each unacknowledged message, including those of dead workers.

        kombu keeps them in the hash `unacked` as [message, exchange, routing key].
        """
        with redis_errors():
            values: list[str] = self._redis.hvals("unacked")
        return [export_id for value in values if (export_id := _export_of(value))]


def _turn_keys(owner: str) -> tuple[str, str]:
    """Return the keys of the export that has an owner's turn, and of those that wait for it."""
    return f"pipeline:turn:{owner}", f"pipeline:turns:{owner}"


def sent_at(message: str) -> float | None:
    """Return when a message in a queue was sent; None for one that does not say."""
    try:
        found = json.loads(message)["headers"].get(SENT_AT)
    except _FOREIGN:
        return None
    return found if isinstance(found, float) else None


def _export_of(message: str) -> str | None:
    """Return the export id in a message; None for a message of another program that shares this Redis."""
    try:
        envelope = json.loads(message)[0]
        if not str(envelope["headers"].get("task")).startswith("pipeline."):
            return None
        _, named, *_ = json.loads(base64.b64decode(envelope["body"]))
        found: str | None = named.get("export")
    except _FOREIGN:
        return None
    return found
