"""When each schedule ran last: schedules/<name> in the bucket, so that a wiped Redis repeats nothing.

An interval below an hour is kept in Redis: a write a minute would be paid, and one run more does no harm.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

import msgspec

from ...exports.stores import Stores
from ...exports.views import moment
from .entries import Entry, entries


class LastRun(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a schedule stands. Times are seconds since 1970.

    `done`: everything that was due until then is done. `began`: a run began then, and its end is not noted.
    `ran`: the last run, `outcome` in words; `problem`: why it failed, or is tried again. `export`: what it started.
    """

    done: float
    began: float | None = None
    ran: float | None = None
    outcome: str = ""
    problem: str = ""
    export: str = ""


class LastRuns:
    """Reads and writes the last runs. A write fails with Conflict when another process wrote first."""

    def __init__(self, stores: Stores) -> None:
        self._bucket = stores.bucket
        self._redis = stores.redis

    def load(self, entry: Entry) -> tuple[LastRun | None, str | None]:
        """Return the last run and its ETag; None before the first, or when the record cannot be read."""
        if entry.is_short:
            text = self._redis.decisions.last_run(entry.name)
            return _decoded(text), None
        stored = self._bucket.get(f"schedules/{entry.name}")
        return (_decoded(stored.data), stored.etag) if stored else (None, None)

    def save(self, entry: Entry, run: LastRun, etag: str | None) -> str | None:
        """Write a record in place of the one with this ETag. Returns the new ETag."""
        data = msgspec.json.encode(run)
        if entry.is_short:
            self._redis.decisions.note_run(entry.name, data)
            return None
        return self._bucket.put(f"schedules/{entry.name}", data, new=etag is None, replacing=etag)


_decoder = msgspec.json.Decoder(LastRun)


def _decoded(data: bytes | str | None) -> LastRun | None:
    try:
        return _decoder.decode(data) if data else None
    except msgspec.DecodeError:
        return None


@dataclass(frozen=True)
class Standing:
    """An entry as people see it. `next` is in the past when it is due."""

    name: str
    task: str
    times: str
    next: datetime
    last: datetime | None
    outcome: str
    problem: str


def standings(stores: Stores) -> list[Standing]:
    """Return all entries with their last and next runs."""
    runs, now, found = LastRuns(stores), time.time(), []
    for entry in entries(stores.settings):
        last = runs.load(entry)[0] or LastRun(done=now)
        following = entry.next_run(last.done)
        ran = None if last.ran is None else moment(last.ran)
        standing = Standing(entry.name, entry.task, entry.words, moment(following), ran, last.outcome, last.problem)
        found.append(standing)
    return found
