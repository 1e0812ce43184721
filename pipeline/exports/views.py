"""An export as the API and the command line show it; percent done and seconds left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ..adapters.redis.progress import Progress
from ..pdf.tally import Skipped
from . import notices
from .export import Channel, Charge, Export, Failure, Notice, Recipient, Result, State
from .notices import message_id

API = "/v1"  # the path below which the HTTP API is
MAX_SKIPPED = 100  # skipped inputs that are shown
RENDERED = 90  # percent when all pages are drawn
JOINED = 99  # percent when all bytes are joined
ROUNDING = ((60, 5), (600, 30), (float("inf"), 60))
"""Estimates below the first number of seconds are rounded up to the second: fewer changes are cheaper to poll."""
NONE_YET = Progress(0, 0, 0)


class Volume(msgspec.Struct, frozen=True):
    """One PDF of several; `first_page` counts the pages of the document from 1."""

    name: str
    bytes: int
    first_page: int
    pages: int
    download: str


class QueryRead(msgspec.Struct, frozen=True):
    """When the query began whose rows the file shows. `starts` is more than 1 if it was interrupted before."""

    began_at: datetime
    starts: int


class Made(msgspec.Struct, frozen=True):
    """What an export made. Records = records drawn + records skipped."""

    name: str
    bytes: int
    pages: int
    records: int
    drawn: int
    skipped_count: int
    skipped: Sequence[Skipped]
    warnings: Sequence[str]
    volumes: Sequence[Volume]
    query: QueryRead | None


class Delivery(msgspec.Struct, frozen=True):
    """Where the mails, or the webhooks, of an export stand together: `waiting`, `sent` or `given up`, and why."""

    state: str
    problem: str


class NoticeShown(msgspec.Struct, frozen=True):
    """A mail to one address, or a webhook: `to` is the address, or the host of the webhook."""

    id: str
    channel: Channel
    to: str
    event: State
    state: str
    problem: str
    happened_at: datetime
    sent_at: datetime | None


class Links(msgspec.Struct, frozen=True, rename={"here": "self"}):
    """Where an export is, its file, and its page on the panel."""

    here: str
    download: str
    page: str


class ExportSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows of an export."""

    id: str
    document: str
    name: str
    subject: str | None
    state: State
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime  # when its files are removed
    result: Made | None
    failure: Failure | None
    mail: Delivery | None
    webhook: Delivery | None
    links: Links


class Done(msgspec.Struct, frozen=True):
    """How far an export is. `seconds_left` is null while that is not known."""

    pages_done: int
    pages: int
    bytes_done: int
    bytes_total: int
    chunks: int
    percent: int
    seconds_left: int | None


class Estimate(msgspec.Struct, frozen=True):
    """The time and the price of an export with a number of workers, also in words."""

    workers: int
    seconds: float
    dollars: float
    words: str


class Costs(msgspec.Struct, frozen=True):
    """What an export will cost by the number of workers, and what it did cost."""

    estimate: Sequence[Estimate]
    charged: Charge | None


class ExportShown(ExportSummary, frozen=True, kw_only=True):
    """Everything about an export."""

    params: dict[str, Any]
    notify: Sequence[Recipient]
    return_url: str | None
    notices: Sequence[NoticeShown]
    progress: Done
    cost: Costs


class ExportAccepted(ExportShown, frozen=True, kw_only=True):
    """An export that was requested. `queued` is false while Redis is down: it starts when Redis is back."""

    queued: bool


def summary(export: Export, base_url: str, keep_seconds: float, max_skipped: int = 0) -> ExportSummary:
    """Return what a list shows of an export that is kept so long, with this many of the skipped inputs."""
    return ExportSummary(
        id=export.id,
        document=export.document,
        name=export.name,
        subject=export.subject or None,
        state=export.state,
        created_at=moment(export.created_at),
        finished_at=None if export.finished_at is None else moment(export.finished_at),
        expires_at=moment(export.created_at + keep_seconds),
        result=_result(export, max_skipped, base_url),
        failure=export.failure,
        mail=_delivery(export, Channel.MAIL),
        webhook=_delivery(export, Channel.WEBHOOK),
        links=links(export, base_url),
    )


def full(
    export: Export, progress: Progress | None, now: float, base_url: str, keep_seconds: float,
    quotes: Sequence[Estimate],
) -> ExportShown:  # fmt: skip
    """Return everything about an export. `progress` is None when there is none."""
    return ExportShown(
        **msgspec.structs.asdict(summary(export, base_url, keep_seconds, MAX_SKIPPED)),
        params=dict(export.params),
        notify=export.recipients,
        return_url=export.return_url or None,
        notices=[_notice(export, notice) for notice in export.notices],
        progress=_progress(export, progress or NONE_YET, now),
        cost=Costs(quotes, export.charge),
    )


def accepted(shown: ExportShown, queued: bool) -> ExportAccepted:
    """Return the answer to a request."""
    return ExportAccepted(**msgspec.structs.asdict(shown), queued=queued)


def moment(seconds: float) -> datetime:
    """Return a time in seconds since 1970 as one that is written by RFC 3339, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def percent(export: Export, progress: Progress) -> int:
    """Return 0 to 100: planning 0, drawing up to 90, joining up to 99, ready 100."""
    if export.state is State.RENDERING:
        return RENDERED * min(progress.pages, export.pages) // max(1, export.pages)
    if export.state is State.ASSEMBLING:
        joined = min(progress.bytes, progress.bytes_total)
        return RENDERED + (JOINED - RENDERED) * joined // max(1, progress.bytes_total)
    return 100 if export.state in (State.READY, State.EXPIRED) else 0


def seconds_left(export: Export, progress: Progress, now: float) -> int | None:
    """Return how long drawing will take at the rate so far, rounded up; None while that is not known."""
    if export.state is not State.RENDERING or not progress.pages or export.planned_at is None:
        return None
    left = (now - export.planned_at) * max(0, export.pages - progress.pages) / progress.pages
    step = next(step for below, step in ROUNDING if left < below)
    return ceil(left / step) * step


def _progress(export: Export, progress: Progress, now: float) -> Done:
    drawn = export.state in (State.ASSEMBLING, State.READY, State.EXPIRED)
    return Done(
        pages_done=export.pages if drawn else min(progress.pages, export.pages),
        pages=export.pages,
        bytes_done=progress.bytes,
        bytes_total=progress.bytes_total,
        chunks=export.chunks,
        percent=percent(export, progress),
        seconds_left=seconds_left(export, progress, now),
    )


def _result(export: Export, max_skipped: int, base_url: str) -> Made | None:
    result, began = export.result, export.query_began_at
    if result is None:
        return None
    return Made(
        name=result.name,
        bytes=result.bytes,
        pages=result.pages,
        records=result.records,
        drawn=result.drawn,
        skipped_count=result.skipped_count,
        skipped=result.skipped[:max_skipped],
        warnings=result.warnings,
        volumes=_volumes(export, result, base_url),
        query=None if began is None else QueryRead(moment(began), export.query_starts),
    )


def _volumes(export: Export, result: Result, base_url: str) -> list[Volume]:
    here = address(export, base_url)
    return [
        Volume(file.name, file.bytes, file.first_page, file.pages, f"{here}/download/{number}")
        for number, file in enumerate(result.volumes, 1)
    ]


def _delivery(export: Export, channel: Channel) -> Delivery | None:
    found = notices.state(export, channel)
    return found and Delivery(*found)


def _notice(export: Export, notice: Notice) -> NoticeShown:
    # A URL of a webhook may hold a secret, and others than its owner see the export on the panel.
    to = notice.to.to if notice.channel is Channel.MAIL else urlsplit(notice.to.to).hostname or ""
    return NoticeShown(
        message_id(export, notice), notice.channel, to, notice.event, notices.standing(notice), notice.problem,
        moment(notice.happened_at), None if notice.sent_at is None else moment(notice.sent_at),
    )  # fmt: skip


def address(export: Export, base_url: str) -> str:
    """Return the URL of an export."""
    return f"{base_url}{API}/exports/{export.id}"


def links(export: Export, base_url: str) -> Links:
    """Return where an export, its file and its page are."""
    here = address(export, base_url)
    return Links(here, f"{here}/download", f"{base_url}/export/{export.id}")
