"""What GET /metrics tells: counters of steps and exports, and what the leading keeper saw at its last turn.

    pipeline:metrics:counts         hash: a JSON list of a name and its labels -> a number
    pipeline:metrics:peak:<slot>    sorted set: step -> bytes, for ten minutes each
    pipeline:metrics:memory         bytes that a rendering process may use
    pipeline:metrics:turn           what the keeper saw, as JSON

It grows with the kinds of documents, steps and errors, not with the exports.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from .connection import DAY, Client, redis_errors
from .messages import QUEUES, sent_at

KEPT = 30 * DAY
SLOT = 600  # seconds; the peaks of the present slot and the one before are shown
_COUNTS, _PEAK, _MEMORY, _TURN = (f"pipeline:metrics:{name}" for name in ("counts", "peak", "memory", "turn"))

# Each step calls it once: a script costs its process half as much as seven commands.
_ADD_STEP = """redis.call('zadd', KEYS[2], 'GT', ARGV[1], ARGV[2])
redis.call('expire', KEYS[2], ARGV[3])
redis.call('set', KEYS[3], ARGV[4], 'EX', ARGV[5])
for i = 6, #ARGV, 2 do redis.call('hincrbyfloat', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('expire', KEYS[1], ARGV[5])"""

Key = tuple[str, ...]
"""The name of a counter and the values of its labels."""


class Turn(msgspec.Struct, frozen=True):
    """What the leading keeper saw at its last turn.

    `exports`: state, document and how many there are. `workers` are paid, each at `price` dollars a second; None:
    this turn did not learn how many.
    """

    at: float
    exports: Sequence[tuple[str, str, int]] = ()
    workers: int | None = None
    price: float = 0.0


@dataclass(frozen=True)
class Queued:
    """A queue: its length, and the seconds since its oldest message was sent."""

    length: int
    oldest: float


@dataclass(frozen=True)
class Reading:
    """Everything that is kept for GET /metrics; the peaks and the memory limit are bytes."""

    counts: Mapping[Key, float]
    peaks: Mapping[str, float]
    memory_limit: int | None
    turn: Turn | None
    queues: Mapping[str, Queued]


class Metrics:
    """Counts, and reads what was counted. Counters begin anew when Redis is wiped."""

    def __init__(self, client: Client) -> None:
        self._redis = client

    def add(self, amounts: Mapping[Key, float]) -> None:
        """Add to counters. One round trip."""
        with redis_errors(), self._redis.pipeline() as pipe:
            _send(pipe, amounts)
            pipe.execute()

    def add_step(self, amounts: Mapping[Key, float], step: str, peak: int, limit: int) -> None:
        """Add what a step counts, and note the memory of its process, which may use `limit`. One round trip."""
        keys = _COUNTS, f"{_PEAK}:{int(time.time() // SLOT)}", _MEMORY
        pairs = [each for key, amount in amounts.items() for each in (json.dumps(key), amount)]
        with redis_errors():
            self._redis.eval(_ADD_STEP, len(keys), *keys, peak, step, 3 * SLOT, limit, KEPT, *pairs)

    def note_turn(self, turn: Turn) -> None:
        """Note what the keeper saw, and add what the workers of its last turn cost until now."""
        with redis_errors():
            before = _turn(self._redis.get(_TURN)) or turn
            if turn.workers is None:
                turn = msgspec.structs.replace(turn, workers=before.workers, price=before.price)
            seconds = (before.workers or 0) * max(0.0, turn.at - before.at)
            with self._redis.pipeline() as pipe:
                if seconds:
                    _send(pipe, {("dyno_seconds",): seconds, ("dollars",): seconds * before.price})
                pipe.set(_TURN, msgspec.json.encode(turn), ex=KEPT)
                pipe.execute()

    def read(self) -> Reading:
        """Read everything. One round trip."""
        now = time.time()
        with redis_errors(), self._redis.pipeline() as pipe:
            pipe.hgetall(_COUNTS)
            for slot in (int(now // SLOT) - 1, int(now // SLOT)):
                pipe.zrange(f"{_PEAK}:{slot}", 0, -1, withscores=True)
            pipe.mget(_MEMORY, _TURN)
            for queue in QUEUES:
                pipe.llen(queue)
                pipe.lindex(queue, -1)
            counts, earlier, lately, (memory, turn), *queues = pipe.execute()
        peaks = dict(earlier)
        for step, peak in lately:
            peaks[step] = max(peak, peaks.get(step, 0.0))
        return Reading(
            {tuple(json.loads(field)): float(value) for field, value in counts.items()},
            peaks,
            int(memory) if memory else None,
            _turn(turn),
            {
                name: Queued(length, max(0.0, now - (sent_at(oldest) or now)) if oldest else 0.0)
                for name, length, oldest in zip(QUEUES, queues[::2], queues[1::2], strict=True)
            },
        )


def _send(pipe: Client, amounts: Mapping[Key, float]) -> None:
    for key, amount in amounts.items():
        pipe.hincrbyfloat(_COUNTS, json.dumps(key), amount)
    pipe.expire(_COUNTS, KEPT)


def _turn(text: Any) -> Turn | None:
    """Return a stored turn; None when there is none, or another version wrote it."""
    try:
        return _decode(text) if text else None
    except msgspec.DecodeError:
        return None


_decode = msgspec.json.Decoder(Turn).decode
