"""Exports, a queue, dynos and a platform as discrete events: what happens, never what should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import inf
from random import Random
from typing import NamedTuple

from ..decide import Decision, Demand, Dyno, Resizing, Snapshot
from .traces import Request, Trace

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
    leader_seconds: float = 15.0  # the leader's lease
    limit: int | None = None  # above which the platform refuses


class Step(IntEnum):
    """What a worker may have in hand; what is short goes first."""

    PLAN = 0
    ASSEMBLE = 1
    RENDER = 2


class Task(NamedTuple):
    """A message."""

    step: Step
    order: int
    job: int
    seconds: float


@dataclass(eq=False)
class Job:
    """An export and how far it is."""

    request: Request
    predicted: float  # seconds of a chunk
    planned: bool = False
    untaken: int = 0
    unfinished: int = 0
    assembling: bool = False
    done_at: float | None = None


@dataclass(eq=False)
class Machine:
    """A dyno: ordered, then up; what it has in hand, and since when it takes no more."""

    number: int
    since: float
    up: bool = False
    drained: float = inf
    hands: dict[Task, float] = field(default_factory=dict)  # with the time when each was taken
    life: int = 0  # so that what was planned for an earlier life does not happen


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
        self.now = 0.0
        self.jobs: list[Job] = []
        self._open: dict[int, Job] = {}  # those that are not done, by their place among all
        self.machines: list[Machine] = []
        self.queue: list[Task] = []
        self.boots: list[float] = []
        self.dyno_seconds = self.redone_seconds = self.longest_idle = 0.0
        self.killed = self.calls = 0
        self.moments: list[Moment] = []
        self.reasons: list[tuple[float, Decision]] = []
        self.told_limit: int | None = None
        self._scaler = scaler
        self._dice = Random(seed)  # noqa: S311  # a repeatable simulation, no secret
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._lost = 0
        self._calling = False
        self._paused_until = 0.0
        self._idle_since: float | None = 0.0

    def run(self) -> World:
        """Until everything is done and every dyno is gone, or until it is clear that this never happens."""
        for request in self.trace.requests:
            self._at(request.at, partial(self._asked, request))
        for crash in self.trace.crashes:
            self._at(crash.at, partial(self._crash, crash.dyno))
        self._at(0.0, self._tick)
        work = sum(sum(request.chunks) + request.planning + request.assembly for request in self.trace.requests)
        end = max(request.at for request in self.trace.requests) + work + GIVE_UP
        while self._events and self._events[0][0] < end and not self._over:
            at, _, happens = heappop(self._events)
            self._pass(at)
            happens()
            self._note(len(self.machines), sum(machine.up for machine in self.machines), len(self.queue))
        return self

    def _note(self, *counts: int) -> None:
        """For the picture, where something changes: a month has half a million looks of the keeper."""
        if not self.moments or self.moments[-1][1:] != counts:
            self.moments.append(Moment(self.now, *counts))

    @property
    def outstanding(self) -> bool:
        return bool(self._open)

    @property
    def _over(self) -> bool:
        return len(self.jobs) == len(self.trace.requests) and not self.outstanding and not self.machines

    def snapshot(self) -> Snapshot:
        """What the keeper would measure: no true times, only predictions and what it was told."""
        boots = self.boots[-20:]
        one_off = self.resizing is Resizing.ONE_OFF
        return Snapshot(
            now=self.now,
            demands=[self._demand(n, job) for n, job in self._open.items()],
            dynos=[
                Dyno(number if one_off else machine.number, machine.since, machine.up, bool(machine.hands))
                for number, machine in enumerate(self.machines, 1)
            ],
            boot_seconds=sum(boots, PRIOR * self.around.boot_median) / (len(boots) + PRIOR),
            api_seconds=self.around.api_seconds,
            waiting=len(self.queue),
            unacknowledged=self._lost + sum(len(machine.hands) for machine in self.machines),
            idle_seconds=0.0 if self._idle_since is None else self.now - self._idle_since,
            limit=self.told_limit,
        )

    def _demand(self, number: int, job: Job) -> Demand:
        request, deadline = job.request, None
        if job.request.deadline is not None:
            deadline = request.at + job.request.deadline
        if not job.planned:
            planning = request.planning - self._planned_for(number)
            chunks = len(request.chunks)
            return Demand(str(number), chunks, job.predicted, max(0.1, planning), request.assembly, deadline)
        if job.assembling:
            return Demand(str(number), job.untaken, request.assembly, deadline=deadline)
        return Demand(str(number), job.untaken, job.predicted, 0.0, request.assembly, deadline)

    def _planned_for(self, number: int) -> float:
        taken = [at for m in self.machines for task, at in m.hands.items() if task[::2] == (Step.PLAN, number)]
        return self.now - taken[0] if taken else 0.0

    # what happens

    def _at(self, when: float, happens: Callable[[], None]) -> None:
        heappush(self._events, (when, next(self._numbers), happens))

    def _pass(self, at: float) -> None:
        """Time goes by, and is paid for."""
        self.dyno_seconds += (at - self.now) * len(self.machines)
        self.now = at
        if self.outstanding:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = at
        if self._idle_since is not None and self.machines:
            self.longest_idle = max(self.longest_idle, at - self._idle_since)

    def _asked(self, request: Request) -> None:
        self._idle_since = None
        mean = sum(request.chunks) / max(1, len(request.chunks))
        job = Job(request, mean * self._dice.lognormvariate(0, 0.1))
        self._open[len(self.jobs)] = job
        self.jobs.append(job)
        self._send(Step.PLAN, len(self.jobs) - 1, request.planning)
        self._look("request")

    def _send(self, step: Step, job: int, seconds: float) -> None:
        self._put(Task(step, next(self._numbers), job, seconds))

    def _put(self, task: Task) -> None:
        heappush(self.queue, task)
        if task.step is not Step.PLAN:
            self.jobs[task.job].untaken += 1
        self._offer()

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
        while self.queue and self._takes(machine):
            task, life = heappop(self.queue), machine.life
            machine.hands[task] = self.now
            if task.step is not Step.PLAN:
                self.jobs[task.job].untaken -= 1
            self._at(self.now + task.seconds, partial(self._done, machine, task, life))

    def _done(self, machine: Machine, task: Task, life: int) -> None:
        if machine.life != life or machine not in self.machines:
            return
        del machine.hands[task]
        self._goes_on(task.step, task.job, self.jobs[task.job])
        self._take(machine)
        if not machine.hands:
            self._look("idle")

    def _goes_on(self, step: Step, number: int, job: Job) -> None:
        if step is Step.PLAN:
            job.planned, job.unfinished = True, len(job.request.chunks)
            for seconds in job.request.chunks:
                self._send(Step.RENDER, number, seconds)
            self._look("planned")
        elif step is Step.RENDER:
            job.unfinished -= 1
        if job.planned and not job.unfinished and not job.assembling:
            job.assembling = True
            self._send(Step.ASSEMBLE, number, job.request.assembly)
        elif step is Step.ASSEMBLE:
            job.done_at = self.now
            self._open.pop(number, None)
            if not self.outstanding:
                self._idle_since = self.now
            self._look("over")

    # the platform

    def _order(self, number: int) -> None:
        machine = Machine(number, self.now)
        self.machines.append(machine)
        self._boot(machine)

    def _boot(self, machine: Machine) -> None:
        seconds = self.around.boot_median * self._dice.lognormvariate(0, self.around.boot_sigma)
        self._at(self.now + seconds, partial(self._up, machine, machine.life, seconds))

    def _up(self, machine: Machine, life: int, seconds: float) -> None:
        if machine.life == life and machine in self.machines:
            machine.up = True
            self.boots.append(seconds)
            self._take(machine)
            if not machine.hands:
                self._look("idle")

    def _crash(self, number: int) -> None:
        if self.machines:
            machine = self.machines[(number - 1) % len(self.machines)]
            self._drop(machine, self.around.lease_seconds)
            machine.up, machine.since = False, self.now
            self._boot(machine)

    def _drop(self, machine: Machine, until_found: float) -> None:
        """What it had in hand is done again by another."""
        for task, at in machine.hands.items():
            self.redone_seconds += self.now - at
            self._lost += 1
            self._at(self.now + until_found, partial(self._found, task))
        machine.hands.clear()
        machine.life += 1

    def _found(self, task: Task) -> None:
        self._lost -= 1
        self._put(task)
        self._look("tick")

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
            self._obey(decision)

    def _obey(self, decision: Decision) -> None:
        if self.resizing is Resizing.ONE_OFF:
            self._obey_one_off(decision.quantity)
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
            self._resize(quantity)

    def _resize(self, quantity: int) -> None:
        for machine in self.machines[quantity:]:
            self.killed += bool(machine.hands)
            self._drop(machine, 0.0)
        del self.machines[quantity:]
        for number in range(len(self.machines) + 1, quantity + 1):
            self._order(number)

    def _obey_one_off(self, quantity: int) -> None:
        for _ in range(quantity - len(self.machines)):
            self.calls += 1
            self._order(next(self._numbers))
        free = [machine for machine in self.machines if machine.up and not machine.hands]
        for machine in free[: max(0, len(self.machines) - quantity)]:
            self.machines.remove(machine)
            machine.up = False
