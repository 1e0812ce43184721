"""Acceptance: a request is stored completely or not at all, and equal requests get one export.

It takes several writes, and may break off or be held up between any two of them. What it wrote counts once the
record is there. The same request completes it. What stays incomplete is given up: an empty record takes the place
of the one that did not come, so that it cannot come any more. Only then does the keeper remove the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec.structs import replace

from ..adapters.bucket import Bucket
from ..errors import Conflict
from .encoding import encode
from .export import Export
from .ids import created, new_id
from .lists import marks

ACTIVE, KEPT, REQUESTS = "active/", "kept/", "requests/"
CLAIM_GRACE = 60.0  # seconds after which an acceptance that is not complete is given up
DAY = 86400.0  # seconds after which it is forgotten when a mark was seen first
CLAIM_TRIES = 6  # of a claim, 1.2 s in all: a web thread waits meanwhile


class Acceptance:
    """Stores new exports. `find` returns the export of an id, None if it has no record that can be read."""

    def __init__(self, bucket: Bucket, find: Callable[[str], Export | None]) -> None:
        self._bucket = bucket
        self._find = find
        self._unwritten: dict[str, tuple[float, float]] = {}  # by export: its active mark's time, seen first when

    def accept(self, export: Export, records: bytes | None, *, lasting: bool) -> Export:
        """Store a new export, or return the one that already answers the same request.

        `records` are JSON lines that came inside the request. A `lasting` request key (the caller's own idempotency
        key) always gives the same export; any other key only while that export is not over.

        An acceptance that broke off is completed under the id that it began with. When another process completes it
        at the same moment, the export that was stored first counts. One that was held up, and given up meanwhile,
        gets another id. Raises Conflict while the records of another request with the same key are there.
        """
        for attempt in range(CLAIM_TRIES):
            time.sleep(0.02 * 2**attempt if attempt else 0.0)
            claimed = self._claim(export, lasting)
            if isinstance(claimed, Export):
                return claimed
            if claimed and (accepted := self._complete(replace(export, id=claimed), records)):
                return accepted
            if claimed == export.id:
                export = replace(export, id=new_id())
        raise Conflict("The same request is being accepted at this moment. Send it again in a minute.")

    def drop_unwritten(self, export_id: str) -> None:
        """Remove what there is of an export without a record, when for CLAIM_GRACE nothing of it was written.

        That time is measured here, since the clock of the bucket may be another: from the moment at which this
        process first saw the active mark as it is now.
        """
        if (entry := self._bucket.head(ACTIVE + export_id)) is None:
            return
        now = time.monotonic()
        self._unwritten = {each: seen for each, seen in self._unwritten.items() if now - seen[1] < DAY}
        modified, since = self._unwritten.get(export_id, (0.0, now))
        if modified != entry.modified:
            self._unwritten[export_id] = entry.modified, now
        elif now - since >= CLAIM_GRACE and self._give_up(export_id):
            record = export_key(export_id)
            folder = (each.key for each in self._bucket.entries(f"exports/{export_id}/"))
            self._bucket.delete(key for key in folder if key != record)
            self._bucket.delete([KEPT + export_id, ACTIVE + export_id])

    def _claim(self, export: Export, lasting: bool) -> Export | str | None:
        """Claim the request key for a new export.

        Returns the export that answers the request already; otherwise the id to complete: that of an acceptance
        which began less than CLAIM_GRACE ago, or the new one. None when it must be tried again.
        """
        key = _claim_key(export)
        try:
            self._bucket.put(key, export.id.encode(), new=True)
            return export.id
        except Conflict:
            claim = self._bucket.get(key)
        if claim is None:
            return None
        claimed = claim.data.decode()
        answer = self._find(claimed)
        if answer and (lasting or not answer.state.over):
            return answer
        if answer is None:
            if time.time() - created(claimed) < CLAIM_GRACE:
                return claimed
            if not self._give_up(claimed):
                return None
        try:
            self._bucket.put(key, export.id.encode(), replacing=claim.etag)
            return export.id
        except Conflict:
            return None

    def _complete(self, export: Export, records: bytes | None) -> Export | None:
        """Write what a new export consists of; several processes may do so at once.

        Returns the export that was stored first; None if the records of another request are there, or it was given
        up: the same request may have been accepted under another id.
        """
        if not self._put_all_but_the_record(export, records):
            return None
        try:
            self._bucket.put(export_key(export.id), encode(export), new=True)
            return export
        except Conflict:
            first = self._find(export.id)
        if first is None:
            keys = (listing_key(export.id), KEPT + export.id, ACTIVE + export.id)
            self._bucket.delete((*keys, *marks(export)))
        return first

    def _give_up(self, export_id: str) -> bool:
        """Put an empty record in the place of one that did not come. Returns False if it came."""
        try:
            self._bucket.put(export_key(export_id), b"", new=True)
        except Conflict:  # it is empty already, it cannot be read, or it came
            return self._find(export_id) is None
        return True

    def _put_all_but_the_record(self, export: Export, records: bytes | None) -> bool:
        """Write marks and records. Returns False if the records of another request are there."""
        self._bucket.put(ACTIVE + export.id, b"")
        self._bucket.put(KEPT + export.id, b"")
        for mark in marks(export):
            self._bucket.put(mark, b"")
        return records is None or self._put_listing(export.id, records)

    def _put_listing(self, export_id: str, records: bytes) -> bool:
        """Write the records of a request. Returns False if others are there."""
        key = listing_key(export_id)
        try:
            self._bucket.put(key, records, content_type="application/jsonl", new=True)
            return True
        except Conflict:
            stored = self._bucket.get(key)
        return stored is not None and stored.data == records


def listing_key(export_id: str) -> str:
    """Return the key of the records that came inside a request."""
    return f"exports/{export_id}/listing.jsonl"


def export_key(export_id: str) -> str:
    """Return the key of the record of an export."""
    return f"exports/{export_id}/export.json"


def _claim_key(export: Export) -> str:
    return REQUESTS + export.request_key
