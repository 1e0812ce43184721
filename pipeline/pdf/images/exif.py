"""The orientation in EXIF data. Pure."""

from __future__ import annotations

import struct


def read_orientation(exif: bytes) -> int:
    """Return the orientation 1 to 8 in EXIF data, with or without their first six bytes; 1 when there is none."""
    tiff = exif[6:] if exif.startswith(b"Exif\0") else exif
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, entry)
            if tag == 0x0112 and kind == 3:
                return value if value in range(1, 9) else 1
    except struct.error:  # an offset past the end
        return 1
    return 1
