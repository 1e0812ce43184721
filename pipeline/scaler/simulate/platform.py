"""Dynos as a platform runs them: ordered, started, crashed, stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from math import inf

from .clock import Clock
from .work import Task


@dataclass(eq=False)
class Machine:
    """A dyno: ordered, then up; what it has in hand, and since when it takes no more."""

    number: int
    since: float
    up: bool = False
    drained: float = inf
    hands: dict[Task, float] = field(default_factory=dict)  # with the time when each was taken
    life: int = 0  # so that what was planned for an earlier life does not happen


class Platform:
    """All dynos that are paid for. It says that one is `up`, and that a task is `lost` for so many seconds."""

    def __init__(
        self,
        clock: Clock,
        boot_seconds: Callable[[], float],
        up: Callable[[Machine], None],
        lost: Callable[[Task, float], None],
    ) -> None:
        self.machines: list[Machine] = []
        self.boots: list[float] = []
        self.redone_seconds = 0.0
        self.killed = 0
        self._clock = clock
        self._boot_seconds = boot_seconds
        self._say_up = up
        self._lost = lost
        self._numbers = count(1)

    def resize(self, quantity: int) -> None:
        """So many; the highest go, whatever they have in hand."""
        for machine in self.machines[quantity:]:
            self.killed += bool(machine.hands)
            self._drop(machine, 0.0)
        del self.machines[quantity:]
        for number in range(len(self.machines) + 1, quantity + 1):
            self._order(number)

    def run_one_off(self) -> None:
        """One more, which leaves by itself."""
        self._order(next(self._numbers))

    def leave(self, machine: Machine) -> None:
        self.machines.remove(machine)
        machine.up = False

    def crash(self, place: int, until_found: float) -> None:
        """One of them dies and is started again; what it had in hand is found after so long."""
        if self.machines:
            machine = self.machines[(place - 1) % len(self.machines)]
            self._drop(machine, until_found)
            machine.up, machine.since = False, self._clock.now
            self._boot(machine)

    def _order(self, number: int) -> None:
        machine = Machine(number, self._clock.now)
        self.machines.append(machine)
        self._boot(machine)

    def _boot(self, machine: Machine) -> None:
        seconds = self._boot_seconds()
        self._clock.at(self._clock.now + seconds, partial(self._up, machine, machine.life, seconds))

    def _up(self, machine: Machine, life: int, seconds: float) -> None:
        if machine.life == life and machine in self.machines:
            machine.up = True
            self.boots.append(seconds)
            self._say_up(machine)

    def _drop(self, machine: Machine, until_found: float) -> None:
        """What it had in hand is done again by another."""
        for task, at in machine.hands.items():
            self.redone_seconds += self._clock.now - at
            self._lost(task, until_found)
        machine.hands.clear()
        machine.life += 1
