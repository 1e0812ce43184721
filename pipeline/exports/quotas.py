"""How many exports an owner, and a subject of it, may have at once and request in an hour.

They are counted in Redis; whether one still runs, its record in the bucket says. While Redis is down no request
is refused, and after it was wiped only new exports count.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from math import ceil

import msgspec

from ..adapters.redis.quotas import HOUR
from ..errors import QuotaReached, RedisDown, StoreDown
from ..settings import Settings
from .accepting import REQUESTS
from .export import Export
from .ids import created
from .stores import Stores

AGAIN_SECONDS = 30  # when a caller with too many running exports should try again
ACCEPTING_SECONDS = 60.0  # for which an export without a record may be about to be stored


@dataclass(frozen=True)
class Quota:
    """How many exports may run at once, and be requested in an hour; 0: any number."""

    running: int = 0
    per_hour: int = 0


@dataclass(frozen=True)
class Quotas:
    """The quota of each owner, and that of each of its subjects."""

    owner: Quota = Quota()
    subject: Quota = Quota()

    @classmethod
    def of(cls, settings: Settings) -> Quotas:
        """Return those that the settings name."""
        s = settings
        return cls(Quota(s.owner_running, s.owner_per_hour), Quota(s.subject_running, s.subject_per_hour))


UNLIMITED = Quotas()


@dataclass
class Admission:
    """A place for an export that is being accepted, given back unless it is `kept`: an earlier export that answers
    the same request has a place already."""

    kept: bool = False


@contextmanager
def admitted(stores: Stores, export: Export, quotas: Quotas, *, lasting: bool = False) -> Iterator[Admission]:
    """Hold a place for an export while it is accepted. Raises QuotaReached, but for a request that was answered.

    `lasting`: the export that answers it may be over.
    """
    admission, held = Admission(), list[str]()
    try:
        with suppress(RedisDown):
            _enter(stores, export, quotas, held)
    except QuotaReached:
        _leave(stores, export, held)
        if not _is_answered(stores, export, lasting):
            raise
        held = []
    try:
        yield admission
    finally:
        if not admission.kept:
            _leave(stores, export, held)


def _enter(stores: Stores, export: Export, quotas: Quotas, held: list[str]) -> None:
    """Take a place for the owner and for the subject; `held` gets the keys. Raises QuotaReached."""
    now = time.time()
    whose = [(quotas.owner, export.owner, _key(export.owner))]
    if export.subject:
        whose.append((quotas.subject, export.subject, _key(export.owner, export.subject)))
    for quota, name, who in whose:
        if quota == Quota():
            continue
        held.append(who)
        found = stores.redis.quotas.enter(who, export.id, now, running=bool(quota.running))
        if quota.per_hour and found.in_an_hour > quota.per_hour:
            words = f"{name} has requested as many exports within an hour as it may: {quota.per_hour:,}."
            raise QuotaReached(words, max(1, ceil(found.first_at + HOUR - now)))
        surplus = len(found.running) - quota.running if quota.running else 0
        if surplus > 0:
            # The oldest first, and no more than make room: each is a request to the bucket.
            others = (each for each in found.running if each != export.id and not _runs(stores, each))
            over = list(islice(others, surplus))
            stores.redis.quotas.note_over(who, over)
            if len(over) < surplus:
                words = f"{name} has as many exports at work as it may have at once: {quota.running:,}."
                raise QuotaReached(words, AGAIN_SECONDS)


def _leave(stores: Stores, export: Export, held: list[str]) -> None:
    """Give the places back. One that is retried was requested before, and still counts in its hour."""
    counted = export.state.over and time.time() - created(export.id) < HOUR
    with suppress(RedisDown):
        for who in held:
            if counted:
                stores.redis.quotas.note_over(who, [export.id])
            else:
                stores.redis.quotas.leave(who, export.id)


def _is_answered(stores: Stores, export: Export, lasting: bool) -> bool:
    """Return whether an earlier export answers the same request. None does for one that is over: it is retried."""
    if export.state.over:
        return False
    claim = stores.bucket.get(REQUESTS + export.request_key)
    found = stores.exports.find(claim.data.decode()) if claim else None
    return found is not None and (lasting or not found.state.over)


def _runs(stores: Stores, export_id: str) -> bool:
    """Return whether an export is at work or about to be stored; also of one that the bucket refuses."""
    try:
        export = stores.exports.find(export_id)
    except StoreDown:
        return True
    return not export.state.over if export else time.time() - created(export_id) < ACCEPTING_SECONDS


def _key(*names: str) -> str:
    return hashlib.sha256(msgspec.json.encode(names)).hexdigest()[:32]
