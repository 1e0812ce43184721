"""Export, Chunk and State: frozen values and the legal steps between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from ..errors import IllegalStep
from ..pdf.tally import Skipped
from .volumes import UNCUT, VolumeLimit


class State(StrEnum):
    """Where an export stands; it only ever moves to the right, or out."""

    QUEUED = "queued"  # accepted and written down
    PLANNING = "planning"  # counting, cutting into chunks
    RENDERING = "rendering"  # chunks become segments
    ASSEMBLING = "assembling"  # segments become the file
    READY = "ready"  # the file was seen to exist
    FAILED = "failed"  # with a reason a person understands
    CANCELLED = "cancelled"  # by whoever asked for it
    EXPIRED = "expired"  # the file was kept as long as promised, and removed

    @property
    def over(self) -> bool:
        """True when no work is left to be done for it."""
        return self not in WORKING


WORKING = (State.QUEUED, State.PLANNING, State.RENDERING, State.ASSEMBLING)

STEPS: Mapping[State, tuple[State, ...]] = {
    State.QUEUED: (State.PLANNING, State.FAILED, State.CANCELLED),
    State.PLANNING: (State.RENDERING, State.FAILED, State.CANCELLED),
    State.RENDERING: (State.ASSEMBLING, State.FAILED, State.CANCELLED),
    State.ASSEMBLING: (State.READY, State.FAILED, State.CANCELLED),
    State.READY: (State.EXPIRED,),
    State.FAILED: (State.EXPIRED,),
    State.CANCELLED: (State.EXPIRED,),
    State.EXPIRED: (),
}


@dataclass(frozen=True)
class File:
    """One PDF of a result. Pages of the document are counted from 1."""

    key: str
    name: str
    bytes: int
    first_page: int
    pages: int


@dataclass(frozen=True)
class Result:
    """The file: where it is and what it holds. Records in = records drawn + records skipped.

    When it was cut into volumes, `key` and `name` are those of their index, and `bytes` is what all of them
    have together.
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
    seconds: float = 0.0  # that workers drew, all together; 0 when it is not known
    volumes: tuple[File, ...] = ()
    index: File | None = None

    @property
    def files(self) -> tuple[File, ...]:
        """Every PDF there is to fetch; the index stands first."""
        if self.index is None:
            return (File(self.key, self.name, self.bytes, 1, self.pages),)
        return (self.index, *self.volumes)


@dataclass(frozen=True)
class Charge:
    """What an export took of the workers' time, and what that cost."""

    dyno_seconds: float = 0.0
    dollars: float = 0.0


@dataclass(frozen=True)
class Failure:
    """Why an export ended without a file, in words for the person who asked."""

    code: str
    message: str
    advice: str = ""


@dataclass(frozen=True)
class Export:
    """One request for a document with parameters. Stored as exports/<id>/export.json."""

    id: str
    document: str
    params: Mapping[str, Any]
    owner: str
    created_at: float
    state: State = State.QUEUED
    notify: str | None = None
    name: str = "document"
    request_key: str = ""  # which request it answers (idempotency), see flow.submit
    chunk_pages: int | None = None  # the person's own cut, else the plan decides
    ready_by: float | None = None  # when it is wanted; workers are counted by it
    volume: VolumeLimit = UNCUT
    records: int = 0
    pages: int = 0
    chunks: int = 0
    started_at: float | None = None
    planned_at: float | None = None
    rendered_at: float | None = None
    finished_at: float | None = None
    result: Result | None = None
    failure: Failure | None = None
    notice_claimed_at: float | None = None  # somebody began to send the one message
    notified_at: float | None = None  # it was sent
    charge: Charge | None = None  # known when the workers are gone

    def to(self, state: State, **changes: Any) -> Export:
        """The same export one step on; raises IllegalStep when there is no such step."""
        if state not in STEPS[self.state]:
            raise IllegalStep(f"Export {self.id} is {self.state}; it cannot become {state}.")
        return dataclasses.replace(self, state=state, **changes)

    def encode(self) -> bytes:
        """The JSON that is stored."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Export:
        """The export from its JSON; raises msgspec.ValidationError when it is not one."""
        return _decoder.decode(data)


# Made here, while there is one thread: msgspec 0.22.0 crashes when several threads are the first to decode a type.
_decoder = msgspec.json.Decoder(Export)
