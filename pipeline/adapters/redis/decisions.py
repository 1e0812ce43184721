"""The scaler's decisions and state, for the panel and the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .connection import DAY, Client, redis_errors

MAX_DECISIONS = 50


class Decisions:
    """Stores the scaler's state and its last decisions."""

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
        """Replace the scaler's state."""
        with redis_errors():
            self._redis.set("pipeline:scaler", json.dumps(state), ex=DAY)

    def state(self) -> dict[str, Any] | None:
        """Return the scaler's state at its last turn; None when there is none."""
        with redis_errors():
            text = self._redis.get("pipeline:scaler")
        found: dict[str, Any] | None = json.loads(text) if text else None
        return found
