"""Ways of scaling: ours, and those it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

from ..decide import Decision, Policy, Resizing, decide
from .world import Scaler, World


@dataclass(frozen=True)
class Way:
    """A way of scaling under its name. `make` starts it anew, since some remember."""

    name: str
    make: Callable[[], Scaler]
    resizing: Resizing = Resizing.FORMATION


def ours(policy: Policy) -> Scaler:
    """What the keeper does."""
    return lambda world, _: decide(world.snapshot(), policy)


def naive(maximum: int) -> Scaler:
    """Up at the request, zero in the chord's callback: whose workers these are, nobody asks."""

    def scale(world: World, why: str) -> Decision | None:
        quantity = {"request": maximum, "over": 0}.get(why, len(world.machines))
        return _plain(quantity) if why in ("request", "over") else None

    return scale


def all_stop(policy: Policy) -> Scaler:
    """Up as we do; nobody goes before everything is done, then all do."""

    def scale(world: World, _: str) -> Decision | None:
        now = world.snapshot()
        ordered = len(now.dynos)
        if now.demands:
            return _plain(max(ordered, decide(now, policy).quantity))
        return _plain(ordered if now.idle_seconds < policy.linger_seconds else 0)

    return scale


def by_depth(maximum: int, each: int = 5, poll: float = 30.0, cooldown: float = 300.0) -> Scaler:
    """One worker for every five messages, looked at twice a minute; down after five minutes without a need."""
    looked, needed_at = -poll, 0.0

    def scale(world: World, _: str) -> Decision | None:
        nonlocal looked, needed_at
        if world.now - looked < poll:
            return None
        looked = world.now
        depth = world.snapshot().waiting + world.snapshot().unacknowledged
        wanted = min(maximum, ceil(depth / each))
        if wanted >= len(world.machines):
            needed_at = world.now
        return _plain(wanted) if wanted > len(world.machines) or world.now - needed_at >= cooldown else None

    return scale


def _plain(quantity: int) -> Decision:
    """Without telling anybody to take no more."""
    return Decision(quantity, 10**6, "")


def compared(policy: Policy) -> list[Way]:
    """All of them, ours first."""
    one_off = replace(policy, resizing=Resizing.ONE_OFF)
    return [
        Way("ours", lambda: ours(policy)),
        Way("ours, one-off", lambda: ours(one_off), Resizing.ONE_OFF),
        Way("all stop at the end", lambda: all_stop(policy)),
        Way("naive", lambda: naive(policy.maximum)),
        Way("queue depth", lambda: by_depth(policy.maximum)),
    ]
