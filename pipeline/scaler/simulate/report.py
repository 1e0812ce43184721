"""The figures of a simulation, as values."""

from __future__ import annotations

from dataclasses import dataclass

from ..decide import Policy
from .bound import CompletedExport, bound
from .strategies import Strategy, compared
from .traces import Trace
from .world import Conditions, World


@dataclass(frozen=True)
class Figures:
    """How one strategy did on one trace; times in seconds."""

    trace: str
    strategy: str
    dyno_seconds: float
    bound: float | None  # None if exports are stranded: there is no equal result to compare with
    mean_wait: float
    max_wait: float
    killed: int  # busy workers stopped by a scaling decision
    redone: float
    calls: float  # of the platform's API that change something, per export
    idle: float  # longest time with workers up and nothing outstanding
    stranded: int

    @property
    def ratio(self) -> float | None:
        return self.dyno_seconds / self.bound if self.bound else None


def compare(trace: Trace, policy: Policy, conditions: Conditions, seed: int = 1) -> list[Figures]:
    """Run every strategy on one trace, with the same random numbers."""
    return [figures(strategy.name, simulate(trace, strategy, conditions, seed)) for strategy in compared(policy)]


def simulate(trace: Trace, strategy: Strategy, conditions: Conditions, seed: int = 1) -> World:
    """Run one strategy on one trace. Returns the world at its end."""
    return World(trace, strategy.make(), conditions, strategy.resizing, seed).run()


def figures(name: str, world: World) -> Figures:
    """Return the figures of a world at its end."""
    exports, boots = world.work.exports, world.platform.boots
    done = [(export.request, export.done_at) for export in exports if export.done_at is not None]
    waits = [end - request.at for request, end in done] or [0.0]
    stranded = len(exports) - len(done)
    completed = [CompletedExport(r.at, end, sum(r.chunks), r.planning, r.assembly) for r, end in done]
    boot = sum(boots) / len(boots) if boots else world.conditions.boot_median
    return Figures(
        trace=world.trace.name,
        strategy=name,
        dyno_seconds=world.dyno_seconds,
        bound=None if stranded else bound(completed, boot, world.conditions.slots),
        mean_wait=sum(waits) / len(waits),
        max_wait=max(waits),
        killed=world.platform.killed,
        redone=world.platform.redone_seconds,
        calls=world.calls / max(1, len(exports)),
        idle=world.longest_idle,
        stranded=stranded,
    )
