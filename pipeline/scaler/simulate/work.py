"""Exports on their way, and the messages about them that wait."""

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


class Work:
    """All exports and the queue. It says that there is something to take (`offer`), and what an export has come
    to (`tell`): planned or over."""

    def __init__(self, offer: Callable[[], None], tell: Callable[[str], None]) -> None:
        self.jobs: list[Job] = []
        self._open: dict[int, Job] = {}  # those that are not done, by their place among all
        self.queue: list[Task] = []
        self._offer = offer
        self._tell = tell
        self._numbers = count()

    @property
    def outstanding(self) -> bool:
        return bool(self._open)

    def ask(self, request: Request, predicted: float) -> None:
        number, job = len(self.jobs), Job(request, predicted)
        self.jobs.append(job)
        self._open[number] = job
        self._send(Step.PLAN, number, request.planning)

    def put(self, task: Task) -> None:
        """Into the queue; also what was taken and got lost."""
        heappush(self.queue, task)
        if task.step is not Step.PLAN:
            self.jobs[task.job].untaken += 1
        self._offer()

    def take(self) -> Task:
        task = heappop(self.queue)
        if task.step is not Step.PLAN:
            self.jobs[task.job].untaken -= 1
        return task

    def finish(self, task: Task, now: float) -> None:
        """A task is done; the export goes on."""
        step, job = task.step, self.jobs[task.job]
        if step is Step.PLAN:
            job.planned, job.unfinished = True, len(job.request.chunks)
            for seconds in job.request.chunks:
                self._send(Step.RENDER, task.job, seconds)
            self._tell("planned")
        elif step is Step.RENDER:
            job.unfinished -= 1
        if job.planned and not job.unfinished and not job.assembling:
            job.assembling = True
            self._send(Step.ASSEMBLE, task.job, job.request.assembly)
        elif step is Step.ASSEMBLE:
            job.done_at = now
            self._open.pop(task.job, None)
            self._tell("over")

    def demands(self, planned_for: Callable[[int], float]) -> list[Demand]:
        """What the keeper would see of each export that is not over; `planned_for`: seconds since its plan was
        begun."""
        return [self._demand(n, job, planned_for) for n, job in self._open.items()]

    def _demand(self, number: int, job: Job, planned_for: Callable[[int], float]) -> Demand:
        request, deadline = job.request, None
        if request.deadline is not None:
            deadline = request.at + request.deadline
        if not job.planned:
            planning = max(0.1, request.planning - planned_for(number))
            return Demand(str(number), len(request.chunks), job.predicted, planning, request.assembly, deadline)
        if job.assembling:
            return Demand(str(number), job.untaken, request.assembly, deadline=deadline)
        return Demand(str(number), job.untaken, job.predicted, 0.0, request.assembly, deadline)

    def _send(self, step: Step, job: int, seconds: float) -> None:
        self.put(Task(step, next(self._numbers), job, seconds))
