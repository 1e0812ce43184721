"""The log of an export: what happened when, from its record and from what workers noted while they worked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ..adapters.redis.progress import events, pieces
from . import notices
from .export import Channel, Export, State
from .plan import Plan

MOST = 1000  # entries that are shown
MAX_TEXT = 500  # characters of an event


class StepEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a step ended, as the worker notes it: with `text`, a reason, for `chunk`."""

    at: float
    step: str
    outcome: str
    pages: int = 0
    seconds: float = 0.0
    chunk: int | None = None
    process: str = ""
    text: str = ""


class Entry(msgspec.Struct, frozen=True):
    """A line of the log. `what` is a state, drawn, retried, mail, webhook, or the outcome of a step: planned,
    again, retry, missing, failed. `first` and `pages` say which pages it is about; 0 if about none."""

    at: float
    what: str
    text: str = ""
    step: str = ""
    process: str = ""
    first: int = 0
    pages: int = 0
    seconds: float = 0.0


_event = msgspec.json.Decoder(StepEvent).decode


def newest(export: Export, plan: Plan | None, fields: Mapping[str, str], most: int) -> tuple[Sequence[Entry], int]:
    """Return the newest entries, `most` of them, and how many there are in all."""
    noted = [_event(text) for text in set(events(fields))]  # some may be in Redis and stored
    drawn = _drawn(fields, plan) if plan else ()
    found = [*_milestones(export, noted), *_notices(export), *_noted(noted, plan), *drawn]
    found.sort(key=lambda entry: entry.at, reverse=True)
    return found[:most], len(found)


def encode(event: StepEvent) -> str:
    """Return an event as it is noted."""
    return msgspec.json.encode(event).decode()


def _milestones(export: Export, noted: Iterable[StepEvent]) -> Iterator[Entry]:
    yield Entry(export.created_at, State.QUEUED)
    if export.retried_at:
        yield Entry(export.retried_at, "retried")
    if export.rendered_at:
        yield Entry(export.rendered_at, State.ASSEMBLING)
    if export.finished_at and export.result:
        yield Entry(export.finished_at, State.READY, pages=export.result.pages)
    elif export.finished_at and export.failure:
        if export.failure.message not in {event.text for event in noted if event.outcome == "failed"}:
            yield Entry(export.finished_at, State.FAILED, export.failure.message)
    elif export.finished_at:
        yield Entry(export.finished_at, State.CANCELLED)
    if export.expired_at:
        yield Entry(export.expired_at, State.EXPIRED)


def _notices(export: Export) -> Iterator[Entry]:
    """Yield where mails and webhooks stand, at the time when each was sent, or else of its event."""
    for notice in export.notices:
        to = notice.to.to if notice.channel is Channel.MAIL else ""  # a URL may hold a secret
        text = " ".join(filter(None, (to, notices.standing(notice), notice.problem if not notice.sent_at else "")))
        yield Entry(notice.sent_at or notice.happened_at, notice.channel, text)


def _noted(noted: Iterable[StepEvent], plan: Plan | None) -> Iterator[Entry]:
    for event in noted:
        chunk = plan.chunks[event.chunk] if plan and event.step == "render" and event.chunk is not None else None
        what = "planned" if event.outcome == "done" else event.outcome
        first, pages = (chunk.first_page + 1, chunk.pages) if chunk else (0, event.pages)
        yield Entry(event.at, what, event.text, event.step, event.process, first, pages, event.seconds)


def _drawn(fields: Mapping[str, str], plan: Plan) -> Iterator[Entry]:
    """Yield the pieces that were drawn: each goes to the next one of its chunk, or to the end of the chunk."""
    by_chunk: dict[int, list[int]] = {}
    done = pieces(fields)
    for piece in done:
        by_chunk.setdefault(piece.chunk, []).append(piece.first)
    for piece in done:
        chunk = plan.chunks[piece.chunk]
        later = [first for first in by_chunk[piece.chunk] if first > piece.first]
        stop = min(later, default=chunk.first_page + int(fields.get(f"c{piece.chunk}", chunk.pages)))
        pages = max(0, stop - piece.first)
        yield Entry(piece.ended, "drawn", "", "render", piece.process, piece.first + 1, pages, piece.seconds)
