"""What is paid for, and what there is to learn from it; the scaler's record in the bucket.

    workers/<milliseconds>-<workers>-<picodollars>      from then on so many, at so much a second; inside, why
    charges.json                                        what the last that were over together cost
    learned.json                                        how long pages, chunks and boots took lately

These keys are written here and nowhere else. The marks `unbilled/<id>` are the ledger's, which sets one when it
closes an export; here they are read, and removed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import msgspec

from ..adapters.bucket.bucket import S3Bucket
from ..exports.export import Charge, Export
from ..exports.repository import UNBILLED, ExportRepository

PICO = 10**12
_charges = msgspec.json.Decoder(dict[str, Charge])  # made while there is one thread, see export.py


class UsageLog:
    """How many workers there were, what exports cost, and what they taught."""

    def __init__(self, bucket: S3Bucket, exports: ExportRepository) -> None:
        self._bucket = bucket
        self._exports = exports

    def unbilled(self) -> list[Export]:
        """Exports that are over and not charged yet. The marks of others are removed: of those that cannot be
        read, and of those that were closed once more after they were charged."""
        found = []
        for entry in self._bucket.entries(UNBILLED):
            export = self._exports.known(entry.key.removeprefix(UNBILLED))
            if export and export.charge is None:
                found.append(export)
            else:
                self._bucket.delete([entry.key])
        return found

    def bill(self, export_id: str, charge: Charge | None) -> None:
        """Write down what an export cost; nothing is known where workers are not scaled."""
        self._exports.change(export_id, lambda e: dataclasses.replace(e, charge=charge))
        self._bucket.delete([UNBILLED + export_id])

    def reckoned(self) -> dict[str, Charge]:
        """What exports that were over together shall be charged; some of them may not be yet."""
        stored = self._bucket.get("charges.json")
        try:
            return _charges.decode(stored.data) if stored else {}
        except msgspec.DecodeError:
            return {}

    def reckon(self, charges: Mapping[str, Charge]) -> None:
        """Write it down as a whole, before the first of them is charged."""
        self._bucket.put("charges.json", msgspec.json.encode(charges))

    def note_workers(self, at: float, workers: int, price: float, why: str) -> None:
        """From `at` on there are so many workers, each at `price` dollars a second."""
        key = f"workers/{int(at * 1000):013d}-{workers}-{round(price * PICO)}"
        self._bucket.put(key, why.encode(), content_type="text/plain; charset=utf-8")

    def workers_since(self, at: float) -> Iterator[tuple[float, int, float]]:
        """The changes (when, how many, price) from `at` on; all is in the keys, so it costs a listing."""
        for entry in self._bucket.entries("workers/", after=f"workers/{int(at * 1000):013d}"):
            moment, workers, price = entry.key.removeprefix("workers/").split("-")
            yield int(moment) / 1000, int(workers), int(price) / PICO

    def learned(self) -> bytes | None:
        """What the scaler learned; None before the first time."""
        stored = self._bucket.get("learned.json")
        return stored.data if stored else None

    def write_learned(self, data: bytes) -> None:
        self._bucket.put("learned.json", data)
