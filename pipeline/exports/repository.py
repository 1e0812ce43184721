"""Where an export stands. The bucket is the truth, and what is kept there is written in one file each. In this one:

    active/<id>                                         work is left for this export
    requests/<hash>                                     which export answers a request (idempotency)
    owners/<hash>/<turned id>                           whose exports are whose, newest first
    kept/<id>                                           its file may be there, or come; oldest first
    exports/<id>/export.json                            the export; changed by conditional write
    exports/<id>/listing.jsonl                          records that came inside the request
    exports/<id>/frozen/<id>                            what a query or file gave, as lines; plan.json names the one
    exports/<id>/plan.json                              the cut
    unbilled/<id>                                       over, but what it cost is not known yet

In `tasks/assemble.py`:

    exports/<id>/result/<name>.pdf                      the file, or the index of its volumes
    exports/<id>/result/<hash>-<name>-2-of-5.pdf        a volume; the hash is of what it was made from

In `segments.py`: exports/<id>/segments/. In `accounts.py`: what workers are paid, and what they taught.
All below inputs/ is its owner's affair.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import msgspec

from ..adapters.bucket.bucket import S3Bucket
from ..errors import Conflict, DamagedExport, NoExport, NotFound
from .export import Export, File, State
from .ids import created, descending, is_id, new_id
from .plan import Plan

CLAIM_GRACE = 60.0  # an accepted request is written down completely within this time, or never
TRIES = 8
UNBILLED = "unbilled/"


class ExportRepository:
    """Reading and changing exports, one object at a time."""

    def __init__(self, bucket: S3Bucket) -> None:
        self._bucket = bucket
        self._last_plan: tuple[str, Plan] | None = None  # it never changes, and every chunk asks for it
        self._last_export: tuple[float, Export] | None = None

    # exports

    def accept(self, export: Export, records: bytes | None, *, lasting: bool) -> Export:
        """Write a new export down, or return the one that already answers the same request.

        A `lasting` request key (the caller's own idempotency key) always gives the same export; another
        one only while that export is not over.
        """
        existing = self._claim(export, lasting)
        if existing:
            return existing
        self._bucket.put(f"active/{export.id}", b"")
        self._bucket.put(f"kept/{export.id}", b"")
        self._bucket.put(_owner_prefix(export.owner) + descending(export.id), b"")
        if records is not None:
            self._bucket.put(listing_key(export.id), records, content_type="application/jsonl")
        self._bucket.put(_export_key(export.id), export.encode(), new=True)
        return export

    def load(self, export_id: str) -> Export:
        """The export; NotFound when there is none."""
        return self._read(export_id)[0]

    def known(self, export_id: str) -> Export | None:
        """The export; None when there is none, or its record cannot be read."""
        try:
            return self.load(export_id)
        except (NotFound, DamagedExport):
            return None

    def lately(self, export_id: str, seconds: float) -> Export:
        """The export as it is, or was when this process asked last, at most so long ago."""
        now = time.monotonic()
        if (last := self._last_export) and last[1].id == export_id and now - last[0] < seconds:
            return last[1]
        self._last_export = now, self.load(export_id)
        return self._last_export[1]

    def change(self, export_id: str, step: Callable[[Export], Export]) -> Export:
        """Apply a step to the newest version; repeated when somebody else was faster.

        A step that returns the same export writes nothing. What it raises is passed on.
        """
        for attempt in range(TRIES):
            export, etag = self._read(export_id)
            changed = step(export)
            if changed == export:
                return export
            try:
                self._bucket.put(_export_key(export_id), changed.encode(), replacing=etag)
            except Conflict:
                time.sleep(0.02 * 2**attempt)
                continue
            return changed
        raise Conflict(f"Export {export_id} is being changed by too many at once.")

    def active(self) -> list[str]:
        """Ids of exports for which work is left."""
        ids = (entry.key.removeprefix("active/") for entry in self._bucket.entries("active/"))
        return [export_id for export_id in ids if is_id(export_id)]

    def close(self, export_id: str, *, keep: bool = True) -> None:
        """Nothing is left to do: remove segments and broken-off uploads, then the mark that says there is.

        Without `keep`, volumes that were made before it ended go as well.
        """
        for upload in self._bucket.uploads(f"exports/{export_id}/"):
            upload.abort()
        for part in ("segments", "frozen") if keep else ("segments", "frozen", "result"):
            self._bucket.delete_under(f"exports/{export_id}/{part}/")
        self._bucket.put(UNBILLED + export_id, b"")
        self._bucket.delete([f"active/{export_id}"])

    def drop_unwritten(self, export_id: str) -> None:
        """Remove the mark of a request whose acceptance broke off, once it cannot be going on any more."""
        entry = self._bucket.head(f"active/{export_id}")
        if entry and time.time() - entry.modified > CLAIM_GRACE:
            self._bucket.delete_under(f"exports/{export_id}/")
            self._bucket.delete([f"kept/{export_id}", f"active/{export_id}"])

    def remove_result(self, export: Export) -> None:
        """Remove the file and the inputs that were copied; the export itself stays as history."""
        for part in ("result", "segments", "frozen"):
            self._bucket.delete_under(f"exports/{export.id}/{part}/")
        self._bucket.delete([listing_key(export.id), f"exports/{export.id}/plan.json"])

    def missing(self, export: Export) -> list[File]:
        """The files of its result that are not in the bucket."""
        if export.result is None:
            return []
        there = {entry.key for entry in self._bucket.entries(f"exports/{export.id}/result/")}
        return [file for file in export.result.files if file.key not in there]

    def all(self) -> Iterator[Export]:
        """Every export that can be read, in the order of time, from a listing of everything below exports/."""
        for entry in self._bucket.entries("exports/"):
            if entry.key.endswith("/export.json"):
                export = self.known(entry.key.split("/")[1])
                if export:
                    yield export

    def kept(self) -> Iterator[Export]:
        """Exports that have not expired, in the order of time; the marks of those that have are removed."""
        for entry in self._bucket.entries("kept/"):
            export = self.known(entry.key.removeprefix("kept/"))
            if export and export.state is State.EXPIRED:
                self._bucket.delete([entry.key])
            elif export:
                yield export

    def of(self, owner: str, limit: int) -> list[Export]:
        """The newest exports of one person, newest first, from one listing of no more than those."""
        newest = islice(self._bucket.entries(_owner_prefix(owner), at_once=limit), limit)
        found = [self.known(descending(entry.key.rsplit("/", 1)[1])) for entry in newest]
        return [export for export in found if export]

    # plans

    def freeze(self, export_id: str, pieces: Iterable[bytes]) -> str:
        """The key of an export's frozen listing, which is written unless a complete one is there.

        Each writer has a key of its own: two that plan at once make two listings, and the plan that counts
        names one of them.
        """
        folder = f"exports/{export_id}/frozen/"
        for entry in self._bucket.entries(folder):
            return entry.key
        key = folder + new_id()
        self._bucket.write(key, pieces)
        return key

    def write_plan(self, export_id: str, plan: Plan) -> Plan:
        """Write the cut down; the one that counts, which is the first that was written."""
        try:
            self._bucket.put(f"exports/{export_id}/plan.json", plan.encode(), new=True)
        except Conflict:
            return self.plan(export_id)
        return plan

    def plan(self, export_id: str) -> Plan:
        """The cut; NotFound before it was planned."""
        last = self._last_plan
        if last and last[0] == export_id:
            return last[1]
        stored = self._bucket.get(f"exports/{export_id}/plan.json")
        if stored is None:
            raise NotFound(f"Export {export_id} has no plan yet.")
        try:
            self._last_plan = export_id, Plan.decode(stored.data)
            return self._last_plan[1]
        except msgspec.DecodeError as error:
            raise DamagedExport(f"The plan of export {export_id} cannot be read: {error}.") from error

    # who asked for what

    def _claim(self, export: Export, lasting: bool) -> Export | None:
        key = f"requests/{export.request_key}"
        for attempt in range(TRIES):
            try:
                self._bucket.put(key, export.id.encode(), new=True)
                return None
            except Conflict:
                claim = self._bucket.get(key)
            if claim is None:
                continue
            answer = self.known(claim.data.decode())
            if answer and (lasting or not answer.state.over):
                return answer
            if answer is None and time.time() - created(claim.data.decode()) < CLAIM_GRACE:
                time.sleep(0.02 * 2**attempt)  # its acceptance is going on at this moment
                continue
            try:
                self._bucket.put(key, export.id.encode(), replacing=claim.etag)
                return None
            except Conflict:
                continue
        raise Conflict("The same request is being accepted at this moment; ask again in a minute.")

    def _read(self, export_id: str) -> tuple[Export, str]:
        stored = self._bucket.get(_export_key(export_id)) if is_id(export_id) else None
        if stored is None:
            raise NoExport(f"There is no export {export_id}.")
        try:
            return Export.decode(stored.data), stored.etag
        except msgspec.DecodeError as error:
            raise DamagedExport(f"The record of export {export_id} cannot be read: {error}.") from error


def listing_key(export_id: str) -> str:
    """Where records that came inside a request are kept."""
    return f"exports/{export_id}/listing.jsonl"


def _owner_prefix(owner: str) -> str:
    return f"owners/{hashlib.sha256(owner.encode()).hexdigest()[:32]}/"


def _export_key(export_id: str) -> str:
    return f"exports/{export_id}/export.json"
