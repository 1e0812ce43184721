"""The scaler on paper: many random simulations with faults, and the time of one decision."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from random import Random

from pipeline.scaler.decide import Demand, Dyno, Policy, Snapshot, decide
from pipeline.scaler.simulate.report import Figures, figures, simulate
from pipeline.scaler.simulate.strategies import Strategy, ours
from pipeline.scaler.simulate.traces import Crash, Trace, request
from pipeline.scaler.simulate.world import Conditions, World


@dataclass(frozen=True)
class SoakFigures:
    """The figures of many random runs; `idle` in seconds."""

    runs: int
    exports: int
    stranded: int
    killed: int
    idle: float
    calls: float  # per export
    ratio: float  # all dyno-seconds by all bounds

    @property
    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"{self.runs} random runs with faults, {self.exports} exports:",
            f"  {self.stranded} stranded, {self.killed} busy workers killed by a decision",
            f"  at most {self.idle:.0f} s with workers up and nothing to do",
            f"  {self.calls:.1f} calls an export; {self.ratio:.2f} times the bound",
        ]


def soak(runs: int, policy: Policy, conditions: Conditions) -> SoakFigures:
    """Simulate random requests, crashes, refused calls, lost answers, limits and pauses of the keeper."""
    found = [_random_run(seed, policy, conditions) for seed in range(runs)]
    exports = sum(len(world.work.exports) for world, _ in found)
    return SoakFigures(
        runs=runs,
        exports=exports,
        stranded=sum(item.stranded for _, item in found),
        killed=sum(item.killed for _, item in found),
        idle=max(item.idle for _, item in found),
        calls=sum(world.calls for world, _ in found) / exports,
        ratio=sum(item.dyno_seconds for _, item in found) / sum(item.bound or 0.0 for _, item in found),
    )


def _random_run(seed: int, policy: Policy, conditions: Conditions) -> tuple[World, Figures]:
    random = Random(seed)  # noqa: S311  # a repeatable simulation, no secret
    faulty = replace(
        conditions, refusal=random.choice((0, 0.1, 0.3)), pause=0.02, limit=random.choice((None, None, 3))
    )
    world = simulate(random_trace(seed), Strategy("ours", lambda: ours(policy)), faulty, seed)
    return world, figures("ours", world)


def random_trace(seed: int) -> Trace:
    """Returns about an hour of exports of all sizes, with crashes."""
    random = Random(seed)  # noqa: S311
    at, requests = 0.0, []
    for _ in range(random.randint(1, 12)):
        requests.append(request(random, at, min(400, int(random.lognormvariate(2.5, 1.2)) + 1)))
        at += random.expovariate(1 / random.choice((5, 60, 400)))
    crashes = [Crash(random.uniform(0, at + 120), random.randint(1, 8)) for _ in range(random.randint(0, 4))]
    return Trace(f"random {seed}", requests, crashes)


def decision_microseconds(exports: int = 100) -> float:
    """Returns the processor time of a decision: the best of 1,000 rounds of 100, as other programs may run."""
    demands = [Demand(str(number), 40, 6.0, 0.0, 5.0) for number in range(exports)]
    now = Snapshot(0.0, demands, [Dyno(number, -60.0, True, True) for number in range(1, 5)], 15.0)
    policy, rounds = Policy(4), []
    for _ in range(1000):
        began = time.process_time()
        for _ in range(100):
            decide(now, policy)
        rounds.append((time.process_time() - began) * 1e4)
    return min(rounds)
