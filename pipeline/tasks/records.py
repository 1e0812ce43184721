"""The record of a step that ended: a line in the log, and counters for GET /metrics."""

from __future__ import annotations

import logging
import resource
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from .. import documents
from ..adapters.redis.leases import this_process
from ..errors import RedisDown
from ..exports.export import Export
from ..exports.log import MAX_TEXT, StepEvent, encode
from ..logs import fields
from ..services import Services

log = logging.getLogger("pipeline.tasks.step")  # the name that logs and their filters know
BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
"""Upper bounds of the seconds of a step, for its histogram."""
OTHER = "other"  # the label of a document that is not known here, so that labels stay few


@dataclass(frozen=True)
class StepRecord:
    """What is known of a step that ended: for the log, and for whatever else counts steps."""

    export: str
    step: str
    chunk: int | None
    outcome: str  # done, again, partly, missing, not wanted, retry, failed
    pages: int
    ms: int
    peak_mb: int
    document: str = ""  # empty when nothing was done, or the bucket is down
    reason: str = ""


def peak() -> int:
    """The most bytes of memory that this process ever had in use."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def log_record(_: Services, record: StepRecord) -> None:
    """One line for each step that did something, or failed."""
    level = {"retry": logging.WARNING, "failed": logging.ERROR, "not wanted": logging.DEBUG}
    values = {name: value for name, value in vars(record).items() if value not in (None, "")}
    log.log(level.get(record.outcome, logging.INFO), "step", extra=fields(**values))


def count_record(services: Services, record: StepRecord) -> None:
    """Add a step to the counters. It is not counted while Redis is down."""
    if record.outcome == "not wanted":
        return
    step, document, seconds = record.step, label(record.document), record.ms / 1000
    bound = next((str(bound) for bound in BUCKETS if seconds <= bound), "+Inf")
    amounts: dict[tuple[str, ...], float] = {
        ("step_seconds_bucket", step, document, bound): 1,
        ("step_seconds_sum", step, document): seconds,
    }
    if record.outcome == "retry":
        amounts["step_retries", step] = 1
    if step == "render" and record.pages:
        amounts["pages", document] = record.pages
    if step == "assemble" and record.outcome == "done":
        amounts |= end_counts(document, "ready")
    with suppress(RedisDown):
        services.redis.metrics.add_step(amounts, step, peak(), services.settings.memory_per_process)


def note_record(services: Services, record: StepRecord) -> None:
    """Note what the log of an export shows beyond the pages that were drawn. Nothing is noted without Redis."""
    if record.outcome in ("not wanted", "partly") or (record.outcome == "done" and record.step != "plan"):
        return
    event = StepEvent(
        time.time(), record.step, record.outcome, record.pages, record.ms / 1000, record.chunk, this_process(),
        record.reason[:MAX_TEXT],
    )  # fmt: skip
    with suppress(RedisDown):
        services.redis.progress.note_event(record.export, encode(event))


def count_end(services: Services, export: Export) -> None:
    """Count an export that failed or was cancelled. It is not counted while Redis is down."""
    code = export.failure.code if export.failure else ""
    with suppress(RedisDown):
        services.redis.metrics.add(end_counts(label(export.document), export.state, code))


def end_counts(document: str, outcome: str, code: str = "") -> Mapping[tuple[str, ...], float]:
    """Return what an export counts that is over."""
    return {("exports_finished", document, outcome, code): 1}


def label(document: str) -> str:
    """Return the name of a document for a label."""
    return document if document in documents.names() else OTHER


OBSERVERS: list[Callable[[Services, StepRecord], None]] = [log_record, count_record, note_record]
"""Called with the record of each step that ended. What they raise is logged, and changes nothing else."""
