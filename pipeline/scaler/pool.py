"""What a way to have so many workers looks like: asked for at every turn, a step at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

REMEMBERED = 3600.0  # seconds; plans change


@dataclass(frozen=True)
class PoolStatus:
    """What is known of the workers, without asking Heroku. None: unknown, or not so.

    `limit`: more than so many the plan does not allow. `refused`: why Heroku obeys the key no more; then
    workers cannot be stopped either. `silent_seconds`: no call is made for so long. `calls`: made by this
    process. `ordered_at`: when more workers were last asked for, in seconds since the epoch. `leaving`: take no
    more work, are not in `quantity`, and are paid until they are gone.
    """

    mode: str
    quantity: int | None
    limit: int | None
    refused: str | None
    silent_seconds: float
    calls: int
    ordered_at: float | None
    leaving: int = 0


class WorkerPool(Protocol):
    """So many workers. Every call may raise HerokuDown, or RedisDown."""

    @property
    def configured(self) -> bool:
        """Whether there is anything to scale."""

    def quantity(self) -> int:
        """How many workers there are, started or starting; asks Heroku."""

    def resize(self, wanted: int, line: int | None = None) -> int:
        """A step towards so many workers, and how many there are now. Above `line` (or else `wanted`) none
        takes any more work; of one-off dynos so many may stay.

        For each turn of the keeper: it never waits for a worker, and asks Heroku only if there is something
        to change. Down takes several turns, until the workers that are too many are idle.
        """

    def check(self) -> int:
        """How many workers there are; HerokuDown when the key may not change that."""

    def forget(self) -> None:
        """Another may have resized meanwhile, or Redis was away: ask Heroku again, and let workers speak up."""

    def roll_call(self) -> None:
        """Count those no more who left by themselves, or died; asks Redis, not Heroku."""

    def since(self, before: int) -> float | None:
        """From when on there are as many as now, where there were `before`; None when nobody can say.

        In seconds since the epoch. An order whose answer was lost, or whose leader died, is paid from when
        Heroku got it, not from when it was noticed.
        """

    def prices(self) -> dict[str, float]:
        """Dollars a second of a dyno by its size, as Heroku says; asks Heroku."""

    def standing(self) -> PoolStatus:
        """What is known now."""


def later(asked: float, said: float | None) -> float:
    """When an order took effect: not before we asked, and Heroku's times are whole seconds, rounded down."""
    return max(asked, said or 0.0)


@dataclass(frozen=True)
class Limit:
    """What the plan allows, as far as it was noticed in the last hour.

    Kept in the process that leads, not in Redis: another leader learns it by one call, and nothing has to
    be told that it is out of date.
    """

    most: int | None = None
    until: float = 0.0

    @classmethod
    def of(cls, most: int) -> Limit:
        """One at the least: who believed that there may be none would ask no more, and strand all work."""
        return cls(max(1, most), time.monotonic() + REMEMBERED)

    @property
    def now(self) -> int | None:
        return self.most if time.monotonic() < self.until else None

    def clip(self, wanted: int) -> int:
        return wanted if self.now is None else min(wanted, self.now)
