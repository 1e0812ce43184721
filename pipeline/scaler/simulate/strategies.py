"""Strategies of scaling: ours, and those that it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

from ..decide import Decision, Policy, Resizing, decide
from .world import Scaler, World

# of the queue depth
MESSAGES_PER_WORKER = 5
POLL_SECONDS, COOLDOWN_SECONDS = 30.0, 300.0


@dataclass(frozen=True)
class Strategy:
    """A strategy and its name. `make` creates it anew for each run, since some keep state."""

    name: str
    make: Callable[[], Scaler]
    resizing: Resizing = Resizing.FORMATION


def ours(policy: Policy) -> Scaler:
    """What the keeper does."""
    return lambda world, _: decide(world.snapshot(), policy)


def naive(maximum: int) -> Scaler:
    """Order the maximum at each request, zero in the chord's callback, even if other exports still run."""

    def scale(world: World, why: str) -> Decision | None:
        quantity = {"request": maximum, "over": 0}.get(why, len(world.dynos))
        return _without_drain(quantity) if why in ("request", "over") else None

    return scale


def all_stop(policy: Policy) -> Scaler:
    """Grow as ours does; stop all workers together when everything is done."""

    def scale(world: World, _: str) -> Decision | None:
        now = world.snapshot()
        ordered = len(now.dynos)
        if now.demands:
            return _without_drain(max(ordered, decide(now, policy).quantity))
        return _without_drain(ordered if now.idle_seconds < policy.linger_seconds else 0)

    return scale


def by_depth(maximum: int) -> Scaler:
    """Order one worker per five messages, twice a minute; shrink after five minutes without a need."""
    looked, needed_at = -POLL_SECONDS, 0.0

    def scale(world: World, _: str) -> Decision | None:
        nonlocal looked, needed_at
        if world.now - looked < POLL_SECONDS:
            return None
        looked = world.now
        depth = world.snapshot().waiting + world.snapshot().unacknowledged
        wanted = min(maximum, ceil(depth / MESSAGES_PER_WORKER))
        if wanted >= len(world.dynos):
            needed_at = world.now
        due = wanted > len(world.dynos) or world.now - needed_at >= COOLDOWN_SECONDS
        return _without_drain(wanted) if due else None

    return scale


def _without_drain(quantity: int) -> Decision:
    """A decision that tells no worker to stop taking work."""
    return Decision(quantity, 10**6, "")


def compared(policy: Policy) -> list[Strategy]:
    """Return all strategies, ours first."""
    one_off = replace(policy, resizing=Resizing.ONE_OFF)
    return [
        Strategy("ours", lambda: ours(policy)),
        Strategy("ours, one-off", lambda: ours(one_off), Resizing.ONE_OFF),
        Strategy("all stop at the end", lambda: all_stop(policy)),
        Strategy("naive", lambda: naive(policy.maximum)),
        Strategy("queue depth", lambda: by_depth(policy.maximum)),
    ]
