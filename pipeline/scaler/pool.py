"""Protocol of a worker pool. Called once per keeper turn; never blocks on a worker."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal, Protocol

LIMIT_SECONDS = 3600.0  # how long a limit is remembered: plans change


@dataclass(frozen=True)
class PoolStatus:
    """What is known of the workers without asking Heroku.

    `quantity`: workers that run or start; None: not known. `limit`: the most that the plan allows; None: no limit
    was met lately. `refused`: why Heroku rejects the key; workers cannot be stopped then either. `silent_seconds`:
    how long no call is made after a 429. `calls`: made by this process. `ordered_at`: when more workers were last
    ordered, in seconds since the epoch. `leaving`: workers that take no more work; they are not in `quantity`, and
    are paid until they are gone. `unable`: names of dynos of the formation that are silent, or were restarted and
    are not up yet.
    """

    mode: Literal["formation", "one-off", "none"]
    quantity: int | None
    limit: int | None
    refused: str | None
    silent_seconds: float
    calls: int
    ordered_at: float | None
    leaving: int = 0
    unable: tuple[str, ...] = ()


class WorkerPool(Protocol):
    """A number of workers that can be changed. Every call may raise HerokuDown or RedisDown."""

    @property
    def configured(self) -> bool:
        """True if there is an app to scale, and a key for it."""

    def quantity(self) -> int:
        """Ask Heroku. Returns the number of workers that run or start."""

    def resize(self, wanted: int, ceiling: int) -> None:
        """Take one step towards `wanted` workers. Workers above `ceiling` take no more work; of one-off dynos,
        `ceiling` may stay.

        Asks Heroku only if there is something to change. Shrinking takes several turns, until the surplus workers
        are idle.
        """

    def check(self) -> int:
        """Return the number of workers. Raises HerokuDown when the key may not change it."""

    def forget(self) -> None:
        """Drop cached state: another leader may have resized, or Redis was away. Workers get time to report."""

    def refresh(self) -> None:
        """Stop counting workers that left or died. Asks Redis, not Heroku."""

    def restart_silent(self, boot_seconds: float) -> None:
        """Restart dynos that are up and whose worker is silent for too long; one-off dynos are stopped.

        Asks Heroku only if workers are missing. Call it once per turn, if this process leads.
        """

    def changed_at(self, previous: int) -> float | None:
        """Return when the number of workers changed from `previous` to the present one; None if not known.

        In seconds since the epoch, by Heroku's record: an order whose answer was lost, or whose leader died, is
        paid from when Heroku received it, not from when it was noticed.
        """

    def prices(self) -> dict[str, float]:
        """Ask Heroku. Returns dollars a second by size of dyno."""

    def status(self) -> PoolStatus:
        """Return what is known, without a call."""


def took_effect_at(asked: float, reported: float | None) -> float:
    """Return when an order took effect: not before it was sent, as Heroku reports whole seconds, rounded down."""
    return max(asked, reported or 0.0)


@dataclass(frozen=True)
class Limit:
    """The plan's limit, as far as it was met in the last hour.

    Kept in the leading process, not in Redis: the next leader learns it by one call, and nothing has to be told
    when it is out of date.
    """

    quantity: int | None = None
    until: float = 0.0

    @classmethod
    def noticed(cls, quantity: int) -> Limit:
        """At least 1: a limit of 0 would stop all retries and strand the work."""
        return cls(max(1, quantity), time.monotonic() + LIMIT_SECONDS)

    @property
    def current(self) -> int | None:
        return self.quantity if time.monotonic() < self.until else None

    def clip(self, wanted: int) -> int:
        return wanted if self.current is None else min(wanted, self.current)
