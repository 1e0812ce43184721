"""Which way up a picture is: the orientation in EXIF data, or in XMP. Pure."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple

TURNED_BY_XMP = "The orientation of a picture stands in XMP only, where not all viewers look; it is turned by it"

IN_ADOBE_RGB = "A camera says that a photo is in Adobe RGB, but gives no profile; it is drawn as sRGB, so paler"

_ORIENTATION, _EXIF, _INTEROPERABILITY, _INDEX = 0x0112, 0x8769, 0xA005, 0x0001
_NUMBERS = {1: "B", 3: "H", 4: "I"}  # readers accept any type of whole numbers (TIFF 6.0, section 2)
_XMP = re.compile(rb"tiff:Orientation(?:\s*=\s*[\"']|>)\s*([1-8])\s*[\"'<]")

Read = Callable[[int, int], bytes | memoryview]  # of bytes at an offset, fewer at the end


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


def is_adobe_rgb(exif: bytes) -> bool:
    """Return whether EXIF data say that a camera took the picture in Adobe RGB (DCF 2.0, option file)."""
    return tiff_is_adobe_rgb(_within(exif))


def tiff_is_adobe_rgb(read: Read) -> bool:
    """Return whether the EXIF data in a TIFF say so; they are such a file themselves."""
    index = _entry(read, _EXIF, _INTEROPERABILITY, _INDEX)
    return index is not None and index.place == b"R03\0"


def _exif(data: bytes) -> int | None:
    """Return the orientation 1 to 8 in EXIF data; None without one."""
    found = _entry(_within(data), _ORIENTATION)
    if found is None or found.kind not in _NUMBERS:
        return None
    (value,) = struct.unpack_from(found.order + _NUMBERS[found.kind], found.place)
    return value if value in range(1, 9) else None


def _within(exif: bytes) -> Read:
    """Return a function that reads the TIFF in EXIF data, with or without their first six bytes."""
    tiff = exif[6:] if exif.startswith(b"Exif\0") else exif
    return lambda offset, length: tiff[offset : offset + length]


class _Entry(NamedTuple):
    order: str
    kind: int
    place: bytes  # the value, or where it is


def _entry(read: Read, *path: int) -> _Entry | None:
    """Return an entry of a TIFF's first directory; tags before the last lead to others."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(read(0, 4)))
    place, found = bytes(read(4, 4)), None
    try:
        for wanted in path if order else ():
            (directory,) = struct.unpack(f"{order}I", place)
            (count,) = struct.unpack(f"{order}H", read(directory, 2))
            entries, found = read(directory + 2, 12 * count), None
            for at in range(0, 12 * count, 12):
                tag, kind, _, place = struct.unpack_from(f"{order}HHI4s", entries, at)
                if tag == wanted:
                    found = _Entry(order or "", kind, place)
                    break
            if found is None:
                return None
    except struct.error:  # an offset past the end
        return None
    return found
