"""Figures of a run of the scaler, from the records of the dyno manager, the workers and the bucket. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from local.dyno import DynoState
from local.formation import Event
from pipeline.exports.export import Export


@dataclass(frozen=True)
class Stretch:
    """An interval, in seconds since the epoch."""

    begin: float
    end: float
    dyno: str = ""

    @property
    def seconds(self) -> float:
        return self.end - self.begin

    def during(self, other: Stretch) -> float:
        return max(0.0, min(self.end, other.end) - max(self.begin, other.begin))


@dataclass(frozen=True)
class Figures:
    """The figures that docs/scaling.md promises."""

    exports: int
    killed: int  # workers that had a task when they were told to stop
    after_last: float  # dyno-seconds after the last task of a while, the most
    calls: float  # for an export, tries and questions included
    idle: float  # the longest time with workers ordered and nothing outstanding
    alone: float  # the longest time with something outstanding and no worker ordered


def lives(history: Iterable[Event], now: float) -> list[Stretch]:
    """Each dyno from the request that ordered it to the request, or the end, that released it."""
    begun: dict[str, float] = {}
    found = []
    for event in sorted(history, key=lambda event: event.time):
        if event.state is DynoState.STARTING:
            begun.setdefault(event.dyno, event.time)  # one that crashed starts again, and is paid all along
        elif event.state is DynoState.DOWN and event.dyno in begun:
            found.append(Stretch(begun.pop(event.dyno), event.time, event.dyno))
    return found + [Stretch(begin, now, dyno) for dyno, begin in begun.items()]


def stints(lines: Iterable[str], kills: Sequence[tuple[float, str]], now: float) -> list[Stretch]:
    """When which dyno had a task: until it was done, or until we killed the dyno."""
    taken: dict[tuple[str, str], float] = {}
    found = []
    for line in lines:
        moment, dyno, word, task = line.split()
        if word == "took":
            taken[dyno, task] = float(moment)
        elif (dyno, task) in taken:
            found.append(Stretch(taken.pop((dyno, task)), float(moment), dyno))
    for (dyno, _), begin in taken.items():
        end = min((at for at, killed in kills if killed == dyno and at >= begin), default=now)
        found.append(Stretch(begin, end, dyno))
    return found


def outstanding(exports: Iterable[Export], now: float) -> list[Stretch]:
    """Each export from the request to its end."""
    return [Stretch(export.created_at, export.finished_at or now) for export in exports]


def measured(
    workers: Sequence[Stretch], tasks: Sequence[Stretch], wanted: Sequence[Stretch], calls: int, now: float
) -> Figures:
    cut = [
        life
        for life in workers
        if life.end < now and any(t.dyno == life.dyno and t.begin < life.end < t.end for t in tasks)
    ]
    return Figures(
        len(wanted),
        len(cut),
        max((paid(tail, workers) for tail in tails(workers, tasks)), default=0.0),
        calls / max(1, len(wanted)),
        _longest(merged(workers), merged(wanted)),
        _longest(merged(wanted), merged(workers)),
    )


def tails(workers: Sequence[Stretch], tasks: Sequence[Stretch]) -> list[Stretch]:
    """What follows the last task of each while with workers."""
    return [
        Stretch(max((task.end for task in tasks if up.begin <= task.end <= up.end), default=up.begin), up.end)
        for up in merged(workers)
    ]


def paid(stretch: Stretch, workers: Iterable[Stretch]) -> float:
    """Dyno-seconds in it."""
    return sum(life.during(stretch) for life in workers)


def merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The times at which at least one of them was so."""
    found: list[Stretch] = []
    for one in sorted(stretches, key=lambda one: one.begin):
        if found and one.begin <= found[-1].end:
            found[-1] = Stretch(found[-1].begin, max(found[-1].end, one.end))
        else:
            found.append(Stretch(one.begin, one.end))
    return found


def _longest(those: Iterable[Stretch], without: Sequence[Stretch]) -> float:
    """The longest time in which one of those was so, and none of the others; both merged."""
    return max((gap.seconds for one in those for gap in _gaps(one, without)), default=0.0)


def _gaps(one: Stretch, others: Iterable[Stretch]) -> Iterator[Stretch]:
    begin = one.begin
    for other in others:
        if one.during(other):
            yield Stretch(begin, max(begin, other.begin))
            begin = other.end
    yield Stretch(begin, max(begin, one.end))
