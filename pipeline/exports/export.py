"""Export and State: frozen values, and the legal steps between states. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from ..errors import IllegalStep
from ..pdf.tally import Skipped
from .volumes import UNCUT, VolumeLimit

MB = 1_000_000  # in which sizes of files are shown


class State(StrEnum):
    """Where an export stands. It moves down this list, or ends as failed or cancelled. A failed one may go on."""

    QUEUED = "queued"  # accepted and stored
    PLANNING = "planning"  # its input is counted and cut into chunks
    RENDERING = "rendering"  # chunks become segments
    ASSEMBLING = "assembling"  # segments become the file
    READY = "ready"  # the file was seen in the bucket
    FAILED = "failed"  # with a reason that a person understands
    CANCELLED = "cancelled"  # by its owner
    EXPIRED = "expired"  # the file was kept as long as promised, then removed

    @property
    def over(self) -> bool:
        """True when no work is left to do for the export."""
        return self not in WORKING


WORKING = (State.QUEUED, State.PLANNING, State.RENDERING, State.ASSEMBLING)

FOLLOWING: Mapping[State, tuple[State, ...]] = {
    State.QUEUED: (State.PLANNING, State.FAILED, State.CANCELLED),
    State.PLANNING: (State.RENDERING, State.FAILED, State.CANCELLED),
    State.RENDERING: (State.ASSEMBLING, State.FAILED, State.CANCELLED),
    State.ASSEMBLING: (State.READY, State.FAILED, State.CANCELLED),
    State.READY: (State.EXPIRED,),
    State.FAILED: (State.EXPIRED, State.QUEUED, State.RENDERING),
    State.CANCELLED: (State.EXPIRED,),
    State.EXPIRED: (),
}
"""The states that may follow each."""


class File(msgspec.Struct, frozen=True):
    """One PDF of a result: `bytes` is its size, `first_page` counts the pages of the document from 1."""

    key: str
    name: str
    bytes: int
    first_page: int
    pages: int


class Result(msgspec.Struct, frozen=True):
    """The file: where it is and what it holds. Records in = records drawn + records skipped.

    For a document in several volumes, `key` and `name` are those of their index, and `bytes` is the size of all.
    `seconds` is how long workers drew, added up; 0 when that is not known.
    """

    key: str
    name: str
    bytes: int
    pages: int
    records: int
    drawn: int
    skipped: tuple[Skipped, ...] = ()
    skipped_count: int = 0
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    volumes: tuple[File, ...] = ()
    index: File | None = None

    @property
    def files(self) -> tuple[File, ...]:
        """Every PDF there is to fetch, the index first."""
        if self.index is None:
            return (File(self.key, self.name, self.bytes, 1, self.pages),)
        return (self.index, *self.volumes)


class Charge(msgspec.Struct, frozen=True):
    """The workers' time that an export took, and what it cost."""

    dyno_seconds: float = 0.0
    dollars: float = 0.0

    def __add__(self, other: Charge) -> Charge:
        return Charge(self.dyno_seconds + other.dyno_seconds, self.dollars + other.dollars)


class Failure(msgspec.Struct, frozen=True):
    """Why an export ended without a file, in words for its owner. `code` is the error's class name."""

    code: str
    message: str
    advice: str = ""


class Channel(StrEnum):
    """How a notice is sent."""

    MAIL = "mail"
    WEBHOOK = "webhook"


class Recipient(msgspec.Struct, frozen=True):
    """A mail address, and where the link in its mail leads: `panel` (sign in), `signed` (opens without an account),
    or a page of the caller's app, a URL with {id}. `locale` is the language of the mail; empty: as the export's."""

    to: str
    link: str = "panel"
    locale: str = ""


class Notice(msgspec.Struct, frozen=True):
    """A message to one receiver about one event: the state that the export reached."""

    number: int  # from 1, in the order of the events of the export
    channel: Channel
    to: Recipient
    event: State
    happened_at: float
    due_at: float  # since when it is tried; a replay sets it anew
    failure: Failure | None = None  # the export's, which a retry clears
    claimed_at: float | None = None  # a sender began to hand it over
    handed_over: int = 0  # times that it was handed over and no answer is known
    problem: str = ""  # why it waits, or was given up
    given_up: bool = False
    sent_at: float | None = None  # its server took it

    @property
    def over(self) -> bool:
        """True when it is sent or given up."""
        return self.given_up or self.sent_at is not None


EVENTS: Mapping[Channel, tuple[State, ...]] = {
    Channel.MAIL: (State.READY, State.FAILED),
    Channel.WEBHOOK: (State.READY, State.FAILED, State.CANCELLED, State.EXPIRED),
}


class Export(msgspec.Struct, frozen=True):
    """One request for a document with parameters. Stored as exports/<id>/export.json.

    Times are seconds since 1970.
    """

    id: str
    document: str
    params: Mapping[str, Any]
    owner: str
    created_at: float
    state: State = State.QUEUED
    recipients: tuple[Recipient, ...] = ()  # of mails
    webhook: str = ""  # the URL to which its events are sent
    return_url: str = ""  # the page of the caller's app to which its mails lead back
    notify: str | None = None  # the mail address, in exports of older versions
    subject: str = ""  # the end user of the owner who asked for it
    name: str = "document"
    request_key: str = ""  # the request that it answers (idempotency), see request.py
    fingerprint: str = ""  # of what was asked for, see request.py; empty in exports of older versions
    chunk_pages: int | None = None  # pages per chunk as the owner asked; otherwise the plan decides
    ready_by: float | None = None  # when the owner wants it; the scaler counts workers by it
    volume: VolumeLimit = UNCUT
    uploads: tuple[str, ...] = ()  # folders of files that were handed in for it, see uploads.py
    records: int = 0
    pages: int = 0
    chunks: int = 0
    started_at: float | None = None
    query_began_at: float | None = None  # when its query was begun last: whose data it shows
    query_starts: int = 0  # times that its query was begun; one that is interrupted begins again
    planned_at: float | None = None
    rendered_at: float | None = None
    finished_at: float | None = None
    result: Result | None = None
    failure: Failure | None = None
    expired_at: float | None = None
    notices: tuple[Notice, ...] = ()  # of its events so far, see notices.py
    charge: Charge | None = None  # known once the workers are gone
    charged_before: Charge | None = None  # what it was charged before it was retried
    retried_at: float | None = None  # when its owner let it go on after a failure

    @property
    def begun_at(self) -> float:
        """When the work began that is going on: the request, or the last retry."""
        return self.retried_at or self.created_at

    def retried(self, now: float, *, waits: bool = False) -> Export:
        """Return a failed export with work left: it goes on with its plan, if it has one. Raises IllegalStep.

        `waits`: it may have to wait for another one, so it is queued, and finds its plan and what is drawn later.
        The time for which it lay failed does not count: its times move on by it.
        """
        pause = now - (self.finished_at or now)
        chunks = 0 if waits else self.chunks
        return self.to(
            State.RENDERING if chunks else State.QUEUED,
            chunks=chunks,
            failure=None, finished_at=None, rendered_at=None, retried_at=now,
            started_at=self.started_at and self.started_at + pause,
            planned_at=self.planned_at and self.planned_at + pause,
            charge=None, charged_before=self.charge or self.charged_before,
        )  # fmt: skip

    def to(self, state: State, **changes: Any) -> Export:
        """Return the export one step further, with the notices about it; raises IllegalStep when there is no such
        step. A mail about the state before that was not sent yet is given up: its words are not true any more."""
        if state not in FOLLOWING[self.state]:
            raise IllegalStep(f"Export {self.id} is {self.state}; it cannot become {state}.")
        moved = replace(self, state=state, **changes)
        kept = (_outdated(notice, state) for notice in self.notices)
        return replace(moved, notices=(*kept, *_about(moved)))


Change = Callable[[Export], Export]
"""What makes a new record of one. It may be applied several times, see `ExportRepository.change`."""


def _outdated(notice: Notice, state: State) -> Notice:
    if notice.over or notice.channel is Channel.WEBHOOK:
        return notice
    return replace(notice, given_up=True, problem=f"It was not sent before the export was {state}.")


def _about(export: Export) -> tuple[Notice, ...]:
    """Return the new notices about the state of an export."""
    at = export.expired_at or export.finished_at or export.created_at
    mails = export.recipients or ((Recipient(export.notify),) if export.notify else ())
    wanted = [(Channel.MAIL, recipient) for recipient in mails]
    wanted += [(Channel.WEBHOOK, Recipient(export.webhook))] if export.webhook else []
    wanted = [(channel, to) for channel, to in wanted if export.state in EVENTS[channel]]
    return tuple(
        Notice(number, channel, to, export.state, at, at, export.failure)
        for number, (channel, to) in enumerate(wanted, len(export.notices) + 1)
    )
