"""Exports in the bucket, which is the only truth about where they stand. This module writes:

    exports/<id>/export.json         the export; changed by conditional writes; empty: given up, see Acceptance
    exports/<id>/plan.json           the plan
    exports/<id>/listing.jsonl       records that came inside the request
    exports/<id>/frozen/<id>         the snapshot: what a query or file gave, as lines; plan.json names the one used
    active/<id>                      the export has work left
    kept/<id>                        its file may exist or come; oldest first
    requests/<hash>                  the id of the export that answers a request (idempotency)
    unbilled/<id>                    the export is over, its cost is not known yet

`lists.py` names the marks below everyone/, owners/ and subjects/. Elsewhere: `tasks/join/bucket.py` writes

    exports/<id>/result/<name>.pdf                   the file, or the index of its volumes
    exports/<id>/result/<hash>-<name>-2-of-5.pdf     a volume; the hash is of what it was made from

`segments.py` writes exports/<id>/segments/, `frozen.py` exports/<id>/shares/, `measures.py` exports/<id>/measures/,
`joins.py` exports/<id>/joins/, `history.py` exports/<id>/work.json, `notices.py` unsent/<id> and unposted/<id>,
`uploads.py` handed/, used/ and inputs/uploads/, `scaler/usage.py` costs, `tasks/schedules/last_runs.py` schedules/,
`tasks/schedules/health.py` its state, `tasks/client.py` and `cli/send.py` inputs/sent/. All else below inputs/
belongs to its owner.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator

import msgspec

from ..adapters.bucket import Bucket
from ..errors import Conflict, DamagedExport, IllegalStep, NoExport, NotFound, StoreDown
from .accepting import ACTIVE, KEPT, Acceptance, export_key, listing_key
from .encoding import decode_export, decode_plan, encode
from .export import Change, Export, File, State
from .ids import is_id, new_id
from .lists import Page, Wanted, page
from .plan import Plan
from .written_once import WrittenOnce

log = logging.getLogger(__name__)
TRIES = 8  # of a conditional write; between them 20 ms, then twice as long each time
MAX_REFUSED = 3  # exports that the bucket refuses, before a walk through them ends
UNBILLED = "unbilled/"
STEP_FOLDERS = ("segments", "frozen", "shares", "measures", "joins")  # of an export, in which its steps write
_NOT_NEEDED = {State.READY: STEP_FOLDERS, State.FAILED: ("joins",)}  # of an export that ended so


class ExportRepository:
    """Reads and changes exports, one object at a time."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._acceptance = Acceptance(bucket, self.find)
        self._plans = WrittenOnce(bucket, "plan.json", decode_plan, "plan")
        self._last_export: tuple[float, Export] | None = None  # and when it was read

    def accept(self, export: Export, records: bytes | None, *, lasting: bool) -> Export:
        """Store a new export, or return the one that already answers the same request; see `Acceptance`."""
        return self._acceptance.accept(export, records, lasting=lasting)

    def load(self, export_id: str, max_age: float = 0.0) -> Export:
        """Return the export; NotFound when there is none.

        With `max_age`, it may be what the last such call returned, up to `max_age` seconds ago.
        """
        if not max_age:
            return self._read(export_id)[0]
        now = time.monotonic()
        if (last := self._last_export) and last[1].id == export_id and now - last[0] < max_age:
            return last[1]
        export = self._read(export_id)[0]
        self._last_export = now, export
        return export  # another thread may have read another one meanwhile

    def find(self, export_id: str) -> Export | None:
        """Return the export; None when there is none, or its record cannot be read."""
        try:
            return self.load(export_id)
        except (NotFound, DamagedExport):
            return None

    def change(self, export_id: str, change: Change) -> Export:
        """Apply a change to the stored export and return the new one.

        It is applied again when another process changed the export in between; perhaps to what it made itself,
        when an answer of the bucket was lost. A change that returns an equal export writes nothing; what it
        raises is passed on. Raises Conflict after eight tries.
        """
        for attempt in range(TRIES):
            export, etag = self._read(export_id)
            changed = change(export)
            if changed == export:
                return export
            try:
                self._bucket.put(export_key(export_id), encode(changed), replacing=etag)
                return changed
            except Conflict:
                time.sleep(0.02 * 2**attempt)
        raise Conflict(f"Export {export_id} is being changed by too many processes at once.")

    def active(self) -> list[str]:
        """Return the ids of exports that have work left, oldest first."""
        ids = (entry.key.removeprefix(ACTIVE) for entry in self._bucket.entries(ACTIVE))
        return [export_id for export_id in ids if is_id(export_id)]

    def close(self, export_id: str, state: State) -> None:
        """Remove unfinished uploads of an export that ended so, what it needs no more, and its active mark.

        A failed export keeps segments and files until it expires: it may be retried, also while this process is
        held up here. Then it begins another upload, also when this one aborted the one that it had begun.
        """
        for upload in self._bucket.uploads(f"exports/{export_id}/"):
            upload.abort()
        for part in _NOT_NEEDED.get(state, (*STEP_FOLDERS, "result")):
            self._bucket.delete_under(f"exports/{export_id}/{part}/")
        self._bucket.put(UNBILLED + export_id, b"")
        self._bucket.delete([ACTIVE + export_id])

    def check_closed(self, export_id: str) -> None:
        """Raise IllegalStep while an export has work left, or is not closed yet."""
        if self._bucket.head(ACTIVE + export_id):
            raise not_closed(export_id)

    def was_retried(self, closed: Export) -> bool:
        """Return whether an export was retried while the process that closed it was held up, after putting its
        active mark back: it has work left, or is over again and to be closed once more."""
        export = self.find(closed.id)
        retried = export is not None and export.retried_at != closed.retried_at
        if retried:
            self._bucket.put(ACTIVE + closed.id, b"")
        return retried

    def reopen(self, export_id: str, now: float, *, waits: bool) -> Export:
        """Let a failed export go on. Marked first: the keeper closes again what broke off in between.

        `waits`: see `Export.retried`."""
        self._bucket.put(ACTIVE + export_id, b"")
        return self.change(export_id, lambda e: e if e.retried_at == now else e.retried(now, waits=waits))

    def drop_unwritten(self, export_id: str) -> None:
        """Remove an export whose acceptance never completed; see `Acceptance`."""
        self._acceptance.drop_unwritten(export_id)

    def remove_result(self, export: Export) -> None:
        """Remove the file and the copied inputs. The export itself stays as history."""
        for part in (*STEP_FOLDERS, "result"):
            self._bucket.delete_under(f"exports/{export.id}/{part}/")
        self._bucket.delete([listing_key(export.id), f"exports/{export.id}/plan.json"])

    def missing_files(self, export: Export) -> list[File]:
        """Return the files of an export's result that are not in the bucket."""
        if export.result is None:
            return []
        there = {entry.key for entry in self._bucket.entries(f"exports/{export.id}/result/")}
        return [file for file in export.result.files if file.key not in there]

    def all(self) -> Iterator[Export]:
        """Yield every readable export, oldest first. Lists everything below exports/."""
        for entry in self._bucket.entries("exports/"):
            if entry.key.endswith("/export.json"):
                export = self.find(entry.key.split("/")[1])
                if export:
                    yield export

    def kept(self) -> Iterator[Export]:
        """Yield the exports whose files may exist or come, oldest first.

        Skips an export that the bucket refuses; raises StoreDown at the third.
        """
        refused = 0
        for entry in self._bucket.entries(KEPT):
            try:
                export = self.find(entry.key.removeprefix(KEPT))
            except StoreDown as error:
                log.warning("%s is skipped: %s", entry.key, error.message)
                refused += 1
                if refused == MAX_REFUSED:
                    raise
                continue
            if export:
                yield export

    def page(self, wanted: Wanted, limit: int, after: str | None = None) -> Page:
        """Return a page of the exports that are wanted, newest first, from the one behind the id `after` on."""
        return page(self._bucket, self.find, wanted, limit, after)

    def snapshot(self, export_id: str, pieces: Iterable[bytes]) -> str:
        """Return the key of an export's snapshot. Writes it from `pieces`, unless a complete one exists.

        Each writer has its own key: two that plan at once make two snapshots, and the plan that counts names one.
        """
        folder = f"exports/{export_id}/frozen/"
        for entry in self._bucket.entries(folder):
            return entry.key
        key = folder + new_id()
        self._bucket.write(key, pieces)
        return key

    def write_plan(self, export_id: str, plan: Plan) -> Plan:
        """Store the plan, unless there is one. Returns the plan that counts: the first that was stored."""
        return self._plans.write(export_id, plan)

    def plan(self, export_id: str) -> Plan:
        """Return the plan; NotFound before there is one."""
        if (plan := self._plans.read(export_id)) is None:
            raise NotFound(f"The plan of export {export_id} is not in the bucket.")
        return plan

    def _read(self, export_id: str) -> tuple[Export, str]:
        """Return an export and the ETag of its record."""
        stored = self._bucket.get(export_key(export_id)) if is_id(export_id) else None
        if stored is None or not stored.data:
            raise NoExport(f"There is no export {export_id}.")
        try:
            return decode_export(stored.data), stored.etag
        except msgspec.DecodeError as error:
            raise DamagedExport(f"The record of export {export_id} cannot be read: {error}.") from error


def not_closed(export_id: str) -> IllegalStep:
    """Return the error for an export that is over and still being closed, or is not over."""
    return IllegalStep(f"Export {export_id} is not closed yet.", advice="Try again in a minute.")
