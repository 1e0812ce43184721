"""The order of things, written once:

    request -> plan -> render (many, side by side) -> assemble -> deliver

Each function is a step. It looks at the bucket to see whether it is wanted, does its work, moves the
export on by a conditional write, and sends the message for the next step. Every step may run twice, at
any time, and may die anywhere: what is missing, the keeper asks for again.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from .. import documents
from ..adapters.redis.leases import Lease
from ..documents.job import DocumentJob
from ..errors import DamagedSegment, ExportFailed, IllegalStep, NotFound, PipelineError, RedisDown, UploadGone
from ..exports.coverage import cover
from ..exports.export import Export, Failure, State
from ..exports.plan import Plan
from ..exports.repository import listing_key
from ..exports.request import ExportRequest
from ..services import Services
from . import assemble as assembling
from . import deliver as delivering
from . import render as rendering
from .alone import Held, one_at_a_time
from .attempts import counted
from .render import PutBack
from .submit import validate

log = logging.getLogger(__name__)
LARGE = 32  # chunks; an export with more of them is large, and small ones overtake it


def submit(s: Services, order: ExportRequest) -> Export:
    """Check an order, write it down, ask for a plan. Costs the same for ten pages as for a million.

    Raises InvalidRequest before anything is written. When Redis is down the export is accepted all the
    same and RedisDown is raised with its id; the keeper goes on with it.
    """
    export, records = validate(s, order)
    accepted = s.exports.accept(export, records, lasting=order.key is not None)
    if accepted.id == export.id:
        try:
            send_plan(s, export.id)
        except RedisDown as error:
            raise Accepted(accepted, error) from error
    return accepted


class Accepted(RedisDown):
    """The export is written down, but nobody could be told yet; the keeper will."""

    def __init__(self, export: Export, cause: RedisDown) -> None:
        super().__init__(f"Export {export.id} is accepted; it begins when Redis is back. {cause.message}")
        self.export = export


@one_at_a_time("plan")
def plan(held: Held, s: Services, export_id: str) -> None:
    """Count the document, cut it into chunks, send them out."""
    export = s.exports.change(export_id, lambda e: _once(e, State.PLANNING, started_at=time.time()))
    if export.state is not State.PLANNING:
        return
    with counted(s, f"{export_id}:plan", "The document's size"):
        planned = _plan(s, export)
    held.check()
    cut = s.exports.write_plan(export_id, planned)
    sizes = {"records": cut.records, "pages": cut.pages, "chunks": len(cut.chunks), "planned_at": time.time()}
    export = s.exports.change(export_id, lambda e: _once(e, State.RENDERING, **sizes))
    if export.state is State.RENDERING:
        send_chunks(s, export, list(range(len(cut.chunks))))


def send_plan(s: Services, export_id: str) -> None:
    """Ask a worker for a plan; wake the scaler."""
    s.queue.plan(export_id)
    s.live.note_sent(export_id, s.settings.repair_patience)
    s.live.ring()


def send_chunks(s: Services, export: Export, chunks: list[int]) -> None:
    """Ask workers for these chunks, and for the assembly after them; wake the scaler."""
    s.queue.render(export.id, chunks, large=export.chunks > LARGE)
    s.live.note_sent(export.id, s.settings.repair_patience)
    s.live.ring()


def render(s: Services, export_id: str, chunk: int, stopping: Callable[[], bool]) -> None:
    """Draw a chunk, or what is missing of it, into a segment; raises PutBack when some of it is left.

    Between two small chunks it looks at the export as seldom as between two pages of a large one.
    """
    export = s.exports.lately(export_id, rendering.ASK_SECONDS)
    if export.state in (State.RENDERING, State.ASSEMBLING):
        plan = _cut(s, export)
        rendering.render(s, job(s, export).planned(plan), plan, chunk, export, stopping)


def assemble(s: Services, export_id: str) -> None:
    """Join the segments, if all are there, and say so; raises PutBack when volumes are left to be made."""
    export = s.exports.load(export_id)
    if export.state not in (State.RENDERING, State.ASSEMBLING):
        return
    cut = _cut(s, export)
    segments, missing = cover(cut, s.exports.segments.found(export_id))
    lease = None if missing else s.live.lease(f"{export_id}:assemble", s.settings.lease_seconds)
    if lease is None:
        return  # a chunk is on its way, or somebody is at it; the keeper comes back to this
    try:
        joined = _joined(s, export_id, cut, segments, lease)
    except (DamagedSegment, UploadGone, IllegalStep):
        if s.exports.load(export_id).state.over:
            return  # its segments and its upload were cleared away
        dropped = cover(s.exports.plan(export_id), s.exports.segments.found(export_id))[1]
        if not dropped:
            raise
        send_chunks(s, export, dropped)
        return
    finally:
        s.live.release(lease)
    if joined and joined.state.over:
        send_notice(s, export_id)


def _joined(
    s: Services, export_id: str, cut: Plan, segments: list[assembling.Piece], lease: Lease
) -> Export | None:
    """The export with its file; None when nobody wants one any more."""
    export = s.exports.change(export_id, lambda e: _once(e, State.ASSEMBLING, rendered_at=time.time()))
    if export.state is not State.ASSEMBLING:
        return None
    with counted(s, f"{export_id}:assemble", "The file"):
        made = assembling.assemble(s, export, cut, segments, lease)
    if made is None:
        raise PutBack("volumes are left")
    made = dataclasses.replace(made, seconds=_drawing_seconds(s, export))
    return s.exports.change(export_id, lambda e: _once(e, State.READY, result=made, finished_at=time.time()))


def send_notice(s: Services, export_id: str) -> None:
    """Ask a worker to tell whoever asked; the keeper asks again when nothing came of it."""
    s.live.note_over(export_id)
    s.queue.deliver(export_id)
    s.live.note_sent(export_id, s.settings.lease_seconds)


def note_retry(s: Services, export_id: str, step: str, seconds: float) -> None:
    """A step that failed comes back by itself after so long; the keeper need not ask for it before."""
    until_at_it = seconds + s.settings.lease_seconds
    with suppress(RedisDown):  # it is asked for twice then
        if step == "deliver":
            s.live.note_sent(export_id, until_at_it)
        else:
            s.live.note_pause(f"{export_id}:{step}", until_at_it)


def deliver(s: Services, export_id: str) -> None:
    """Tell whoever asked, once; then remove what is not needed any more.

    While another worker tells, or died at it, the keeper asks again only when that one cannot live any more.
    """
    export = s.exports.load(export_id)
    if export.state.over:
        if seconds := delivering.notify(s, export_id):
            s.live.note_sent(export_id, seconds)
            return
        s.exports.close(export_id, keep=export.state is State.READY)
        s.live.forget(export_id)
        s.live.ring()


def fail(s: Services, export_id: str, error: PipelineError) -> None:
    """End an export with a reason, and tell whoever asked; does nothing when it is over already."""
    failure = Failure(error.code, error.message, error.advice)
    export = s.exports.change(export_id, lambda e: _once(e, State.FAILED, failure=failure, finished_at=time.time()))
    if export.failure == failure:
        send_notice(s, export_id)


def cancel(s: Services, export_id: str) -> Export:
    """End an export because whoever asked for it says so; workers stop at their next page.

    Raises IllegalStep when it is over already.
    """
    export = s.exports.change(export_id, lambda e: e.to(State.CANCELLED, finished_at=time.time()))
    try:
        send_notice(s, export_id)
    except RedisDown as error:  # it is cancelled all the same; the keeper tidies up
        log.warning("export %s: %s", export_id, error.message)
    return export


def job(s: Services, export: Export) -> DocumentJob:
    """What an export is about, ready to be planned or drawn."""
    document = documents.find(export.document)
    params = documents.decode(document, export.params)
    return DocumentJob(document, params, params.listing or listing_key(export.id), s.inputs)


def _drawing_seconds(s: Services, export: Export) -> float:
    """How long workers drew, all together; 0 when Redis does not know it of every chunk."""
    try:
        seen = s.live.progress(export.id)
    except RedisDown:
        return 0.0
    return seen.seconds if seen and seen.timed >= export.chunks else 0.0


def _plan(s: Services, export: Export) -> Plan:
    snapshot = job(s, export).snapshot(partial(s.exports.freeze, export.id))
    return snapshot.plan(s.settings, export.chunk_pages, export.volume)


def _cut(s: Services, export: Export) -> Plan:
    """The cut of an export that was planned. One that was lost is made again: the same input gives the same."""
    try:
        return s.exports.plan(export.id)
    except NotFound:
        log.warning("export %s: its plan is gone and is made again", export.id)
    made = _plan(s, export)
    if (made.records, made.pages, len(made.chunks)) != (export.records, export.pages, export.chunks):
        advice = "Ask for the export again."
        raise ExportFailed("Its plan was lost, and a new one is different: the input changed.", advice=advice)
    return s.exports.write_plan(export.id, made)


def _once(export: Export, state: State, **changes: Any) -> Export:
    """A step that several may try: whoever comes late finds it done, and the export there or further."""
    steps = list(State)
    late = export.state.over or steps.index(export.state) >= steps.index(state)
    return export if late else export.to(state, **changes)
