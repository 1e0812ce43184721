"""The events of an export, as webhooks tell them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from .export import EVENTS, Channel, Export, Failure, Notice, State
from .views import Links, links, moment

EventType = Literal["export.ready", "export.failed", "export.cancelled", "export.expired"]
TYPES: Sequence[str] = tuple(f"export.{state}" for state in EVENTS[Channel.WEBHOOK])


class EventData(msgspec.Struct, frozen=True):
    """The export of an event. `state` is that of the event; the export may have gone on since."""

    id: str
    document: str
    name: str
    subject: str | None
    state: State
    pages: int | None
    bytes: int | None
    warnings: int | None
    failure: Failure | None
    links: Links


class Event(msgspec.Struct, frozen=True):
    """The body of a webhook. `timestamp` is when it happened; the header has when it was sent."""

    type: EventType
    timestamp: datetime
    data: EventData


def event(export: Export, notice: Notice, base_url: str) -> Event:
    """Return the event of a notice: the same at each attempt."""
    made = export.result if notice.event is State.READY else None
    data = EventData(
        export.id,
        export.document,
        export.name,
        export.subject or None,
        notice.event,
        made.pages if made else None,
        made.bytes if made else None,
        len(made.warnings) if made else None,
        notice.failure,
        links(export, base_url),
    )
    return Event(f"export.{notice.event}", moment(notice.happened_at), data)  # type: ignore[arg-type]  # one of TYPES
