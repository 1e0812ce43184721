"""The simulated world: exports, a queue, dynos and a platform as discrete events. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from random import Random
from typing import NamedTuple

from ..decide import Decision, Dyno, Resizing, Snapshot
from .clock import Clock
from .platform import Platform, SimulatedDyno
from .traces import Request, Trace
from .work import Step, Task, Work

PRIOR = 8  # the weight of the assumed boot time, in boots
GIVE_UP_SECONDS = 4 * 3600.0  # beyond the time that one worker needs for everything; the rest is stranded


@dataclass(frozen=True)
class Conditions:
    """The conditions of a simulation; in seconds, chances from 0 to 1."""

    slots: int = 1
    boot_median: float = 12.0  # lognormal: one in twenty takes two and a half times as long
    boot_sigma: float = 0.557
    api_seconds: float = 0.5
    look_seconds: float = 5.0  # between two turns of the keeper when nothing wakes it
    flag_seconds: float = 0.5  # until a worker knows that it is to take no more
    settle_seconds: float = 1.0  # from the drain order to stopping the workers
    lease_seconds: float = 60.0  # until a dead worker's chunk is given to another
    refusal: float = 0.0  # chance that a call is answered with an error; every second one is carried out
    pause: float = 0.0  # chance that the leader dies after a turn
    leader_seconds: float = 3.0  # until another leads
    limit: int | None = None  # the most dynos that the platform allows


class Sample(NamedTuple):
    """A point of the picture."""

    at: float
    ordered: int
    up: int
    queue: int


Scaler = Callable[["World", str], Decision | None]
"""Called at every turn with its reason: tick, request, planned, idle, over. None changes nothing."""


class World:
    """Runs one trace under one scaler. What it measures is public, and final after `run`."""

    def __init__(self, trace: Trace, scaler: Scaler, conditions: Conditions, resizing: Resizing, seed: int) -> None:
        self.conditions, self.trace, self.resizing = conditions, trace, resizing
        self.work = Work(self._offer, self._turn)
        self.dyno_seconds = self.longest_idle = 0.0
        self.calls = 0
        self.samples: list[Sample] = []
        self.reasons: list[tuple[float, Decision]] = []
        self.told_limit: int | None = None
        self._scaler = scaler
        self._random = Random(seed)  # noqa: S311  # a repeatable simulation, no secret
        self._clock = Clock()
        self._at = self._clock.at
        self.platform = Platform(self._clock, self._boot_seconds, self._ready, self._lose)
        self._lost = 0
        self._calling = False
        self._paused_until = 0.0
        self._idle_since: float | None = 0.0

    def run(self) -> World:
        """Run until everything is done and every dyno is gone, or until it is clear that this never happens."""
        for request in self.trace.requests:
            self._at(request.at, partial(self._requested, request))
        for crash in self.trace.crashes:
            self._at(crash.at, partial(self.platform.crash, crash.dyno, self.conditions.lease_seconds))
        self._at(0.0, self._tick)
        requests = self.trace.requests
        work = sum(sum(request.chunks) + request.planning + request.assembly for request in requests)
        end = max(request.at for request in requests) + work + GIVE_UP_SECONDS
        while not self._over and (event := self._clock.next_before(end)):
            at, happens = event
            self._pass(at)
            happens()
            self._sample(len(self.dynos), sum(dyno.up for dyno in self.dynos), len(self.work.queue))
        return self

    def _sample(self, *counts: int) -> None:
        """Add a sample if something changed: a month has half a million turns of the keeper."""
        if not self.samples or self.samples[-1][1:] != counts:
            self.samples.append(Sample(self.now, *counts))

    @property
    def now(self) -> float:
        return self._clock.now

    @property
    def dynos(self) -> list[SimulatedDyno]:
        return self.platform.dynos

    @property
    def _over(self) -> bool:
        requested = len(self.work.exports) == len(self.trace.requests)
        return requested and not self.work.outstanding and not self.dynos

    def snapshot(self) -> Snapshot:
        """Return what the keeper would measure: predictions and what it was told, not the true times."""
        boots = self.platform.boots[-20:]
        one_off = self.resizing is Resizing.ONE_OFF
        return Snapshot(
            now=self.now,
            demands=self.work.demands(self._planned_for),
            dynos=[
                Dyno(number if one_off else dyno.number, dyno.since, dyno.up, bool(dyno.tasks))
                for number, dyno in enumerate(self.dynos, 1)
            ],
            boot_seconds=sum(boots, PRIOR * self.conditions.boot_median) / (len(boots) + PRIOR),
            api_seconds=self.conditions.api_seconds,
            waiting=len(self.work.queue),
            unacknowledged=self._lost + sum(len(dyno.tasks) for dyno in self.dynos),
            idle_seconds=0.0 if self._idle_since is None else self.now - self._idle_since,
            limit=self.told_limit,
        )

    def _planned_for(self, number: int) -> float:
        """Return the seconds since the planning of an export began."""
        taken = [
            at
            for dyno in self.dynos
            for task, at in dyno.tasks.items()
            if (task.step, task.export) == (Step.PLAN, number)
        ]
        return self.now - taken[0] if taken else 0.0

    # events

    def _pass(self, at: float) -> None:
        """Let time pass, and bill the dynos for it."""
        self.dyno_seconds += (at - self.now) * len(self.dynos)
        self._clock.now = at
        if self.work.outstanding:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = at
        if self._idle_since is not None and self.dynos:
            self.longest_idle = max(self.longest_idle, at - self._idle_since)

    def _requested(self, request: Request) -> None:
        self._idle_since = None
        mean = sum(request.chunks) / max(1, len(request.chunks))
        self.work.submit(request, mean * self._random.lognormvariate(0, 0.1))
        self._turn("request")

    def _offer(self) -> None:
        """Let the free workers take tasks, in random order."""
        free = [dyno for dyno in self.dynos if self._takes(dyno)]
        self._random.shuffle(free)
        for dyno in free:
            self._take(dyno)

    def _takes(self, dyno: SimulatedDyno) -> bool:
        told = self.now - dyno.drained >= self.conditions.flag_seconds
        return dyno.up and not told and len(dyno.tasks) < self.conditions.slots

    def _take(self, dyno: SimulatedDyno) -> None:
        while self.work.queue and self._takes(dyno):
            task = self.work.take()
            dyno.tasks[task] = self.now
            self._at(self.now + task.seconds, partial(self._done, dyno, task, dyno.life))

    def _done(self, dyno: SimulatedDyno, task: Task, life: int) -> None:
        if dyno.life != life or dyno not in self.dynos:
            return
        del dyno.tasks[task]
        self.work.finish(task, self.now)
        if not self.work.outstanding:
            self._idle_since = self.now
        self._ready(dyno)

    def _ready(self, dyno: SimulatedDyno) -> None:
        self._take(dyno)
        if not dyno.tasks:
            self._turn("idle")

    def _lose(self, task: Task, until_found: float) -> None:
        self._lost += 1
        self._at(self.now + until_found, partial(self._found, task))

    def _found(self, task: Task) -> None:
        self._lost -= 1
        self.work.put(task)
        self._turn("tick")

    def _boot_seconds(self) -> float:
        return self.conditions.boot_median * self._random.lognormvariate(0, self.conditions.boot_sigma)

    # the keeper

    def _tick(self) -> None:
        self._at(self.now + self.conditions.look_seconds, self._tick)
        self._turn("tick")

    def _turn(self, why: str) -> None:
        if self._calling or self.now < self._paused_until:
            return
        if self._random.random() < self.conditions.pause:
            self._paused_until = self.now + self.conditions.leader_seconds
        decision = self._scaler(self, why)
        if decision is not None:
            self.reasons.append((self.now, decision))
            if decision.holds is not None:
                self._at(self.now + max(0.01, decision.holds), partial(self._turn, "tick"))
            self._carry_out(decision)

    def _carry_out(self, decision: Decision) -> None:
        if self.resizing is Resizing.ONE_OFF:
            self._resize_one_off(decision.quantity, max(decision.quantity, decision.drain_above))
            return
        for dyno in self.dynos:
            kept = dyno.number <= decision.drain_above
            dyno.drained = inf if kept else min(dyno.drained, self.now)
        self._offer()
        if decision.quantity < len(self.dynos):
            going = self.dynos[decision.quantity :]
            if any(0 <= self.now - dyno.drained < self.conditions.settle_seconds for dyno in going):
                self._at(self.now + self.conditions.settle_seconds, partial(self._turn, "tick"))
                return
        if decision.quantity != len(self.dynos):
            self._calling = True
            self._at(self.now + self.conditions.api_seconds, partial(self._called, decision.quantity))

    def _called(self, quantity: int) -> None:
        """The platform's answer to a call."""
        self.calls += 1
        self._calling = False
        refused = self._random.random() < self.conditions.refusal
        if self.conditions.limit is not None and quantity > self.conditions.limit:
            self.told_limit = self.conditions.limit
            self._turn("tick")
        elif not refused or self._random.random() < 0.5:
            self.platform.resize(quantity)

    def _resize_one_off(self, quantity: int, stay: int) -> None:
        for _ in range(quantity - len(self.dynos)):
            self.calls += 1
            self.platform.run_one_off()
        free = [dyno for dyno in self.dynos if dyno.up and not dyno.tasks]
        for dyno in free[: max(0, len(self.dynos) - stay)]:
            self.platform.leave(dyno)
