"""The steps of one export, replayed on any number of workers with the times that they were measured to take.

Workers are up from the start and have one process each. Messages are sent as the pipeline sends them: ranges and
chunks at once, or in waves of which two are under way. Behind each wave of ranges pages are found, as far as
measures follow each other. What is not in the replay is more of Redis, S3 and network than the measured run had:
here they serve 64 workers as fast as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from heapq import heappop, heappush
from itertools import count, cycle, islice
from math import ceil

from pipeline.documents.table.paging import COST
from pipeline.exports.measures import RANGE_BYTES
from pipeline.exports.plan import pages_per_chunk
from pipeline.exports.waves import width_for
from pipeline.settings import Settings
from pipeline.tasks.sending import LARGE

Then = Callable[[], None]
CHORD, PLAN, NORMAL = 0, 1, 2  # what follows a wave goes first, then the plan


@dataclass(frozen=True)
class Linear:
    """Seconds of a step that one worker does: what it takes for a document of one page, and for each more."""

    least: float
    page: float

    @classmethod
    def through(cls, least: float, seconds: float, pages: int) -> Linear:
        """From what it took for one page and for many."""
        return cls(min(least, seconds), max(0.0, seconds - least) / pages)

    def of(self, pages: int) -> float:
        return self.least + self.page * pages


@dataclass(frozen=True)
class Times:
    """Seconds that the steps took in one run, and what they worked on."""

    divide: float  # the plan, until its ranges are sent
    ranges: tuple[float, ...]  # of a range each
    paginate: Linear
    pages: tuple[float, ...]  # of drawing a page: one for each chunk of the run
    wave: float  # to find what is sent next
    join: Linear
    between: float  # from the end of a step to the next step of the same process
    page_bytes: float  # of the listing


@dataclass(frozen=True)
class Run:
    """Seconds from the start until each phase was over."""

    measured: float = 0.0
    planned: float = 0.0
    drawn: float = 0.0
    ready: float = 0.0


class Workers:
    """Processes that take messages in their order."""

    def __init__(self, processes: int, between: float) -> None:
        self.now = 0.0
        self._idle = processes
        self._between = between
        self._order = count()
        self._waiting: list[tuple[int, int, float, Then]] = []
        self._busy: list[tuple[float, int, Then]] = []

    def send(self, seconds: float, then: Then, queue: int = NORMAL) -> None:
        """A step that takes so long; `then` comes when it is done."""
        heappush(self._waiting, (queue, next(self._order), seconds, then))

    def run(self) -> None:
        """Until nothing is left to do."""
        while self._waiting or self._busy:
            while self._waiting and self._idle:
                _, order, seconds, then = heappop(self._waiting)
                heappush(self._busy, (self.now + self._between + seconds, order, then))
                self._idle -= 1
            self.now, _, then = heappop(self._busy)
            self._idle += 1
            then()

    def go_on(self, seconds: float, then: Then) -> None:
        """The process whose step just ended goes on with it; `then` comes when that is done."""
        heappush(self._busy, (self.now + seconds, next(self._order), then))
        self._idle -= 1

    def side_by_side(
        self, parts: Sequence[float], width: int, wave: float, then: Then,
        part: Callable[[int], None] = lambda _: None, behind: Then = lambda: None,
    ) -> None:  # fmt: skip
        """Steps that may run at the same time; in waves of `width` when there are many. `part` is told which one is
        done, `behind` comes behind each wave but the last."""
        size = width if len(parts) > LARGE else len(parts)
        waves = [list(parts[at : at + size]) for at in range(0, len(parts), size)]
        left = list(map(len, waves))

        def done(number: int, of: int) -> None:
            part(number * size + of)
            left[number] -= 1
            if left[number]:
                return
            if len(waves) > 1:
                self.send(wave, lambda: follow(number), CHORD)
            else:
                then()

        def follow(number: int) -> None:
            if not any(left) and not ended:
                ended.append(number)
                then()
                return
            if number + 2 < len(waves):
                send(number + 2)
            behind()

        def send(number: int) -> None:
            for of, seconds in enumerate(waves[number]):
                self.send(seconds, partial(done, number, of))

        ended: list[int] = []
        for number in range(min(2, len(waves))):
            send(number)


class Paginating:
    """The step that finds pages: of the ranges that are measured, one after the other; then it looks for more, and
    ends where nothing follows."""

    def __init__(self, workers: Workers, times: Times, pages: int, ranges: int, then: Then) -> None:
        self._workers = workers
        self._begin = times.paginate.least
        self._range = times.paginate.page * pages / ranges
        self._look = times.wave  # which looks as well
        self._then = then
        self._measured = [False] * ranges
        self._at = 0
        self._holds = False
        self.measured = 0.0  # when the last range was

    def note(self, number: int) -> None:
        """A range is measured."""
        self._measured[number] = True
        self.measured = self._workers.now

    def send(self) -> None:
        """The message for the step."""
        self._workers.send(0.0, self._take, PLAN)

    def _take(self) -> None:
        if not self._holds and self._at < len(self._measured):  # or another process has the lease
            self._holds = True
            self._workers.go_on(self._begin, self._find)

    def _find(self) -> None:
        """The pages of what follows now."""
        begin = self._at
        while self._at < len(self._measured) and self._measured[self._at]:
            self._at += 1
        if self._at > begin:
            self._workers.go_on((self._at - begin) * self._range, self._look_again)
        else:
            self._holds = False

    def _look_again(self) -> None:
        if self._at < len(self._measured):
            self._workers.go_on(self._look, self._find)
        else:
            self._then()


def replayed(times: Times, pages: int, processes: int, chunk_pages: int | None = None) -> Run:
    """An export of so many pages, as it would be cut for so many processes."""
    workers, run = Workers(processes, times.between), Run()
    width = width_for(processes)
    ranges = list(islice(cycle(times.ranges), ceil(pages * times.page_bytes / RANGE_BYTES)))
    chunks = _chunks(times, pages, processes, chunk_pages)

    def draw() -> None:
        nonlocal run
        run = replace(run, measured=paginating.measured, planned=workers.now)
        workers.side_by_side(chunks, width, times.wave, join)

    def join() -> None:
        nonlocal run
        run = replace(run, drawn=workers.now)
        workers.send(times.join.of(pages), ready, CHORD)

    def ready() -> None:
        nonlocal run
        run = replace(run, ready=workers.now)

    def measure() -> None:
        send = paginating.send
        workers.side_by_side(ranges, width, times.wave, send, paginating.note, send)

    paginating = Paginating(workers, times, pages, len(ranges), draw)
    workers.send(times.divide, measure)
    workers.run()
    return run


def _chunks(times: Times, pages: int, processes: int, chunk_pages: int | None) -> list[float]:
    settings = Settings.from_env({"MAX_WORKERS": str(processes), "WORKER_CONCURRENCY": "1"})
    size = pages_per_chunk(pages, COST, settings, chunk_pages)
    sizes = [min(size, pages - first) for first in range(0, pages, size)]
    return [seconds * count for seconds, count in zip(cycle(times.pages), sizes, strict=False)]
