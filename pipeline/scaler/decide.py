"""How many workers there should be: a pure function with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Snapshot:
    """What is known at one moment. Counts of work are of messages or chunks; `idle_seconds` is how long
    nothing at all has been outstanding."""

    chunks: int  # not rendered yet, over all exports
    exports: int  # not over, or not told about yet
    waiting: int  # messages that no worker has taken
    unacknowledged: int  # messages a worker has, of exports that are not over
    workers: int
    idle_seconds: float


@dataclass(frozen=True)
class Policy:
    """The limits within which to decide. `slots` is how many chunks one worker renders at once."""

    most: int
    slots: int
    linger_seconds: float


@dataclass(frozen=True)
class Decision:
    """An absolute number of workers, and the sentence that says why."""

    quantity: int
    reason: str


def decide(now: Snapshot, policy: Policy) -> Decision:
    """Up at once to what the chunks need; down only to zero, and only when nothing at all is left.

    In between nothing goes down: Heroku stops the highest-numbered worker, busy or not.
    """
    if now.chunks or now.exports or now.waiting or now.unacknowledged:
        needed = max(1, ceil(now.chunks / policy.slots))
        wanted = min(policy.most, needed)
        if wanted > now.workers:
            return Decision(wanted, f"{now.chunks} chunks of {now.exports} exports are outstanding.")
        return Decision(now.workers, "There is work, and workers enough.")
    if now.workers and now.idle_seconds < policy.linger_seconds:
        return Decision(now.workers, f"Nothing is outstanding; waiting {policy.linger_seconds:g} s for more.")
    return Decision(0, "Nothing is outstanding.")
