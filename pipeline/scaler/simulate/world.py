"""Exports, a queue, dynos and a platform as discrete events: what happens, never what should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from random import Random
from typing import NamedTuple

from ..decide import Decision, Dyno, Resizing, Snapshot
from .clock import Clock
from .platform import Machine, Platform
from .traces import Request, Trace
from .work import Step, Task, Work

PRIOR = 8  # boots that are known before the first
GIVE_UP = 4 * 3600.0  # after one worker could have done it all; whatever is unfinished then is stranded


@dataclass(frozen=True)
class Surroundings:
    """How the world is; in seconds, chances from 0 to 1."""

    slots: int = 1
    boot_median: float = 12.0  # lognormal: one in twenty takes two and a half times as long
    boot_sigma: float = 0.557
    api_seconds: float = 0.5
    look_seconds: float = 5.0  # between two looks of the keeper when nobody rings
    flag_seconds: float = 0.5  # until a worker knows that it is to take no more
    settle_seconds: float = 1.0  # from telling the workers to stopping them
    lease_seconds: float = 60.0  # until a dead worker's chunk is given to another
    refusal: float = 0.0  # chance of a call that is answered with an error, though every other is carried out
    pause: float = 0.0  # chance of a look after which nobody leads until the lease runs out
    leader_seconds: float = 3.0  # until a leader that died is missed
    limit: int | None = None  # above which the platform refuses


class Moment(NamedTuple):
    """A point of the picture."""

    at: float
    ordered: int
    up: int
    queue: int


Scaler = Callable[["World", str], Decision | None]
"""Asked at every look, with why it is: tick, request, planned, idle, over. None changes nothing."""


class World:
    """Runs one trace under one scaler. Everything it measures is public and final after `run`."""

    def __init__(self, trace: Trace, scaler: Scaler, around: Surroundings, resizing: Resizing, seed: int) -> None:
        self.around, self.trace, self.resizing = around, trace, resizing
        self.work = Work(self._offer, self._look)
        self.dyno_seconds = self.longest_idle = 0.0
        self.calls = 0
        self.moments: list[Moment] = []
        self.reasons: list[tuple[float, Decision]] = []
        self.told_limit: int | None = None
        self._scaler = scaler
        self._dice = Random(seed)  # noqa: S311  # a repeatable simulation, no secret
        self._clock = Clock()
        self._at = self._clock.at
        self.platform = Platform(self._clock, self._boot_seconds, self._ready, self._lose)
        self._lost = 0
        self._calling = False
        self._paused_until = 0.0
        self._idle_since: float | None = 0.0

    def run(self) -> World:
        """Until everything is done and every dyno is gone, or until it is clear that this never happens."""
        for request in self.trace.requests:
            self._at(request.at, partial(self._asked, request))
        for crash in self.trace.crashes:
            self._at(crash.at, partial(self.platform.crash, crash.dyno, self.around.lease_seconds))
        self._at(0.0, self._tick)
        requests = self.trace.requests
        work = sum(sum(request.chunks) + request.planning + request.assembly for request in requests)
        end = max(request.at for request in requests) + work + GIVE_UP
        while not self._over and (event := self._clock.next_before(end)):
            at, happens = event
            self._pass(at)
            happens()
            self._note(len(self.machines), sum(machine.up for machine in self.machines), len(self.work.queue))
        return self

    def _note(self, *counts: int) -> None:
        """For the picture, where something changes: a month has half a million looks of the keeper."""
        if not self.moments or self.moments[-1][1:] != counts:
            self.moments.append(Moment(self.now, *counts))

    @property
    def now(self) -> float:
        return self._clock.now

    @property
    def machines(self) -> list[Machine]:
        return self.platform.machines

    @property
    def _over(self) -> bool:
        asked = len(self.work.jobs) == len(self.trace.requests)
        return asked and not self.work.outstanding and not self.machines

    def snapshot(self) -> Snapshot:
        """What the keeper would measure: no true times, only predictions and what it was told."""
        boots = self.platform.boots[-20:]
        one_off = self.resizing is Resizing.ONE_OFF
        return Snapshot(
            now=self.now,
            demands=self.work.demands(self._planned_for),
            dynos=[
                Dyno(number if one_off else machine.number, machine.since, machine.up, bool(machine.hands))
                for number, machine in enumerate(self.machines, 1)
            ],
            boot_seconds=sum(boots, PRIOR * self.around.boot_median) / (len(boots) + PRIOR),
            api_seconds=self.around.api_seconds,
            waiting=len(self.work.queue),
            unacknowledged=self._lost + sum(len(machine.hands) for machine in self.machines),
            idle_seconds=0.0 if self._idle_since is None else self.now - self._idle_since,
            limit=self.told_limit,
        )

    def _planned_for(self, number: int) -> float:
        taken = [at for m in self.machines for task, at in m.hands.items() if task[::2] == (Step.PLAN, number)]
        return self.now - taken[0] if taken else 0.0

    # what happens

    def _pass(self, at: float) -> None:
        """Time goes by, and is paid for."""
        self.dyno_seconds += (at - self.now) * len(self.machines)
        self._clock.now = at
        if self.work.outstanding:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = at
        if self._idle_since is not None and self.machines:
            self.longest_idle = max(self.longest_idle, at - self._idle_since)

    def _asked(self, request: Request) -> None:
        self._idle_since = None
        mean = sum(request.chunks) / max(1, len(request.chunks))
        self.work.ask(request, mean * self._dice.lognormvariate(0, 0.1))
        self._look("request")

    def _offer(self) -> None:
        """Any of the workers that are free may be the first to take."""
        free = [machine for machine in self.machines if self._takes(machine)]
        self._dice.shuffle(free)
        for machine in free:
            self._take(machine)

    def _takes(self, machine: Machine) -> bool:
        told = self.now - machine.drained >= self.around.flag_seconds
        return machine.up and not told and len(machine.hands) < self.around.slots

    def _take(self, machine: Machine) -> None:
        while self.work.queue and self._takes(machine):
            task = self.work.take()
            machine.hands[task] = self.now
            self._at(self.now + task.seconds, partial(self._done, machine, task, machine.life))

    def _done(self, machine: Machine, task: Task, life: int) -> None:
        if machine.life != life or machine not in self.machines:
            return
        del machine.hands[task]
        self.work.finish(task, self.now)
        if not self.work.outstanding:
            self._idle_since = self.now
        self._ready(machine)

    def _ready(self, machine: Machine) -> None:
        self._take(machine)
        if not machine.hands:
            self._look("idle")

    def _lose(self, task: Task, until_found: float) -> None:
        self._lost += 1
        self._at(self.now + until_found, partial(self._found, task))

    def _found(self, task: Task) -> None:
        self._lost -= 1
        self.work.put(task)
        self._look("tick")

    def _boot_seconds(self) -> float:
        return self.around.boot_median * self._dice.lognormvariate(0, self.around.boot_sigma)

    # the scaler's hand

    def _tick(self) -> None:
        self._at(self.now + self.around.look_seconds, self._tick)
        self._look("tick")

    def _look(self, why: str) -> None:
        if self._calling or self.now < self._paused_until:
            return
        if self._dice.random() < self.around.pause:
            self._paused_until = self.now + self.around.leader_seconds
        decision = self._scaler(self, why)
        if decision is not None:
            self.reasons.append((self.now, decision))
            if decision.holds is not None:
                self._at(self.now + max(0.01, decision.holds), partial(self._look, "tick"))
            self._obey(decision)

    def _obey(self, decision: Decision) -> None:
        if self.resizing is Resizing.ONE_OFF:
            self._obey_one_off(decision.quantity, max(decision.quantity, decision.drain_above))
            return
        for machine in self.machines:
            kept = machine.number <= decision.drain_above
            machine.drained = inf if kept else min(machine.drained, self.now)
        self._offer()
        if decision.quantity < len(self.machines):
            going = self.machines[decision.quantity :]
            if any(0 <= self.now - machine.drained < self.around.settle_seconds for machine in going):
                self._at(self.now + self.around.settle_seconds, partial(self._look, "tick"))
                return
        if decision.quantity != len(self.machines):
            self._calling = True
            self._at(self.now + self.around.api_seconds, partial(self._patched, decision.quantity))

    def _patched(self, quantity: int) -> None:
        self.calls += 1
        self._calling = False
        refused = self._dice.random() < self.around.refusal
        if self.around.limit is not None and quantity > self.around.limit:
            self.told_limit = self.around.limit
            self._look("tick")
        elif not refused or self._dice.random() < 0.5:
            self.platform.resize(quantity)

    def _obey_one_off(self, quantity: int, stay: int) -> None:
        for _ in range(quantity - len(self.machines)):
            self.calls += 1
            self.platform.run_one_off()
        free = [machine for machine in self.machines if machine.up and not machine.hands]
        for machine in free[: max(0, len(self.machines) - stay)]:
            self.platform.leave(machine)
