"""Which way up a picture is: the orientation in EXIF data, or in XMP. Pure."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from typing import NamedTuple

TURNED_BY_XMP = "The orientation of a picture stands in XMP only, where not all viewers look; it is turned by it"

_ORIENTATION = 0x0112
_NUMBERS = {1: "B", 3: "H", 4: "I"}  # readers accept any type of whole numbers (TIFF 6.0, section 2)
_XMP = re.compile(rb"tiff:Orientation(?:\s*=\s*[\"']|>)\s*([1-8])\s*[\"'<]")


class Orientation(NamedTuple):
    """An orientation, 1 to 8, and whether only XMP says so."""

    value: int
    by_xmp: bool

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was guessed."""
        return (TURNED_BY_XMP,) if self.by_xmp and self.value != 1 else ()


def orientation(exif: Iterable[bytes], xmp: Iterable[bytes]) -> Orientation:
    """Return the orientation in EXIF data; without one, that in XMP; else 1. XMP is read only where needed."""
    for value in map(_exif, exif):
        if value:
            return Orientation(value, by_xmp=False)
    for found in map(_XMP.search, xmp):
        if found:
            return Orientation(int(found[1]), by_xmp=True)
    return Orientation(1, by_xmp=False)


def _exif(data: bytes) -> int | None:
    """Return the orientation 1 to 8 in EXIF data, with or without their first six bytes; None without one."""
    tiff = data[6:] if data.startswith(b"Exif\0") else data
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return None
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind, _, place = struct.unpack_from(order + "HHI4s", tiff, entry)
            if tag == _ORIENTATION and kind in _NUMBERS:
                (value,) = struct.unpack_from(order + _NUMBERS[kind], place)
                return value if value in range(1, 9) else None
    except struct.error:  # an offset past the end
        return None
    return None
