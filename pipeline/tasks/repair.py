"""Decides which message an unfinished export needs; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..exports.export import Export, State
from ..exports.plan import Plan


class Repair(StrEnum):
    """What the keeper does about an export."""

    NOTHING = "nothing"  # it makes progress, or its message waits
    PLAN = "plan"  # send the message for this step again, and so on
    MEASURE = "measure"
    RENDER = "render"
    ASSEMBLE = "assemble"
    DELIVER = "deliver"
    GIVE_UP = "give up"  # it is past its deadline: it fails


@dataclass(frozen=True)
class ExportStatus:
    """An unfinished export, with what the bucket and Redis know of its work."""

    export: Export
    missing: Sequence[int]  # chunks with pages missing; while it is planned, parts of its input
    unleased: Sequence[int]  # those of them without a lease: no worker is at them
    busy: bool  # a step of the whole export holds its lease, or it is made beside the web process
    sent: bool  # a message for it was sent lately
    queue_empty: bool  # no message waits in the queues that its next message uses
    now: float
    plan: Plan | None = None  # None before it is planned


def repair(status: ExportStatus, deadline: float) -> Repair:
    """Return what an export needs. `deadline`: seconds after which an unfinished export fails.

    A message counts as lost when no worker holds the lease of its step, and its queue is empty or it was sent
    long ago. Until then it may still be in the queue.
    """
    if status.export.state.over:
        return Repair.NOTHING if status.sent or status.busy else Repair.DELIVER
    if status.now - status.export.begun_at > deadline:
        return Repair.GIVE_UP
    if status.busy or (status.sent and not status.queue_empty):
        return Repair.NOTHING
    planned = status.export.state not in (State.QUEUED, State.PLANNING)
    if not status.missing:
        return Repair.ASSEMBLE if planned else Repair.PLAN
    if not status.unleased:
        return Repair.NOTHING
    return Repair.RENDER if planned else Repair.MEASURE
