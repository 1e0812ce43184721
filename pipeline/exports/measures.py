"""What was measured of an export's listing, in the bucket, until the export is over. Written by this module:

    exports/<id>/measures/ranges.json               the ranges of the listing; a message asks to measure one
    exports/<id>/measures/<range>-<start>-<stop>    what is known of the records between two bytes
    exports/<id>/measures/pages-<offset>            the pages found so far, up to this byte

All but range 0 begin where a record probably begins. Paginating goes from the stop of one measure to the measure
that starts there, so one that began at a wrong byte is never read.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import msgspec

from ..adapters.bucket import Bucket
from ..settings import MIB
from .plan import Listing
from .written_once import WrittenOnce

log = logging.getLogger(__name__)
RANGE_BYTES = 4 * MIB  # about a second of work
SMALL_BYTES = 4 * RANGE_BYTES  # a listing up to this size is measured where it is planned

PAGES = "pages-"

Pieces = Sequence[tuple[int, int]]
"""The first byte of each measure, and the one behind its last; the same twice where no record can be read."""


@dataclass(frozen=True)
class Ranges:
    """How a version of a listing is divided, and what its beginning tells."""

    listing: Listing
    bytes: int  # of a range
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return ceil(self.listing.size / self.bytes)

    def number(self, at: int) -> int:
        """Return the range in which a byte is."""
        return at // self.bytes

    def stop(self, number: int) -> int:
        """Return the byte behind a range."""
        return min(self.listing.size, (number + 1) * self.bytes)

    def rest(self, number: int, pieces: Pieces) -> int | None:
        """Return the byte from which on a range is not measured; None if all of it is."""
        if not pieces:
            return number * self.bytes
        at, stops = min(pieces)[0], longest(pieces)
        while at in stops and stops[at] != at:
            at = stops[at]
        return None if at in stops or at >= self.stop(number) else at

    def missing(self, found: Mapping[int, Pieces]) -> list[int]:
        """Return the ranges of which something is not measured."""
        return [each for each in range(self.count) if self.rest(each, found.get(each, ())) is not None]


def longest(pieces: Pieces) -> dict[int, int]:
    """Return where the longest measure ends of those that begin at one byte."""
    return dict(sorted(pieces))


class MeasureRepository:
    """Finds, writes and reads what was measured."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._ranges = WrittenOnce(bucket, "measures/ranges.json", _ranges.decode, "ranges")

    def ranges(self, export_id: str) -> Ranges | None:
        """Return the ranges of a listing; None if there are none."""
        return self._ranges.read(export_id)

    def write_ranges(self, export_id: str, ranges: Ranges) -> Ranges:
        """Store the ranges, unless there are some. Returns those that count: the first that were stored."""
        return self._ranges.write(export_id, ranges)

    def found(self, export_id: str, number: int | None = None) -> dict[int, list[tuple[int, int]]]:
        """Return what is measured of one range or of all, as the keys tell."""
        prefix = _key(export_id, f"{number:06d}-" if number is not None else "0")
        found: dict[int, list[tuple[int, int]]] = {}
        for entry in self._bucket.entries(prefix):
            of, start, stop = map(int, entry.key.rsplit("/", 1)[1].split("-"))
            found.setdefault(of, []).append((start, stop))
        return found

    def write(self, export_id: str, number: int, start: int, stop: int, data: bytes) -> None:
        """Store what is known of the records between two bytes."""
        self._put(_piece_key(export_id, number, start, stop), data)

    def read(self, export_id: str, number: int, start: int, stop: int) -> bytes | None:
        """Return what is known of the records between two bytes; None if it is gone or damaged."""
        return self._get(_piece_key(export_id, number, start, stop))

    def write_pages(self, export_id: str, at: int, saved: bytes) -> None:
        """Store the pages found up to byte `at`; those up to an earlier byte are removed.

        Those up to a later one stay: this process may have lost its lease, and the one that took over is further.
        """
        before = [entry.key for entry in self._bucket.entries(_key(export_id, PAGES))]
        self._put(key := _key(export_id, f"{PAGES}{at:015d}"), saved)
        self._bucket.delete([each for each in before if each < key])

    def pages(self, export_id: str) -> tuple[int, bytes | None]:
        """Return up to which byte pages were found, and what was saved there; 0 and None if nothing is."""
        for entry in sorted(
            self._bucket.entries(_key(export_id, PAGES)), key=lambda entry: entry.key, reverse=True
        ):
            if saved := self._get(entry.key):
                return int(entry.key.rpartition("-")[2]), saved
        return 0, None

    def _put(self, key: str, data: bytes) -> None:
        self._bucket.put(key, zlib.compress(data, 1), content_type="application/octet-stream")

    def _get(self, key: str) -> bytes | None:
        stored = self._bucket.get(key)
        try:
            return zlib.decompress(stored.data) if stored else None
        except zlib.error:
            log.warning("%s is damaged; it is made again", key)
            return None


def _key(export_id: str, name: str) -> str:
    return f"exports/{export_id}/measures/{name}"


def _piece_key(export_id: str, number: int, start: int, stop: int) -> str:
    return _key(export_id, f"{number:06d}-{start:015d}-{stop:015d}")


_ranges = msgspec.json.Decoder(Ranges)  # made while there is one thread, see exports/encoding.py
