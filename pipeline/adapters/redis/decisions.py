"""What the scaler says of itself, for people to see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .connection import DAY, Client, redis_errors

KEPT = 50  # decisions


class Decisions:
    """The scaler's state and its last decisions."""

    def __init__(self, client: Client) -> None:
        self._redis = client

    def add(self, decision: Mapping[str, Any]) -> None:
        """Keep a decision; the last fifty are kept, for a week."""
        with redis_errors(), self._redis.pipeline() as pipe:
            pipe.lpush("pipeline:decisions", json.dumps(decision))
            pipe.ltrim("pipeline:decisions", 0, KEPT - 1)
            pipe.expire("pipeline:decisions", 7 * DAY)
            pipe.execute()

    def latest(self) -> list[dict[str, Any]]:
        """The last decisions, newest first."""
        with redis_errors():
            return [json.loads(text) for text in self._redis.lrange("pipeline:decisions", 0, -1)]

    def show_state(self, state: Mapping[str, Any]) -> None:
        """Replace the scaler's state."""
        with redis_errors():
            self._redis.set("pipeline:scaler", json.dumps(state), ex=DAY)

    def state(self) -> dict[str, Any] | None:
        """The scaler's state at its last turn; None when there was none, or Redis was wiped."""
        with redis_errors():
            text = self._redis.get("pipeline:scaler")
        found: dict[str, Any] | None = json.loads(text) if text else None
        return found
