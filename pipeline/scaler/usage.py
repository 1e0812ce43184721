"""The usage log: what the scaler keeps in the bucket.

    workers/<milliseconds>-<workers>-<picodollars>    workers from then on, and the price of a second; inside: why
    charges.json                                      what each export of the last period is to pay
    learned.json                                      seconds of pages, chunks and boots, learned lately

Only this module writes these keys. The marks `unbilled/<id>` belong to the repository, which sets one when it
closes an export; this module reads and removes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec
from msgspec.structs import replace

from ..adapters.bucket import Bucket
from ..errors import DamagedExport, NoExport, PipelineError
from ..exports.export import Charge, Export
from ..exports.repository import UNBILLED, ExportRepository

PICO = 10**12
_CHANGE = re.compile(r"workers/([0-9]{13})-([0-9]+)-([0-9]+)")


class Due(msgspec.Struct, frozen=True):
    """What an export is to pay in all, and when the work began that it pays for last, see `Export.begun_at`."""

    charge: Charge | None  # None where workers are not scaled
    begun_at: float


_due = msgspec.json.Decoder(dict[str, Due])  # made while there is one thread, see exports/encoding.py


class UsageLog:
    """How many workers were paid, what exports cost, and what they taught."""

    def __init__(self, bucket: Bucket, exports: ExportRepository) -> None:
        self._bucket = bucket
        self._exports = exports

    def marked(self) -> dict[str, float]:
        """Return the exports that may be over and not charged yet, oldest first, and when each ended last."""
        return {entry.key.removeprefix(UNBILLED): entry.modified for entry in self._bucket.entries(UNBILLED)}

    def is_marked(self, export_id: str) -> bool:
        """Return whether an export was over and is not charged yet."""
        return self._bucket.head(UNBILLED + export_id) is not None

    def unbilled(self, export_id: str) -> Export | None:
        """Return an export that is marked, if it is over and not charged yet.

        Removes the mark of one that cannot be read, or was closed again after it was charged.
        """
        export = self._exports.find(export_id)
        if export and export.charge is None:
            return export if export.state.over else None
        self._bucket.delete([UNBILLED + export_id])
        return None

    def ended(self, export_id: str) -> Export | None:
        """Return an export that is over; None if it is not, or cannot be read: it teaches later, or nothing."""
        try:
            export = self._exports.find(export_id)
        except PipelineError:
            return None
        return export if export and export.state.over else None

    def bill(self, export_id: str, due: Due) -> Export | None:
        """Write an export's charge and remove its mark. Returns the export; None if it is not there any more.

        Doing it again changes nothing. An export that was retried since keeps its mark, for its new work.
        """

        def change(export: Export) -> Export:
            if export.begun_at != due.begun_at:
                return replace(export, charged_before=due.charge)
            return replace(export, charge=due.charge)

        try:
            export = self._exports.change(export_id, change)
        except (NoExport, DamagedExport):
            export = None
        if export is None or export.begun_at == due.begun_at:
            self._bucket.delete([UNBILLED + export_id])
        return export

    def due(self) -> dict[str, Due]:
        """Return what is left of the last period to be charged, by export."""
        stored = self._bucket.get("charges.json")
        try:
            saved = _due.decode(stored.data) if stored else {}
        except msgspec.DecodeError:
            return {}
        return {export_id: saved[export_id] for export_id in self.marked() if export_id in saved}

    def save_due(self, due: Mapping[str, Due]) -> None:
        """Save what the exports of a period are to pay, before the first is charged."""
        self._bucket.put("charges.json", msgspec.json.encode(due))

    def note_workers(self, at: float, workers: int, price: float, why: str) -> None:
        """Write down the number of workers from `at` on, each at `price` dollars a second."""
        key = f"workers/{int(at * 1000):013d}-{workers}-{round(price * PICO)}"
        self._bucket.put(key, why.encode(), content_type="text/plain; charset=utf-8")

    def workers_since(self, at: float) -> Iterator[tuple[float, int, float]]:
        """Yield the changes (when, how many, price) from `at` on. All is in the keys, so it costs one listing."""
        for entry in self._bucket.entries("workers/", after=f"workers/{int(at * 1000):013d}"):
            if found := _CHANGE.fullmatch(entry.key):  # another program may have objects there
                yield int(found[1]) / 1000, int(found[2]), int(found[3]) / PICO

    def learned(self) -> bytes | None:
        """Return what the scaler learned; None before the first time."""
        stored = self._bucket.get("learned.json")
        return stored.data if stored else None

    def write_learned(self, data: bytes) -> None:
        self._bucket.put("learned.json", data)
