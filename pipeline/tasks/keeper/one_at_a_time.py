"""Documents of which one export is made at a time (`register(…, exclusive=…)`). The leading keeper decides.

An export of such a document is not planned when it is requested: the keeper starts it when it is the oldest of its
document that has work left. What it remembers is which exports are at work; a new leader finds them in the bucket.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from ... import documents
from ...exports.export import Export, State


class Verdict(Enum):
    """What becomes of an export now."""

    GO = "go"  # it is at work, or may begin
    WAIT = "wait"  # another export of its document is at work
    SKIP = "skip"  # the same, and its document is not queued


class OneAtATime:
    """Which export is at work, by document. Exports must be asked about in the order of their age."""

    def __init__(self) -> None:
        self._at_work: dict[str, str] = {}

    def keep(self, active: Sequence[str]) -> None:
        """Forget the exports that have no work left."""
        self._at_work = {document: each for document, each in self._at_work.items() if each in active}

    def verdict(self, export: Export) -> Verdict:
        """Return what becomes of an export."""
        how = documents.exclusive(export.document)
        if how is None:
            return Verdict.GO
        if export.state.over:
            if self._at_work.get(export.document) == export.id:
                del self._at_work[export.document]
            return Verdict.GO
        if export.state is not State.QUEUED:
            self._at_work[export.document] = export.id
        if self._at_work.setdefault(export.document, export.id) == export.id:
            return Verdict.GO
        return Verdict.SKIP if how == "skip" else Verdict.WAIT

    def other(self, export: Export) -> str:
        """Return the export for which this one waits."""
        return self._at_work[export.document]
