"""Figures of simulations, as values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from ..decide import Policy, Resizing
from .bound import Span, bound
from .traces import Trace, chance
from .ways import Way, compared, ours
from .world import Surroundings, World


@dataclass(frozen=True)
class Figures:
    """How one way did on one trace; times in seconds."""

    trace: str
    way: str
    dyno_seconds: float
    bound: float | None  # None when exports are stranded: nothing was achieved to compare with
    mean_wait: float
    max_wait: float
    killed: int  # busy workers, by a scaling decision
    redone: float
    calls: float  # of the platform's API that change something, for an export
    idle: float  # longest time with workers up and nothing outstanding
    stranded: int

    @property
    def ratio(self) -> float | None:
        return self.dyno_seconds / self.bound if self.bound else None


def compare(trace: Trace, policy: Policy, around: Surroundings, seed: int = 1) -> list[Figures]:
    """Every way on one trace, with the same dice."""
    return [figures(way.name, simulate(trace, way, around, seed)) for way in compared(policy)]


def simulate(trace: Trace, way: Way, around: Surroundings, seed: int = 1) -> World:
    return World(trace, way.make(), around, way.resizing, seed).run()


def figures(name: str, world: World) -> Figures:
    """What is measured in a world that has come to its end."""
    jobs, boots = world.work.jobs, world.platform.boots
    done = [(job.request, job.done_at) for job in jobs if job.done_at is not None]
    waits = [end - request.at for request, end in done] or [0.0]
    stranded = len(jobs) - len(done)
    spans = [Span(r.at, end, sum(r.chunks), r.planning, r.assembly) for r, end in done]
    boot = sum(boots) / len(boots) if boots else world.around.boot_median
    return Figures(
        trace=world.trace.name,
        way=name,
        dyno_seconds=world.dyno_seconds,
        bound=None if stranded else bound(spans, boot, world.around.slots),
        mean_wait=sum(waits) / len(waits),
        max_wait=max(waits),
        killed=world.platform.killed,
        redone=world.platform.redone_seconds,
        calls=world.calls / max(1, len(jobs)),
        idle=world.longest_idle,
        stranded=stranded,
    )


@dataclass(frozen=True)
class Soak:
    """What came of many random runs."""

    runs: int
    exports: int
    stranded: int
    killed: int
    idle: float
    calls: float
    ratio: float  # all dyno-seconds by all bounds


def soak(runs: int, policy: Policy, around: Surroundings) -> Soak:
    """Random requests, crashes, refused calls, calls whose answer is lost, limits, pauses of the keeper."""
    found = [_random_run(seed, policy, around) for seed in range(runs)]
    exports = sum(len(world.work.jobs) for world, _ in found)
    return Soak(
        runs=runs,
        exports=exports,
        stranded=sum(item.stranded for _, item in found),
        killed=sum(item.killed for _, item in found),
        idle=max(item.idle for _, item in found),
        calls=sum(world.calls for world, _ in found) / exports,
        ratio=sum(item.dyno_seconds for _, item in found) / sum(item.bound or 0.0 for _, item in found),
    )


def _random_run(seed: int, policy: Policy, around: Surroundings) -> tuple[World, Figures]:
    dice = Random(seed)  # noqa: S311  # a repeatable simulation, no secret
    faulty = replace(around, refusal=dice.choice((0, 0.1, 0.3)), pause=0.02, limit=dice.choice((None, None, 3)))
    world = simulate(chance(seed), Way("ours", lambda: ours(policy), Resizing.FORMATION), faulty, seed)
    return world, figures("ours", world)
