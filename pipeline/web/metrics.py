"""GET /metrics for Prometheus: what Redis holds at this moment. The bucket is not asked."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from typing import Any

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from .. import documents, errors
from ..adapters.redis import Coordination
from ..adapters.redis.metrics import Key, Reading
from ..adapters.redis.workers import Worker
from ..errors import NotSignedIn, PipelineError, RedisDown
from ..tasks.flow import STEPS
from ..tasks.records import BUCKETS
from .auth import may_read_metrics, services

blueprint = Blueprint("metrics", __name__)
WORKER_STATES = ("busy", "idle", "draining", "starting")


@blueprint.get("/metrics")
def metrics() -> Response:
    """Show all metrics; 503, with `pipeline_redis_up 0`, while Redis is down."""
    if not may_read_metrics():
        advice = "Send the header Authorization: Bearer <token> with METRICS_TOKEN or an API token."
        raise NotSignedIn("The metrics need a token.", advice=advice)
    registry = CollectorRegistry(auto_describe=False)
    try:
        seen = look(services().redis)
    except RedisDown:
        seen = None
    registry.register(_Families(families(seen)))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), 200 if seen else 503, content_type=content_type)


@dataclass(frozen=True)
class Seen:
    """What Redis holds: the counters, the workers that are up, and the scaler's state."""

    read: Reading
    workers: Iterable[Worker]
    scaler: dict[str, Any] = field(default_factory=dict)


def look(redis: Coordination) -> Seen:
    """Read everything. Raises RedisDown."""
    return Seen(redis.metrics.read(), redis.workers.up(), redis.decisions.state() or {})


class _Families(Collector):
    """Metrics that were read before."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = list(found)

    def collect(self) -> Iterable[Metric]:
        return self._found


def families(seen: Seen | None) -> Iterator[Metric]:
    """Yield every metric; without what Redis holds, only those that need no Redis."""
    build = {"version": _version("pipeline"), "python": platform.python_version(), "celery": _version("celery")}
    yield _gauge("pipeline_build_info", "Versions of the web process.", {tuple(build.values()): 1}, *build)
    yield _gauge("pipeline_redis_up", "1 when Redis answered this scrape.", {(): float(seen is not None)})
    if seen is not None:
        yield from _queues(seen.read)
        yield from _exports(seen.read)
        yield from _steps(seen.read)
        yield from _workers(seen)
        yield from _costs(seen.read)


def _queues(read: Reading) -> Iterator[Metric]:
    lengths = {(name,): float(queue.length) for name, queue in read.queues.items()}
    yield _gauge("pipeline_queue_messages", "Messages that no worker has taken.", lengths, "queue")
    ages = {(name,): queue.oldest for name, queue in read.queues.items()}
    yield _gauge("pipeline_queue_oldest_seconds", "Age of the oldest message in a queue.", ages, "queue")


def _exports(read: Reading) -> Iterator[Metric]:
    labels = ("state", "document")
    turn = read.turn.exports if read.turn else ()
    counted: dict[Key, float] = {(state, document): number for state, document, number in turn}
    yield _gauge("pipeline_exports", "Exports with work left, at the keeper's last turn.", counted, *labels)
    # Zero before the first one: Prometheus sees no increase in a series that begins with 1.
    ends = [("ready", ""), ("cancelled", ""), *(("failed", code) for code in _codes())]
    finished: dict[Key, float] = {(name, *end): 0.0 for name in documents.names() for end in ends}
    finished |= _counted(read, "exports_finished")
    yield _counter("pipeline_exports_finished", "Exports that are over.", finished, "document", "outcome", "code")
    pages = {(name,): 0.0 for name in documents.names()} | _counted(read, "pages")
    yield _counter("pipeline_pages", "Pages drawn.", pages, "document")


def _steps(read: Reading) -> Iterator[Metric]:
    seconds = HistogramMetricFamily("pipeline_step_seconds", "Duration of a step.", labels=("step", "document"))
    counted = _counted(read, "step_seconds_bucket")
    for labels, total in _counted(read, "step_seconds_sum").items():
        bounds = [*map(str, BUCKETS), "+Inf"]
        sums = accumulate(counted.get((*labels, bound), 0.0) for bound in bounds)
        seconds.add_metric(labels, list(zip(bounds, sums, strict=True)), total)
    yield seconds
    retries = {(step,): 0.0 for step in STEPS} | _counted(read, "step_retries")
    yield _counter("pipeline_step_retries", "Steps that failed and are tried again.", retries, "step")
    peaks = {(step,): peak for step, peak in read.peaks.items()}
    words = "The most memory of a process that ended a step in the last ten minutes or more."
    yield _gauge("pipeline_peak_memory_bytes", words, peaks, "step")
    limit = {} if read.memory_limit is None else {(): float(read.memory_limit)}
    yield _gauge("pipeline_memory_limit_bytes", "Memory that one rendering process may use.", limit)


def _workers(seen: Seen) -> Iterator[Metric]:
    states = dict.fromkeys(WORKER_STATES, 0)
    for worker in seen.workers:
        states["busy" if worker.busy else "draining" if worker.drains else "idle"] += 1
    states["starting"] = max(0, int(seen.scaler.get("quantity") or 0) - sum(states.values()))
    counted = {(state,): float(number) for state, number in states.items()}
    words = "Workers that report, and those that were ordered and do not yet."
    yield _gauge("pipeline_workers", words, counted, "state")
    wanted = seen.scaler.get("wanted")
    known = {} if wanted is None else {(): float(wanted)}
    yield _gauge("pipeline_workers_wanted", "Workers that the scaler decided on.", known)
    refused = {(): float(bool(seen.scaler.get("refused")))}
    words = "1 while Heroku refuses the key: workers can be neither started nor stopped."
    yield _gauge("pipeline_key_refused", words, refused)


def _costs(read: Reading) -> Iterator[Metric]:
    age = {(): max(0.0, time.time() - read.turn.at)} if read.turn else {}
    yield _gauge("pipeline_keeper_last_turn_seconds", "Seconds since the leading keeper's last turn.", age)
    for name, words in (("dyno_seconds", "Seconds of workers that are paid."), ("dollars", "What workers cost.")):
        yield _counter(f"pipeline_{name}", words, {(): 0.0} | _counted(read, name))


def _gauge(name: str, words: str, values: Mapping[Any, float], *labels: str) -> Metric:
    """Return a gauge with these values; their keys are the values of the labels."""
    return _filled(GaugeMetricFamily(name, words, labels=labels), values)


def _counter(name: str, words: str, values: Mapping[Any, float], *labels: str) -> Metric:
    return _filled(CounterMetricFamily(name, words, labels=labels), values)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, values: Mapping[Any, float]) -> Metric:
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _counted(read: Reading, name: str) -> dict[Key, float]:
    """Return the counters of this name by their labels."""
    return {key[1:]: value for key, value in read.counts.items() if key[0] == name}


def _codes() -> Iterator[str]:
    """Yield the code of every error."""
    return (
        name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, PipelineError)
    )


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:  # it runs from a checkout
        return "unknown"
