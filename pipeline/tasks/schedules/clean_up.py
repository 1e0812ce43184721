"""Removes old files, and what arrived after an export was closed. A schedule: every six hours."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from math import ceil
from typing import TypeVar
from zlib import crc32

from ...adapters.bucket import Bucket
from ...errors import PipelineError
from ...exports import audit
from ...exports.accepting import KEPT
from ...exports.export import WORKING, Channel, Export, State
from ...exports.ids import new_id
from ...exports.late import kept_ids, late_uploads, leftovers
from ...exports.notices import mark, mark_unsent
from ...exports.repository import MAX_REFUSED, ExportRepository
from ...exports.uploads import expired, release, remove_expired
from ...settings import Settings
from .entries import CLEAN_HOURS

log = logging.getLogger(__name__)
T = TypeVar("T")
LATE_EXPORTS = 1200  # looked at in one clean-up for late objects, about: each costs a listing
CLEAN_SECONDS = 3600 * CLEAN_HOURS


class CleanUp:
    """One bad export or input does not stop the others: it is tried again at the next clean-up."""

    def __init__(self, bucket: Bucket, exports: ExportRepository, settings: Settings) -> None:
        self._bucket = bucket
        self._exports = exports
        self._settings = settings

    def run(self) -> None:
        """Clean up. Raises PipelineError at the third item that cannot be cleaned up: the bucket may be down."""
        _each(self._old(), self._expire)
        _each(expired(self._bucket, self._settings.input_seconds), self._remove_unused)
        _each(late_uploads(self._bucket), lambda upload: upload.abort())
        _each(self._closed(), self._remove_late)

    def _old(self) -> Iterable[Export]:
        """Yield the exports that are over, older than KEEP_DAYS, and not removed yet."""
        youngest = time.time() - self._settings.keep_seconds
        for export in self._exports.kept():
            if export.created_at > youngest:
                return  # they come in order of age: all others are younger
            if export.state.over:
                yield export

    def _expire(self, export: Export) -> None:
        """Remove the files; the record stays. It says so first: a failed export may be retried until then. The
        mark goes last: whenever this breaks off, the next clean-up goes on."""
        now = time.time()
        if export.webhook:  # before and after: whenever this breaks off, the event is found
            mark(self._bucket, export.id, Channel.WEBHOOK)
        expired = self._exports.change(
            export.id, lambda e: e if e.state is State.EXPIRED else e.to(State.EXPIRED, expired_at=now)
        )
        mark_unsent(self._bucket, expired, mails=False)
        if expired.expired_at == now:
            audit.note("expired", expired)
        self._exports.remove_result(expired)
        release(self._bucket, expired)
        self._bucket.delete([KEPT + export.id])

    def _remove_unused(self, file_id: str) -> None:
        """Remove a file that was handed in and never used."""
        if remove_expired(self._bucket, file_id):
            log.info("keeper: the input %s is removed: no export used it", file_id)

    def _closed(self) -> list[str]:
        """Return the exports that may have been closed since the last clean-up; of many, a share each time.

        The clock says which share it is, since the last clean-up may have been that of another process.
        """
        now = time.time()
        ids = kept_ids(self._bucket, new_id(now - self._settings.export_deadline - 2 * CLEAN_SECONDS))
        shares, turn = max(1, ceil(len(ids) / LATE_EXPORTS)), int(now // CLEAN_SECONDS)
        active = set(self._exports.active())  # listed last: a new export is marked active before it is kept
        return [each for each in ids if (crc32(each.encode()) - turn) % shares == 0 and each not in active]

    def _remove_late(self, export_id: str) -> None:
        """Remove what a slow worker stored after its export was closed."""
        late = leftovers(self._bucket, export_id)
        if late and self._exports.load(export_id).state not in (*WORKING, State.FAILED):  # those need them
            self._bucket.delete(late)
            log.info("keeper: export %s: %d objects that came late are removed", export_id, len(late))


def _each(items: Iterable[T], act: Callable[[T], None]) -> None:
    """Do this for each item. Logs an error and goes on; raises the third one."""
    refused = 0
    for item in items:
        try:
            act(item)
        except PipelineError as error:
            refused += 1
            if refused == MAX_REFUSED:
                raise
            log.warning("keeper: something is cleaned up later: %s", error.message)
