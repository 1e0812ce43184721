"""What the leading keeper did last: decisions and state of the scaler, runs of schedules, its last turn."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from .connection import DAY, Client, redis_errors

MAX_DECISIONS = 50
HOUR, SAMPLE_SECONDS = 3600, 15
SAMPLES = HOUR // SAMPLE_SECONDS


class Decisions:
    """Stores what the leading keeper did last."""

    def __init__(self, client: Client) -> None:
        self._redis = client

    def add(self, decision: Mapping[str, Any]) -> None:
        """Add a decision. The last fifty are kept, for a week."""
        with redis_errors(), self._redis.pipeline() as pipe:
            pipe.lpush("pipeline:decisions", json.dumps(decision))
            pipe.ltrim("pipeline:decisions", 0, MAX_DECISIONS - 1)
            pipe.expire("pipeline:decisions", 7 * DAY)
            pipe.execute()

    def latest(self) -> list[dict[str, Any]]:
        """Return the last decisions, newest first."""
        with redis_errors():
            return [json.loads(text) for text in self._redis.lrange("pipeline:decisions", 0, -1)]

    def show_state(self, state: Mapping[str, Any]) -> None:
        """Replace the scaler's state, and note it for `hour`: one sample for every 15 seconds, in a ring."""
        at = float(state.get("at", time.time()))
        sample = {"at": at, "workers": state.get("quantity"), "chunks": sum(state.get("outstanding", {}).values())}
        with redis_errors(), self._redis.pipeline() as pipe:
            pipe.set("pipeline:scaler", json.dumps(state), ex=DAY)
            pipe.hset("pipeline:hour", str(int(at // SAMPLE_SECONDS) % SAMPLES), json.dumps(sample))
            pipe.expire("pipeline:hour", HOUR)
            pipe.execute()

    def hour(self) -> list[dict[str, Any]]:
        """Return samples of the last hour, oldest first: `at`, `workers` (None: not known), `chunks` that wait."""
        with redis_errors():
            found = [json.loads(text) for text in self._redis.hvals("pipeline:hour")]
        recent = [sample for sample in found if sample["at"] > time.time() - HOUR]
        return sorted(recent, key=lambda sample: float(sample["at"]))

    def state(self) -> dict[str, Any] | None:
        """Return the scaler's state at its last turn; None when there is none."""
        with redis_errors():
            text = self._redis.get("pipeline:scaler")
        found: dict[str, Any] | None = json.loads(text) if text else None
        return found

    def note_run(self, schedule: str, run: bytes) -> None:
        """Note the last run of a schedule, for a week."""
        with redis_errors():
            self._redis.set(f"pipeline:schedule:{schedule}", run, ex=7 * DAY)

    def last_run(self, schedule: str) -> str | None:
        """Return what was noted of a schedule."""
        with redis_errors():
            found: str | None = self._redis.get(f"pipeline:schedule:{schedule}")
        return found

    def note_turn(self, at: float) -> None:
        """Note that the keeper looked at all exports."""
        with redis_errors():
            self._redis.set("pipeline:turned", at, ex=DAY)

    def last_turn(self) -> float | None:
        """Return when the keeper last looked at all exports; None if it did not within a day."""
        with redis_errors():
            found = self._redis.get("pipeline:turned")
        return float(found) if found else None
