"""The order of the steps:

request -> plan -> render (many, side by side) -> assemble -> deliver
"""

from __future__ import annotations

import logging
import random
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ..errors import NoExport, OverLimit, PipelineError, RedisDown, StoreDown
from ..errors.shortages import as_shortage
from ..exports import audit
from ..exports.export import Export, Failure, State
from ..exports.waves import Wave
from ..services import Message, Services
from . import assemble, deliver, measure, plan, render, wave
from .outcomes import Again, Done, Missing, Next, NotWanted, Outcome, Partly
from .plan.parts import missing_parts
from .records import OBSERVERS, StepRecord, count_end, peak
from .retry import Fail, Retry, RetryPolicy, kind
from .sending import begin, chunks, ranges, send, width
from .step import INTERRUPTIONS, Step, lease_name, perform

log = logging.getLogger(__name__)
POLICY = RetryPolicy()

STEPS = {
    step.name: step
    for step in (
        Step("plan", frozenset({State.QUEUED, State.PLANNING}), plan.body),
        Step("measure", frozenset({State.PLANNING}), measure.body, part=int),
        Step("render", frozenset({State.RENDERING, State.ASSEMBLING}), render.body, part=int),
        Step("wave", frozenset({State.PLANNING, State.RENDERING, State.ASSEMBLING}), wave.body, part=Wave),
        Step("assemble", frozenset({State.RENDERING, State.ASSEMBLING}), assemble.body),
        Step("deliver", frozenset(state for state in State if state.over), deliver.body),
    )
}


def after(step: str, outcome: Outcome, width: int) -> list[Message]:
    """Return the messages to send after a step; `width` is that of a wave. The chord of the chunks sends the
    assembly, that of ranges the plan; or it goes on with the next wave."""
    match step, outcome:
        case "plan", Done(export):
            return chunks(export, range(export.chunks), width)
        case "plan", Missing(export, missing):
            return ranges(export, missing, width)
        case "wave", Next(export, following, missing, paginate):
            begun = "measure" if export.state is State.PLANNING else "render"
            sent = Message(begun, export.id, missing, following, export.owner)
            return [sent, Message("plan", export.id)] if paginate else [sent]
        case "wave", Done(export):
            return [Message("plan" if export.state is State.PLANNING else "assemble", export.id)]
        case "assemble", Missing(export, missing):
            return chunks(export, missing, width)
        case "assemble", Done(export):
            return [Message("deliver", export.id)]
    return []


def take(
    services: Services, step: str, export_id: str, part: int | Wave | None = None,
    stopping: threading.Event | None = None,
) -> Outcome:  # fmt: skip
    """Do a step and send what follows from it. Raises PipelineError when it fails; OverLimit when its time or
    memory ran out, also before its work, or while it sends."""
    try:
        outcome = perform(STEPS[step], services, export_id, part, stopping or threading.Event())
        messages = after(step, outcome, width(services))
        # The message behind the last range may have come while this process still had the lease.
        if isinstance(outcome, Partly) and not missing_parts(services, outcome.export):
            messages = [Message(step, export_id)]
        if step == "plan":
            begin(services, messages)
        else:  # as many as were done: the number of messages stays
            for message in messages:
                send(services, message)
    except INTERRUPTIONS as error:
        what = "memory" if isinstance(error, MemoryError) else "time"
        raise OverLimit(f"The step {step} of export {export_id} ran out of {what}.") from error
    return outcome


def handle(
    services: Services, step: str, export_id: str, part: int | Wave | None, stopping: threading.Event
) -> Outcome | Retry | Fail:
    """Handle the message for a step. An error becomes a retry, or ends the export."""
    began = time.monotonic()
    outcome: Outcome | Retry | Fail
    try:
        outcome = take(services, step, export_id, part, stopping)
    except Exception as error:  # noqa: BLE001  # an error of the program ends the export too
        outcome = _decide(services, step, export_id, part, error)
    if isinstance(outcome, Fail):
        outcome = _end(services, step, export_id, part, outcome)
    word, pages = _words(outcome)
    record = StepRecord(
        export=export_id, step=step, chunk=part if isinstance(part, int) else None, outcome=word, pages=pages,
        ms=round(1000 * (time.monotonic() - began)), peak_mb=peak() // 1_000_000,
        document=_document(services, export_id, outcome), reason=_reason(outcome),
    )  # fmt: skip
    for observe in OBSERVERS:
        try:
            observe(services, record)
        except Exception:
            log.exception("the record of step %s of export %s", step, export_id)
    return outcome


def fail(
    services: Services, export_id: str, error: PipelineError, still: Callable[[Export], bool] = lambda _: True
) -> bool:
    """End an export with a reason and send the message to deliver it. Returns False when it is already over.

    `still`: whether the reason still holds for the export as it is now; else nothing is done.
    """
    failure, now = Failure(error.code, error.message, error.advice), time.time()

    def change(export: Export) -> Export:
        ends = not export.state.over and still(export)
        return export.to(State.FAILED, failure=failure, finished_at=now) if ends else export

    export = services.exports.change(export_id, change)
    if export.finished_at == now:
        count_end(services, export)
    if export.failure == failure:
        send(services, Message("deliver", export_id))
    return export.finished_at == now


def cancel(services: Services, export_id: str) -> Export:
    """End an export on request; workers stop at their next page. Raises IllegalStep when it is already over."""
    now = time.time()

    def change(export: Export) -> Export:  # applied again to what it made when an answer of the bucket is lost
        return export if export.finished_at == now else export.to(State.CANCELLED, finished_at=now)

    export = services.exports.change(export_id, change)
    audit.note("cancelled", export)
    count_end(services, export)
    try:
        send(services, Message("deliver", export_id))
    except RedisDown as error:  # it is cancelled anyway; the keeper sends the message again
        log.warning("export %s: %s", export_id, error.message)
    return export


def _decide(
    services: Services, step: str, export_id: str, part: int | Wave | None, error: Exception
) -> Retry | Fail:
    """Count the failure and decide what follows; a step that will be retried counts as held until then."""
    error = as_shortage(error, tempfile.gettempdir())
    if not isinstance(error, PipelineError):
        log.error("step %s of export %s", step, export_id, exc_info=error)
    # By kind: the failures of a service that was down for an hour must not use up the tries for a conflict.
    lease = lease_name(step, export_id, part)
    name = f"{kind(error)} {step} {lease}"
    failures = _failures(services, name) if isinstance(error, PipelineError) and error.retry else 1
    decision = POLICY.decide(error, failures, random.random())  # noqa: S311  # jitter, no secret
    if isinstance(decision, Retry):
        until_at_work = decision.after + services.settings.lease_seconds
        with suppress(RedisDown):  # then the keeper may send the step once more
            if step == "deliver":
                services.redis.messages.note_sent(export_id, until_at_work)
            else:
                services.redis.leases.expect_back(lease, until_at_work)
    return decision


def _end(
    services: Services, step: str, export_id: str, part: int | Wave | None, failed: Fail
) -> NotWanted | Retry | Fail:
    """End the export. Only the process that does so reports the failure: several may fail at once, such as one that
    lost its lease and the one that took it."""
    try:
        if not fail(services, export_id, failed.error) and step != "deliver":
            return NotWanted("the export ended meanwhile")
    except NoExport:  # this program did not send that message
        pass
    except PipelineError as error:  # it is not ended, or no message says that it is
        return _decide(services, step, export_id, part, error)
    return failed


def _document(services: Services, export_id: str, outcome: Outcome | Retry | Fail) -> str:
    """Return the document of an export; empty when nothing was done, or the bucket is down."""
    if isinstance(outcome, Done | Missing | Partly | Next):
        return outcome.export.document
    if isinstance(outcome, NotWanted) or (isinstance(outcome, Retry) and isinstance(outcome.error, StoreDown)):
        return ""
    with suppress(PipelineError):
        return services.exports.load(export_id).document
    return ""


def _failures(services: Services, name: str) -> int:
    """Return how often this step failed; 1 while Redis is down. Celery's own count includes requeued messages."""
    try:
        return services.redis.counters.count_attempt(f"error:{name}")
    except RedisDown:
        return 1


def _words(outcome: Outcome | Retry | Fail) -> tuple[str, int]:
    """Return the outcome as a word, and its pages."""
    match outcome:
        case Done(_, pages):
            return "done", pages
        case Next():
            return "done", 0
        case Again(_, pages):
            return "again", pages
        case Partly():
            return "partly", 0
        case Missing():
            return "missing", 0
        case NotWanted():
            return "not wanted", 0
        case Retry():
            return "retry", 0
    return "failed", 0


def _reason(outcome: Outcome | Retry | Fail) -> str:
    match outcome:
        case Again(reason) | Partly(_, reason) | NotWanted(reason):
            return reason
        case Missing(_, chunks):
            return f"{len(chunks)} parts are missing and come first"
        case Retry(after, error):
            return f"{error.message} Retry in {after:.1f} s."
        case Fail(error):
            return error.message
    return ""
