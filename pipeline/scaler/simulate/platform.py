"""Simulated dynos of a platform: ordered, started, crashed, stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from math import inf

from .clock import Clock
from .work import Task


@dataclass(eq=False)
class SimulatedDyno:
    """A dyno that was ordered."""

    number: int
    since: float
    up: bool = False
    drained: float = inf  # since when it has been told to take no more
    tasks: dict[Task, float] = field(default_factory=dict)  # what it works on, and since when
    life: int = 0  # grows at each restart, so that events of an earlier life are ignored


class Platform:
    """All dynos that are paid for. Calls `up` when one is up, and `lost` with a task that is lost for so long."""

    def __init__(
        self,
        clock: Clock,
        boot_seconds: Callable[[], float],
        up: Callable[[SimulatedDyno], None],
        lost: Callable[[Task, float], None],
    ) -> None:
        self.dynos: list[SimulatedDyno] = []
        self.boots: list[float] = []
        self.redone_seconds = 0.0
        self.killed = 0
        self._clock = clock
        self._boot_seconds = boot_seconds
        self._report_up = up
        self._lost = lost
        self._numbers = count(1)

    def resize(self, quantity: int) -> None:
        """Set the quantity. Stops the highest dynos, busy or not."""
        for dyno in self.dynos[quantity:]:
            self.killed += bool(dyno.tasks)
            self._drop_tasks(dyno, 0.0)
        del self.dynos[quantity:]
        for number in range(len(self.dynos) + 1, quantity + 1):
            self._order(number)

    def run_one_off(self) -> None:
        """Start one more dyno, which exits by itself."""
        self._order(next(self._numbers))

    def leave(self, dyno: SimulatedDyno) -> None:
        self.dynos.remove(dyno)
        dyno.up = False

    def crash(self, place: int, until_found: float) -> None:
        """Let a dyno die and start again. What it worked on is found some seconds later."""
        if self.dynos:
            dyno = self.dynos[(place - 1) % len(self.dynos)]
            self._drop_tasks(dyno, until_found)
            dyno.up, dyno.since = False, self._clock.now
            self._boot(dyno)

    def _order(self, number: int) -> None:
        dyno = SimulatedDyno(number, self._clock.now)
        self.dynos.append(dyno)
        self._boot(dyno)

    def _boot(self, dyno: SimulatedDyno) -> None:
        seconds = self._boot_seconds()
        self._clock.at(self._clock.now + seconds, partial(self._up, dyno, dyno.life, seconds))

    def _up(self, dyno: SimulatedDyno, life: int, seconds: float) -> None:
        if dyno.life == life and dyno in self.dynos:
            dyno.up = True
            self.boots.append(seconds)
            self._report_up(dyno)

    def _drop_tasks(self, dyno: SimulatedDyno, until_found: float) -> None:
        """Take away what it works on; another dyno does it again."""
        for task, at in dyno.tasks.items():
            self.redone_seconds += self._clock.now - at
            self._lost(task, until_found)
        dyno.tasks.clear()
        dyno.life += 1
