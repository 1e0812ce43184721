"""A frame for steps: a real Redis, a clock that is set by hand and one export in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from pipeline.adapters.redis import Coordination
from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id
from pipeline.exports.waves import Wave
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.tasks.lease import HeldLease
from pipeline.tasks.outcomes import Outcome
from pipeline.tasks.step import Step, Work, perform

ID = new_id()


class Stored:
    """One export; `stale` is what a copy shows that may be old, `broken` what the bucket answers instead."""

    def __init__(self, state: State = State.RENDERING) -> None:
        self.export = Export(ID, "photos", {}, "shop", 0.0, state=state, chunks=8)
        self.stale: Export | None = None
        self.broken: Exception | None = None
        self.ages: list[float] = []

    def load(self, export_id: str, max_age: float = 0.0) -> Export:
        assert export_id == ID
        self.ages.append(max_age)
        if self.broken:
            raise self.broken
        return self.stale if self.stale and max_age else self.export

    def change(self, export_id: str, change: Callable[[Export], Export]) -> Export:
        assert export_id == ID
        self.export = change(self.export)
        return self.export


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now

    time = monotonic


class Frame:
    """A step's surroundings: a chunk of 1,000 MiB and 100 s at most, of three attempts."""

    def __init__(self, shared: Coordination, clock: Clock) -> None:
        self.redis, self.clock, self.stored, self.stopping = shared, clock, Stored(), threading.Event()
        settings = replace(Settings.from_env({"MAX_ATTEMPTS": "3", "LEASE_SECONDS": "60"}), soft_time_limit=100.0)
        self.bytes = settings.memory_per_process
        services = SimpleNamespace(redis=shared, exports=self.stored, settings=settings)
        self.services = cast(Services, services)

    def work(self, part: int | None = 4) -> Work:
        lease = self.redis.leases.take(f"{ID}:{part}", 60.0)
        assert lease is not None
        held = HeldLease(self.redis.leases, lease, 60.0, self.stopping, 5.0)
        return Work(self.services, self.stored.export, part, False, held, self.stopping)

    def perform(self, body: Callable[[Work], Outcome], part: int | Wave | None = 4, name: str = "draw") -> Outcome:
        wanted = frozenset({State.RENDERING})
        return perform(Step(name, wanted, body, type(part)), self.services, ID, part, self.stopping)

    def attempts(self, name: str = "chunk 4") -> int:
        return int(cast(Any, self.redis.client.get(f"pipeline:attempt:{ID}:{name}")) or 0)
