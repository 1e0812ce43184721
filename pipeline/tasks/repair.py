"""What an export that does not move needs: pure, from what is seen of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..exports.export import Export, State
from ..exports.plan import Plan

NOTICE_PATIENCE = 3600.0  # a mail that cannot be sent for so long must not keep a worker up


class Repair(StrEnum):
    """What to do about an export that does not move."""

    NOTHING = "nothing"
    PLAN = "plan"
    RENDER = "render"
    ASSEMBLE = "assemble"
    DELIVER = "deliver"
    CLOSE = "close"
    GIVE_UP = "give up"


@dataclass(frozen=True)
class View:
    """An unfinished export as the keeper sees it."""

    export: Export
    missing: Sequence[int]  # chunks with pages missing
    unleased: Sequence[int]  # those of them that no worker is at
    busy: bool  # a step of the whole export is at work
    sent: bool  # messages for it went out lately
    queue_empty: bool  # no message waits where one for it would
    now: float
    plan: Plan | None = None  # once there is one


def repair(view: View, deadline: float) -> Repair:
    """What an export needs; pure.

    While messages wait in a queue, the missing one may be among them, unless they were sent long ago.
    When no message waits and no worker is at the work, the message is lost.
    """
    if view.export.state.over:
        if view.now - (view.export.finished_at or 0.0) > NOTICE_PATIENCE:
            return Repair.CLOSE
        return Repair.NOTHING if view.sent or view.busy else Repair.DELIVER
    if view.now - view.export.created_at > deadline:
        return Repair.GIVE_UP
    if view.busy or (view.sent and not view.queue_empty):
        return Repair.NOTHING
    if view.export.state in (State.QUEUED, State.PLANNING):
        return Repair.PLAN
    if not view.missing:
        return Repair.ASSEMBLE
    return Repair.RENDER if view.unleased else Repair.NOTHING
