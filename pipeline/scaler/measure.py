"""Measures the work and the workers, from the repository, the broker and the workers themselves."""

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

UNKNOWN_BYTES = 4000  # of a page, until its kind is known
MEASURE_SECONDS = 1.0  # of a part of measuring, at most
API_SECONDS = 1.0  # for the call that orders a dyno


def demand(
    export: Export, untaken: Sequence[Chunk], page_seconds: float, learned: Learned, settings: Settings, now: float,
    unmeasured: float = 0.0,
) -> Demand:  # fmt: skip
    """Return what an export still needs.

    `untaken` are the chunks that no worker has; `page_seconds` is the plan's estimate for a page, used until its
    kind is learned. While the export is planned, both are predicted, and `unmeasured` are the seconds of measuring
    that no worker has taken.
    """
    if export.state in (State.QUEUED, State.PLANNING):
        return _with_measuring(_predicted(export, learned, settings, now), unmeasured)
    pages = export.pages or learned.pages.get(export.document, 0.0)
    after = learned.assembly_seconds(export.document, pages)
    each = learned.chunk_seconds(
        export.document, sum(chunk.pages for chunk in untaken) / (len(untaken) or 1), page_seconds
    )
    return Demand(export.id, len(untaken), each, 0.0, after, export.ready_by)


def _with_measuring(predicted: Demand, seconds: float) -> Demand:
    """Return the demand of an export whose listing is measured: that can be taken now, side by side."""
    if not seconds:
        return predicted
    parts = max(predicted.untaken, ceil(seconds / MEASURE_SECONDS))
    work = predicted.untaken * predicted.chunk_seconds + seconds
    return predicted._replace(untaken=parts, chunk_seconds=work / parts, before_seconds=0.0)


def _predicted(export: Export, learned: Learned, settings: Settings, now: float) -> Demand:
    """Predict an export of its kind's average size; of size 0 if there was none of its kind."""
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


def dynos(workers: Iterable[Worker], status: PoolStatus, now: float) -> list[Dyno]:
    """Return every ordered worker by its number; one that has not reported yet is starting.

    Workers without numbers, and one-off workers, get any free number.
    """
    ours = [worker for worker in workers if worker.one_off == (status.mode == "one-off")]
    ordered = max(status.quantity or 0, len(ours) if status.mode == "one-off" else 0)
    numbered: dict[int, Worker] = {}
    for worker in sorted(ours, key=lambda worker: worker.one_off or worker.ordinal is None):
        free = (number for number in range(1, ordered + 1) if number not in numbered)
        own = None if worker.one_off else worker.ordinal
        if (number := own or next(free, 0)) and number <= ordered:
            numbered[number] = worker
    since = status.ordered_at or now
    unable = {int(name.rpartition(".")[2]) for name in status.unable if name.rpartition(".")[2].isdecimal()}
    starting = {number: Dyno(number, since, False, False, number in unable) for number in range(1, ordered + 1)}
    up = {number: Dyno(number, worker.since, True, worker.busy) for number, worker in numbered.items()}
    return list((starting | up).values())


def idle_since(workers: Iterable[Worker], now: float) -> float:
    """Return since when no worker has had work, as the workers report it; a new leader has not seen it itself."""
    return min(now, max((max(worker.since, worker.idle_since) for worker in workers), default=now))


class Gauge:
    """Takes snapshots. Remembers since when nothing is outstanding, and which boots it has counted."""

    def __init__(self, redis: Coordination) -> None:
        self._redis = redis
        self._idle_since = inf
        self._ordered_at: float | None = None  # the latest order seen
        self._ordered_by_us = True  # it was given while this process led
        self._up: set[str] = set()  # workers that were up in the last snapshot
        self._counted: set[str] = set()  # workers that were up before that order, or whose boot is counted

    def forget(self) -> None:
        """Another process may have led: there may have been work, and the last order may not be ours."""
        self._ordered_by_us = False
        self._idle_since = inf

    def snapshot(self, demands: Sequence[Demand], status: PoolStatus, learned: Learned) -> tuple[Snapshot, Learned]:
        """Return a snapshot of now, and `learned` with the boots since the last one.

        An unacknowledged message of a dead worker counts only while its export is not over.
        """
        unfinished = {item.export_id for item in demands}
        unacknowledged = sum(export_id in unfinished for export_id in self._redis.messages.unacknowledged())
        waiting, workers, now = self._redis.messages.waiting(), self._redis.workers.up(), time.time()
        learned = self._learn_boots(workers, status, learned)
        outstanding = bool(demands or waiting or unacknowledged)
        self._idle_since = inf if outstanding else min(self._idle_since, idle_since(workers, now))
        return Snapshot(
            now, demands, dynos(workers, status, now), learned.boot, API_SECONDS, waiting,
            unacknowledged, max(0.0, now - self._idle_since), status.limit,
        ), learned  # fmt: skip

    def _learn_boots(self, workers: Sequence[Worker], status: PoolStatus, learned: Learned) -> Learned:
        """Count one boot per worker and order: a worker that died and was restarted was not ordered then."""
        if status.ordered_at != self._ordered_at:
            self._ordered_at, self._counted, self._ordered_by_us = status.ordered_at, self._up, True
        for worker in workers:
            new = worker.name not in self._counted
            if new and self._ordered_by_us and self._ordered_at and worker.since > self._ordered_at:
                learned = learned.with_boot(worker.since - self._ordered_at)
        self._up = {worker.name for worker in workers}
        self._counted = self._counted | self._up
        return learned
