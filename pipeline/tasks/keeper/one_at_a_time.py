"""Documents of which one export is made at a time (`register(…, exclusive=…)`). The leading keeper decides.

An export of such a document is not planned when it is requested: the keeper starts it when it is the oldest of its
document that has work left. What it remembers is which exports are at work; a new leader finds them in the bucket.
Until it has read all that had work left when it began to lead, it starts none: one of them may be at work.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import Enum

from ... import documents
from ...exports.export import Export, State

UNREAD_SECONDS = 300.0  # for which a new leader waits for records that the bucket refuses; workers get none either


class Verdict(Enum):
    """What becomes of an export now."""

    GO = "go"  # it is at work, or may begin
    WAIT = "wait"  # another export of its document is at work
    SKIP = "skip"  # the same, and its document is not queued


class OneAtATime:
    """Which export is at work, by document."""

    def __init__(self) -> None:
        self._at_work: dict[str, str] = {}
        self._unread: set[str] | None = None  # of the exports that had work left at the first turn
        self._since = time.monotonic()
        self.knows_all = True  # False while a new leader has not read all

    def keep(self, active: Sequence[str]) -> None:
        """Begin a turn: forget the exports that have no work left. `active` are those that have some."""
        self._at_work = {document: each for document, each in self._at_work.items() if each in active}
        self._unread = set(active) if self._unread is None else self._unread.intersection(active)
        self.knows_all = not self._unread or time.monotonic() - self._since >= UNREAD_SECONDS

    def note_read(self, export_id: str) -> None:
        """Note that an export is known, or that it has no record yet."""
        if self._unread:
            self._unread.discard(export_id)

    def verdict(self, export: Export) -> Verdict:
        """Return what becomes of an export."""
        self.note_read(export.id)
        how = documents.exclusive(export.document)
        if how is None:
            return Verdict.GO
        if export.state.over:
            if self._at_work.get(export.document) == export.id:
                del self._at_work[export.document]
            return Verdict.GO
        if export.state is not State.QUEUED:
            self._at_work[export.document] = export.id
        elif export.document not in self._at_work and not self.knows_all:
            return Verdict.WAIT
        if self._at_work.setdefault(export.document, export.id) == export.id:
            return Verdict.GO
        return Verdict.SKIP if how == "skip" else Verdict.WAIT

    def other(self, export: Export) -> str | None:
        """Return the export for which this one waits; None while that is not known."""
        return self._at_work.get(export.document)
