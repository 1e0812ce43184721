"""Simulated exports, and the queue of their tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from ..decide import Demand
from .traces import Request


class Step(IntEnum):
    """The step of a task; short steps go first."""

    PLAN = 0
    ASSEMBLE = 1
    RENDER = 2


class Task(NamedTuple):
    """A message in the queue."""

    step: Step
    order: int
    export: int
    seconds: float


@dataclass(eq=False)
class SimulatedExport:
    """An export and its progress."""

    request: Request
    predicted: float  # seconds of a chunk
    planned: bool = False
    untaken: int = 0
    unfinished: int = 0
    assembling: bool = False
    done_at: float | None = None


class Work:
    """All exports and the queue. Calls `offer` when there is a task to take, and `tell` when an export is planned
    or over."""

    def __init__(self, offer: Callable[[], None], tell: Callable[[str], None]) -> None:
        self.exports: list[SimulatedExport] = []
        self._open: dict[int, SimulatedExport] = {}  # exports that are not done, by their index
        self.queue: list[Task] = []
        self._offer = offer
        self._tell = tell
        self._numbers = count()

    @property
    def outstanding(self) -> bool:
        return bool(self._open)

    def submit(self, request: Request, predicted: float) -> None:
        """Add an export; `predicted` is the scaler's estimate of a chunk."""
        number, export = len(self.exports), SimulatedExport(request, predicted)
        self.exports.append(export)
        self._open[number] = export
        self._send(Step.PLAN, number, request.planning)

    def put(self, task: Task) -> None:
        """Queue a task, also one that was taken and lost."""
        heappush(self.queue, task)
        if task.step is not Step.PLAN:
            self.exports[task.export].untaken += 1
        self._offer()

    def take(self) -> Task:
        task = heappop(self.queue)
        if task.step is not Step.PLAN:
            self.exports[task.export].untaken -= 1
        return task

    def finish(self, task: Task, now: float) -> None:
        """Finish a task, and queue what follows it."""
        step, export = task.step, self.exports[task.export]
        if step is Step.PLAN:
            export.planned, export.unfinished = True, len(export.request.chunks)
            for seconds in export.request.chunks:
                self._send(Step.RENDER, task.export, seconds)
            self._tell("planned")
        elif step is Step.RENDER:
            export.unfinished -= 1
        if export.planned and not export.unfinished and not export.assembling:
            export.assembling = True
            self._send(Step.ASSEMBLE, task.export, export.request.assembly)
        elif step is Step.ASSEMBLE:
            export.done_at = now
            self._open.pop(task.export, None)
            self._tell("over")

    def demands(self, planned_for: Callable[[int], float]) -> list[Demand]:
        """Return what the keeper would measure of each open export.

        `planned_for` returns the seconds since an export's planning began.
        """
        return [self._demand(n, export, planned_for) for n, export in self._open.items()]

    def _demand(self, number: int, export: SimulatedExport, planned_for: Callable[[int], float]) -> Demand:
        request, deadline = export.request, None
        if request.deadline is not None:
            deadline = request.at + request.deadline
        if not export.planned:
            planning = max(0.1, request.planning - planned_for(number))
            chunks = len(request.chunks)
            return Demand(str(number), chunks, export.predicted, planning, request.assembly, deadline)
        if export.assembling:
            return Demand(str(number), export.untaken, request.assembly, deadline=deadline)
        return Demand(str(number), export.untaken, export.predicted, 0.0, request.assembly, deadline)

    def _send(self, step: Step, export: int, seconds: float) -> None:
        self.put(Task(step, next(self._numbers), export, seconds))
