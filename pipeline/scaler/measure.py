"""What is there to do, and who is there to do it: from the ledger, the broker and the workers themselves."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from math import ceil, inf

from ..adapters.redis import Coordination
from ..adapters.redis.workers import Worker
from ..exports.export import Export, State
from ..exports.plan import Chunk, Cost, pages_per_chunk
from ..settings import Settings
from .decide import Demand, Dyno, Snapshot
from .learned import Learned
from .pool import PoolStatus

UNKNOWN_BYTES = 4000  # of a page, while nothing is known of it
API_SECONDS = 1.0  # that an order takes


def demand(
    export: Export, untaken: Sequence[Chunk], page_seconds: float, learned: Learned, settings: Settings, now: float
) -> Demand:
    """What an export still needs. `untaken` are the chunks that nobody is at; `page_seconds` is what its plan
    says of a page, which what was learned of its kind replaces. While it is planned, both are a prediction."""
    if export.state in (State.QUEUED, State.PLANNING):
        return _predicted(export, learned, settings, now)
    pages = export.pages or learned.pages.get(export.document, 0.0)
    after = learned.assembly_seconds(export.document, pages)
    each = learned.chunk_seconds(
        export.document, sum(chunk.pages for chunk in untaken) / (len(untaken) or 1), page_seconds
    )
    return Demand(export.id, len(untaken), each, 0.0, after, export.ready_by)


def _predicted(export: Export, learned: Learned, settings: Settings, now: float) -> Demand:
    """As large as its kind is as a rule; of no size when there was none of its kind."""
    pages = learned.pages.get(export.document, 0.0)
    seconds = learned.page_seconds(export.document)
    each = pages_per_chunk(ceil(pages), Cost(seconds, UNKNOWN_BYTES), settings, export.chunk_pages) if pages else 0
    before = learned.plan_seconds(export.document, pages) - (now - (export.started_at or now))
    return Demand(
        export.id,
        ceil(pages / each) if each else 0,
        learned.chunk_seconds(export.document, each) if each else 0.0,
        max(0.0, before),
        learned.assembly_seconds(export.document, pages),
        export.ready_by,
    )


def dynos(workers: Iterable[Worker], standing: PoolStatus, now: float) -> list[Dyno]:
    """Every worker that is ordered, by its number; one that has not said that it is up is starting.

    Workers without numbers, and one-off ones, are counted in any order.
    """
    ours = [worker for worker in workers if worker.one_off == (standing.way == "one-off")]
    ordered = max(standing.quantity or 0, len(ours) if standing.way == "one-off" else 0)
    places: dict[int, Worker] = {}
    for worker in sorted(ours, key=lambda worker: worker.one_off or worker.ordinal is None):
        free = (number for number in range(1, ordered + 1) if number not in places)
        number = None if worker.one_off else worker.ordinal
        if (place := number or next(free, 0)) and place <= ordered:
            places[place] = worker
    since = standing.ordered_at or now
    starting = {number: Dyno(number, since, False, False) for number in range(1, ordered + 1)}
    up = {number: Dyno(number, worker.since, True, worker.busy) for number, worker in places.items()}
    return list((starting | up).values())


def rested(workers: Iterable[Worker], now: float) -> float:
    """Since when none of the workers has had any work: a leader that is new has not seen it."""
    return min(now, max((max(worker.since, worker.idle_since) for worker in workers), default=now))


class Gauge:
    """Takes snapshots. Remembers since when nothing is outstanding, and whose boot it has seen."""

    def __init__(self, redis: Coordination) -> None:
        self._redis = redis
        self._idle_since = inf
        self._order: float | None = None  # the last that was seen, when
        self._ours = True  # that order was given while we led
        self._up: set[str] = set()  # names of workers that were up at the last look,
        self._before: set[str] = set()  # or whose boot after that order is no news

    def forget(self) -> None:
        """Another may have led meanwhile: there may have been work, and our last order says nothing of boots."""
        self._ours = False
        self._idle_since = inf

    def snapshot(
        self, demands: Sequence[Demand], standing: PoolStatus, learned: Learned
    ) -> tuple[Snapshot, Learned]:
        """A snapshot of now, and what the boots since the last one taught.

        A message in a dead worker's hands counts only while its export is not over.
        """
        unfinished = {item.export_id for item in demands}
        unacknowledged = sum(export_id in unfinished for export_id in self._redis.messages.unacknowledged())
        waiting, workers, now = self._redis.messages.waiting(), self._redis.workers.up(), time.time()
        learned = self._learn_boots(workers, standing, learned)
        outstanding = bool(demands or waiting or unacknowledged)
        self._idle_since = inf if outstanding else min(self._idle_since, rested(workers, now))
        return Snapshot(
            now, demands, dynos(workers, standing, now), learned.boot, API_SECONDS, waiting,
            unacknowledged, max(0.0, now - self._idle_since), standing.limit,
        ), learned  # fmt: skip

    def _learn_boots(self, workers: Sequence[Worker], standing: PoolStatus, learned: Learned) -> Learned:
        """One boot a worker and order: who dies and is started again was not ordered then."""
        if standing.ordered_at != self._order:
            self._order, self._before, self._ours = standing.ordered_at, self._up, True
        for worker in workers:
            if self._order and self._ours and worker.name not in self._before and worker.since > self._order:
                learned = learned.booted(worker.since - self._order)
        self._up = {worker.name for worker in workers}
        self._before = self._before | self._up
        return learned
