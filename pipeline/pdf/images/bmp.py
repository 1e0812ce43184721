"""What a BMP says of its colours, which Pillow does not read (BITMAPV4HEADER, BITMAPV5HEADER)."""

from __future__ import annotations

import struct
from typing import BinaryIO

from .icc import MAX_PROFILE
from .unusual import unusual_gamma, unusual_points

_FILE_HEADER, _V4, _V5 = 14, 108, 124  # bytes
_CALIBRATED = bytes(4)
_EMBEDDED, _LINKED = b"DEBM", b"KNIL"  # bV5CSType


def profile(file: BinaryIO) -> bytes | None:
    """Return the profile; None without one, empty for one that is in another file."""
    start, header = _header(file)
    if len(header) < _V5:
        return None
    kind = header[56:60]
    if kind != _EMBEDDED:
        return b"" if kind == _LINKED else None
    at, size = struct.unpack_from("<II", header, 112)
    file.seek(start + at)
    return file.read(min(size, MAX_PROFILE + 1))


def is_unusual(file: BinaryIO) -> bool:
    """Return whether it describes colours that are not those of sRGB, by red, green and blue and their gammas."""
    _, header = _header(file)
    if len(header) < _V4 or header[56:60] != _CALIBRATED:
        return False
    lights = struct.unpack_from("<9i", header, 60)
    points: list[float] = []
    for x, y, z in (lights[0:3], lights[3:6], lights[6:9]):
        points += [x / (x + y + z), y / (x + y + z)] if x + y + z else []
    gammas = struct.unpack_from("<3I", header, 96)
    return unusual_points(points) or any(gamma and unusual_gamma(gamma / 65536) for gamma in gammas)


def _header(file: BinaryIO) -> tuple[int, bytes]:
    """Return where the header begins, and as much of it as it says that it has."""
    file.seek(0)
    head = file.read(_FILE_HEADER + _V5)
    start = _FILE_HEADER if head.startswith(b"BM") else 0
    header = head[start:]
    return start, header[: int.from_bytes(header[:4], "little")]
