"""A run: an export meets a fault at a point of its journey; then what was promised is checked from outside."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

from . import checks
from .caller import Caller
from .faults import SHORT, Fault, named
from .gate import Gate, When
from .points import POINTS, Point
from .stage import QUIET, NotThere, Stage, busy

END_SECONDS = 60.0  # within which an export ends after its fault is over
AFTER_SECONDS = 1.0  # an answer may still be on its way when what it is about can be seen already
SIDES: tuple[When, When] = ("before", "after")


@dataclass(frozen=True)
class Run:
    """A run by its number. With the same seed and the same choice, a number always means the same run."""

    number: int
    point: Point
    side: When
    fault: Fault

    def __str__(self) -> str:
        return f"{self.number:4}  {self.fault.name:22} {self.side:6} {self.point.name:16}"


@dataclass(frozen=True)
class Result:
    """What a run showed: whether the fault was made, how long the export took, and what was wrong.

    A run whose fault was not made says nothing about the fault: it is neither right nor wrong, and done again.
    `after`: seconds from the end of the fault to the end of the export. `late`: the export is not over.
    """

    run: Run
    made: bool
    seconds: float
    after: float
    problems: tuple[str, ...] = ()
    late: bool = False

    @property
    def right(self) -> bool:
        return self.made and not self.problems

    def __str__(self) -> str:
        words = "; ".join(self.problems) or ("right" if self.made else "not made")
        return f"{self.run}  {self.seconds:5.1f} s  {self.after:5.1f} s after  {words}"


def runs(seed: int, faults: Sequence[str] = (), points: Sequence[str] = ()) -> Iterator[Run]:
    """Yield runs without end: all combinations in an order of the seed, then again. Raises KeyError for a name."""
    known = {point.name: point for point in POINTS}
    chosen = list(product([known[name] for name in points] or POINTS, SIDES, [*map(named, faults)] or SHORT))
    random.Random(seed).shuffle(chosen)
    number = 0
    while True:
        for point, side, fault in chosen:
            yield Run(number, point, side, fault)
            number += 1


def perform(stage: Stage, run: Run) -> Result:
    """Do a run on a stage."""
    if run.point.scaled:
        _until(lambda: stage.running.dynos.count() == 0, stage.allowed(END_SECONDS))
    logs, began = checks.Logs(stage), time.monotonic()
    stage.gate.watch(run.point, run.side, partial(run.fault.act, stage))
    over = partial(_over, stage.gate, run.fault, began)
    caller = Caller(
        stage,
        run.point.document,
        f"run{run.number}-{time.time_ns()}@example.org",
        lambda: over() + stage.allowed(END_SECONDS),
    )
    ended, problems, late = _journey(stage, caller)
    made = stage.gate.reached.is_set() and not isinstance(stage.gate.error, NotThere)
    if stage.gate.error and made:
        problems.append(f"the fault could not be made: {stage.gate.error!r}")
    if run.fault.once and (again := [text for text, times in stage.gate.segments.items() if times > 1]):
        problems.append(f"stored more than once: {again}")
    if late and (stage.gate.reached.is_set() or busy() < QUIET):
        problems.append(late)
    problems += logs.problems()
    return Result(run, made, ended - began, max(0.0, ended - over()), tuple(problems), bool(late))


def _journey(stage: Stage, caller: Caller) -> tuple[float, list[str], str]:
    """Do what a client does. Returns when the export was over, what was wrong, and what was not over in time."""
    problems: list[str] = []
    late, ended = "", 0.0
    try:
        caller.ask()
        caller.wait_for_end()
        ended = time.monotonic()
        problems += checks.of_export(stage, caller)
    except checks.Late as error:
        late = str(error)
    except checks.Wrong as error:
        problems.append(str(error))
    finally:
        stage.gate.reached.wait(AFTER_SECONDS)
        stage.gate.rest()
        stage.settle()
        stage.running.dynos.faults.clear()  # should no call have met it
    return ended or time.monotonic(), problems, late


def _over(gate: Gate, fault: Fault, began: float) -> float:
    """Return when the fault is over: now known, or the begin of the run if it was not met yet."""
    return gate.reached_at + fault.seconds if gate.reached.is_set() else began


def finish(stage: Stage, results: Sequence[Result]) -> list[Result]:
    """Check what must hold after several runs; what does not is a problem of the last of them."""
    spent = sum(result.seconds + result.run.fault.seconds for result in results)
    problems = checks.of_stage(stage, spent)
    last = replace(results[-1], problems=(*results[-1].problems, *problems))
    return [*results[:-1], last]


def _until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.3)
