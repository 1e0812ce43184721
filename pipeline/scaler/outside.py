"""Workers that another program starts and stops, such as KEDA (SCALER_MODE=none).

The decision is made as always and published: `pipeline_workers_wanted` in GET /metrics, `wanted` in GET /v1/scaler.
"""

from __future__ import annotations

import time

from ..adapters.redis import Coordination
from .pool import PoolStatus


class OutsidePool:
    """The workers that report; this program changes nothing about them."""

    def __init__(self, redis: Coordination) -> None:
        self._redis = redis
        self._up: int | None = None
        self._wanted = 0
        self._ordered_at: float | None = None

    @property
    def configured(self) -> bool:
        return True

    def quantity(self) -> int:
        self._up = len(self._redis.workers.up())
        return self._up

    def refresh(self) -> None:
        self.quantity()

    def resize(self, wanted: int, ceiling: int) -> None:  # noqa: ARG002  # no worker is drained by its number
        """Note when more were wanted first: from then on a boot is measured."""
        if wanted > max(self._wanted, self._up or 0):
            self._ordered_at = time.time()
        self._wanted = wanted

    def check(self) -> int:
        return self.quantity()

    def forget(self) -> None:
        self._up = None

    def restart_silent(self, boot_seconds: float) -> None:
        """Nothing to do: the other program restarts its workers."""

    def changed_at(self, previous: int) -> float | None:  # noqa: ARG002
        """Return None: no one says when."""
        return None

    def prices(self) -> dict[str, float]:
        """Return nothing: the bill is another program's."""
        return {}

    def status(self) -> PoolStatus:
        return PoolStatus("none", self._up, None, None, 0.0, 0, self._ordered_at)
