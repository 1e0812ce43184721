"""The frame of every step: is it wanted, lease, attempt, checkpoints, fence, outcome.

A step looks at the bucket to see whether it is wanted, does its work and moves the export on by a conditional
write. It may run twice, at any time, and may die anywhere: what is missing, the keeper asks for again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from types import NoneType
from typing import Any

import psutil
from billiard.exceptions import SoftTimeLimitExceeded

from ..adapters.redis.leases import this_process
from ..adapters.redis.progress import Drawn
from ..errors import ChunkFailed, IllegalStep, NoExport, PipelineError, ReadFailed, ServiceDown
from ..exports.export import Export, State
from ..exports.ids import is_id
from ..exports.waves import Wave
from ..services import Services
from .lease import HeldLease, LeaseLost, Stopped
from .outcomes import Again, NotWanted, Outcome
from .stall import progressed

log = logging.getLogger(__name__)
MEASURE = "measure"  # the step whose parts are those of the input; the parts of others are chunks
LOOK_SECONDS = 0.5  # how often a checkpoint reports progress
ASK_SECONDS = 2.0  # how often it asks the bucket whether the export is still wanted
WEIGH_SECONDS = 0.02  # how often it looks at the memory in use: that takes 24 us, a twentieth of a page of a table
NEAR = 0.7  # this much of the time or memory that is allowed counts as near the limit

INTERRUPTIONS = (SoftTimeLimitExceeded, MemoryError)
"""What ends a step from outside when its time or memory runs out."""


class Signal(Enum):
    """What a checkpoint says."""

    GO_ON = "go on"
    ENOUGH = "enough"  # time or memory is nearly used up, or the process is told to end: store what is done
    UNWANTED = "unwanted"  # the export is over: drop the work


@dataclass(frozen=True)
class Step:
    """A step of the journey: its name, the states in which it is wanted, what it does, and for what part."""

    name: str
    wanted: frozenset[State]
    body: Callable[[Work], Outcome]
    part: type = NoneType


class Work:
    """One attempt at one step of an export, while its lease is held.

    `part` is the number of a chunk, or a wave; None for steps of a whole export. `begun`: pages of the chunk may be
    stored, by an earlier attempt.
    """

    def __init__(
        self, services: Services, export: Export, part: int | Wave | None, begun: bool, held: HeldLease,
        stopping: threading.Event,
    ) -> None:  # fmt: skip
        self.services = services
        self.export = export
        self.part = part
        self.begun = begun
        self.unwanted = False
        self._held = held
        self._stopping = stopping
        self._attempt: tuple[str, int] | None = None  # the name and the number of one that is counted
        self._began = self._looked = self._asked = time.monotonic()
        self._weighed = float("-inf")  # look at the memory at the first checkpoint in any case

    @property
    def seconds(self) -> float:
        """How long this attempt has lasted."""
        return time.monotonic() - self._began

    def advance(self, to: State, **changes: Any) -> Export:
        """Move the export on, unless it is there or further: several may try, the first one wins.

        Returns the export as it is now.
        """
        states = list(State)

        def change(export: Export) -> Export:
            late = export.state.over or states.index(export.state) >= states.index(to)
            return export if late else export.to(to, **changes)

        self.export = self.services.exports.change(self.export.id, change)
        return self.export

    @contextmanager
    def attempt(self, subject: str, name: str) -> Iterator[int]:
        """Count an attempt before the work; uncount it on success or on an error with a reason, such as a full
        disk. Yields its number.

        Raises ChunkFailed when MAX_ATTEMPTS were killed; `subject` says what could not be made.
        """
        counters, full = self.services.redis.counters, f"{self.export.id}:{name}"
        number = counters.count_attempt(full)
        if number > self.services.settings.max_attempts:
            raise ChunkFailed(
                f"{subject} could not be rendered: {number - 1} attempts were killed,"
                " probably out of memory or time.",
                advice="Look for an unusually large input there.",
            )
        self._attempt = full, number
        try:
            yield number
        except (PipelineError, OSError, RuntimeError):  # a full disk or a missing thread kills no process
            self.uncount_attempt()
            raise
        self.uncount_attempt()

    def uncount_attempt(self) -> None:
        """Uncount the attempt, once: it is done, or has stored something from which a later one goes on."""
        attempt, self._attempt = self._attempt, None
        if attempt:
            self.services.redis.counters.uncount_attempt(attempt[0])

    def finish_chunk(self, first: int, pages: int) -> None:
        """Note that `pages` of the chunk are drawn now, those from `first` on by this attempt; uncount the attempt
        and release the lease, all at once."""
        if not isinstance(self.part, int) or self._attempt is None:
            raise AssertionError("only an attempt at a chunk can finish one")
        drawn = Drawn(
            self.export.id, self.part, first, pages, self.seconds, *self._attempt, time.time(), this_process()
        )
        self.services.redis.finish_chunk(self._held.lease, drawn)
        self._attempt = None
        self._held.was_released()

    def checkpoint(self, report: Callable[[], None] = lambda: None) -> Signal:
        """Called between pages or parts: whether to go on. Now and then it reports, and looks if it is wanted."""
        progressed()
        return self._signal(report)

    def _signal(self, report: Callable[[], None]) -> Signal:
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look(now, report)
        if self.unwanted:
            return Signal.UNWANTED
        return Signal.ENOUGH if self._stopping.is_set() or self._near_a_limit(now) else Signal.GO_ON

    def go_on(self, report: Callable[[], None] = lambda: None) -> None:
        """A checkpoint of work that only its progress limits (`stall.py`). Raises Stopped and IllegalStep."""
        progressed()
        self._go_on(report)

    def wait(self, seconds: float) -> None:
        """Wait for the work of others, which is no progress. Raises what `go_on` does."""
        self._stopping.wait(seconds)
        self._go_on(lambda: None)

    def _go_on(self, report: Callable[[], None]) -> None:
        if self._signal(report) is Signal.UNWANTED:
            raise IllegalStep(f"Export {self.export.id} is over.")
        if self._stopping.is_set():
            raise Stopped("The process is told to end.")

    def is_over(self) -> bool:
        """Return whether the export is over, so that nothing of it need be stored.

        Redis says at once that it may be; a retry may have come since, so the bucket decides.
        """
        if not self.unwanted and self.services.redis.progress.is_over(self.export.id):
            self.unwanted = self._ended()
        return self.unwanted

    def fence(self) -> None:
        """Raise LeaseLost unless this is still the only process at this step; called before a write that others
        see. Segments need none: two processes that draw a chunk store the same bytes under the same key."""
        self._held.fence()

    def _look(self, now: float, report: Callable[[], None]) -> None:
        try:
            report()
            if now - self._asked >= ASK_SECONDS:
                self._asked = now
                self.unwanted = self._ended()
        except ServiceDown as error:  # no reason to throw finished work away
            log.warning("export %s: %s", self.export.id, error.message)

    def _ended(self) -> bool:
        """Return whether the bucket says that the export is over, or removed."""
        try:
            return self.services.exports.load(self.export.id).state.over
        except NoExport:
            return True

    def _near_a_limit(self, now: float) -> bool:
        settings = self.services.settings
        if now - self._began > NEAR * settings.soft_time_limit:
            return True
        if now - self._weighed < WEIGH_SECONDS:
            return False
        self._weighed = now
        return resident() > NEAR * settings.memory_per_process


def perform(
    step: Step, services: Services, export_id: str, part: int | Wave | None, stopping: threading.Event
) -> Outcome:
    """Do one step of an export, or of a part of it, if it is wanted and no other process is at it.

    Raises PipelineError with the reason when it fails; what INTERRUPTIONS name when its time or memory ran out.
    """
    if not is_id(export_id):
        return _ignored(step, export_id, part, "there is no such export")
    # Between two small chunks a process asks the bucket as seldom as between two pages of a large one. What follows
    # a wave depends on the state: it may have been planned meanwhile.
    often = isinstance(part, int)
    try:
        export = services.exports.load(export_id, max_age=ASK_SECONDS if often else 0.0)
        if export.state not in step.wanted and often:
            export = services.exports.load(export_id)
    except NoExport as error:  # it was stored before the message was sent
        raise ReadFailed(error.message) from error
    if export.state not in step.wanted:
        return NotWanted(f"the export is {export.state}")
    if type(part) is not step.part or not _exists(step.name, export, part):
        return _ignored(step, export_id, part, "there is no such part of it")
    seconds, begun, redis = services.settings.lease_seconds, False, services.redis
    if isinstance(part, int) and step.name != MEASURE:
        lease, begun = redis.begin_chunk(export_id, part, seconds)
    else:
        lease = redis.leases.take(lease_name(step.name, export_id, part), seconds)
    if lease is None:
        return NotWanted("another worker is at it")
    with HeldLease(redis.leases, lease, seconds, stopping, services.settings.shutdown_seconds) as held:
        if part is None:
            held.fence_is_current()
        try:
            return _do(step, Work(services, export, part, begun, held, stopping), held)
        except NoExport:
            return NotWanted("the export was removed meanwhile")


def _do(step: Step, work: Work, held: HeldLease) -> Outcome:
    """Do a step that is wanted. Errors of one that is not wanted any more, or lost its lease, are none."""
    try:
        return step.body(work)
    except LeaseLost as lost:
        return NotWanted(lost.message)
    except Stopped as stopped:
        return Again(stopped.message)
    except PipelineError as error:
        with suppress(ServiceDown):
            if work.services.exports.load(work.export.id).state not in step.wanted:
                return NotWanted("the export ended meanwhile")  # its segments and uploads were removed
            if not error.retry and not held.is_ours():  # the export may have been retried since
                return NotWanted(f"its lease was lost, and then: {error.message}")
        raise


def _exists(step: str, export: Export, part: int | Wave | None) -> bool:
    """Return False for what no plan of this export has. Any program that writes to Redis can send a message."""
    match part:
        case None:
            return True
        case Wave(number, width):
            return type(number) is type(width) is int and number >= 0 and width > 0
    return part >= 0 if step == MEASURE else part in range(export.chunks)


def _ignored(step: Step, export_id: str, part: int | Wave | None, reason: str) -> NotWanted:
    log.warning("a message is ignored: %s of %r, part %r: %s", step.name, export_id, part, reason)
    return NotWanted(reason)


def lease_name(step: str, export_id: str, part: int | Wave | None) -> str:
    """Return the name of the lease of a step, or of its part."""
    match part:
        case None:
            return f"{export_id}:{step}"
        case Wave(number):
            return f"{export_id}:wave {number}"
    return f"{export_id}:{step} {part}" if step == MEASURE else f"{export_id}:{part}"


def resident() -> int:
    """Bytes of memory that this process has in use."""
    size: int = _process.memory_info().rss
    return size


_process = psutil.Process()
