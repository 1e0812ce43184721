"""Which process holds which lease and whether it lives; releases those of processes that are gone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..adapters.redis import Coordination
from ..adapters.redis.leases import Held
from .renewals import RENEW_SECONDS

LOOK_SECONDS = 3 * RENEW_SECONDS  # between two looks: a holder that lives has renewed its lease meanwhile


@dataclass(frozen=True)
class Lock:
    """A lease that is held. `seconds`: until it ends by itself."""

    held: Held
    alive: bool

    @property
    def name(self) -> str:
        return self.held.lease.name

    @property
    def holder(self) -> str:
        return self.held.holder

    @property
    def seconds(self) -> float:
        return round(self.held.seconds, 1)


def look(redis: Coordination) -> list[Lock]:
    """Return all locks, by name. Looks twice, if there is any.

    A holder lives if it renewed its lease meanwhile, or its worker reports: one that is stopping renews no more.
    """
    before = {held.lease.token: held.seconds for held in redis.leases.all()}
    if not before:
        return []
    began = time.monotonic()
    time.sleep(LOOK_SECONDS)
    after, up = redis.leases.all(), {worker.id for worker in redis.workers.up()}
    passed = time.monotonic() - began
    return [
        Lock(held, held.dyno in up or before.get(held.lease.token, 0.0) - held.seconds < passed - RENEW_SECONDS)
        for held in after
    ]


def release(redis: Coordination, locks: Sequence[Lock]) -> list[str]:
    """Release locks. Returns the names of those that were still held by the same holder."""
    return [lock.name for lock in locks if redis.leases.release(lock.held.lease)]


def release_gone(redis: Coordination) -> list[str]:
    """Release the locks of processes that are gone. Returns their names."""
    return release(redis, [lock for lock in look(redis) if not lock.alive])
