"""The usage log: what the scaler keeps in the bucket.

    workers/<milliseconds>-<workers>-<picodollars>    workers from then on, and the price of a second; inside: why
    charges.json                                      the charges of the last period
    learned.json                                      seconds of pages, chunks and boots, learned lately

Only this module writes these keys. The marks `unbilled/<id>` belong to the repository, which sets one when it
closes an export; this module reads and removes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from msgspec.structs import replace

from ..adapters.bucket import Bucket
from ..errors import PipelineError
from ..exports.export import Charge, Export
from ..exports.repository import UNBILLED, ExportRepository

PICO = 10**12
_charges = msgspec.json.Decoder(dict[str, Charge])  # made while there is one thread, see exports/encoding.py


class UsageLog:
    """How many workers were paid, what exports cost, and what they taught."""

    def __init__(self, bucket: Bucket, exports: ExportRepository) -> None:
        self._bucket = bucket
        self._exports = exports

    def unbilled(self) -> list[Export]:
        """Return the exports that are over and not charged yet.

        Removes the marks of exports that cannot be read, or were closed again after they were charged.
        """
        found = []
        for entry in self._bucket.entries(UNBILLED):
            export = self._exports.find(entry.key.removeprefix(UNBILLED))
            if export and export.charge is None:
                found.append(export)
            else:
                self._bucket.delete([entry.key])
        return found

    def ended(self, export_id: str) -> Export | None:
        """Return an export that is over; None if it is not, or cannot be read: it teaches later, or nothing."""
        try:
            export = self._exports.find(export_id)
        except PipelineError:
            return None
        return export if export and export.state.over else None

    def bill(self, export_id: str, charge: Charge | None) -> None:
        """Write an export's charge and remove its mark; None where workers are not scaled.

        What it was charged before a retry is added.
        """

        def step(export: Export) -> Export:
            both = charge and charge + (export.charged_before or Charge())
            return replace(export, charge=both)

        self._exports.change(export_id, step)
        self._bucket.delete([UNBILLED + export_id])

    def pending_charges(self) -> dict[str, Charge]:
        """Return the charges of the last period; some of its exports may not have theirs yet."""
        stored = self._bucket.get("charges.json")
        try:
            return _charges.decode(stored.data) if stored else {}
        except msgspec.DecodeError:
            return {}

    def save_charges(self, charges: Mapping[str, Charge]) -> None:
        """Save the charges of a period, before the first export is charged."""
        self._bucket.put("charges.json", msgspec.json.encode(charges))

    def note_workers(self, at: float, workers: int, price: float, why: str) -> None:
        """Write down the number of workers from `at` on, each at `price` dollars a second."""
        key = f"workers/{int(at * 1000):013d}-{workers}-{round(price * PICO)}"
        self._bucket.put(key, why.encode(), content_type="text/plain; charset=utf-8")

    def workers_since(self, at: float) -> Iterator[tuple[float, int, float]]:
        """Yield the changes (when, how many, price) from `at` on. All is in the keys, so it costs one listing."""
        for entry in self._bucket.entries("workers/", after=f"workers/{int(at * 1000):013d}"):
            moment, workers, price = entry.key.removeprefix("workers/").split("-")
            yield int(moment) / 1000, int(workers), int(price) / PICO

    def learned(self) -> bytes | None:
        """Return what the scaler learned; None before the first time."""
        stored = self._bucket.get("learned.json")
        return stored.data if stored else None

    def write_learned(self, data: bytes) -> None:
        self._bucket.put("learned.json", data)
