"""What a BMP says that Pillow does not tell: colours (BITMAPV4HEADER, BITMAPV5HEADER), and pixels left out."""

from __future__ import annotations

import struct
from io import SEEK_CUR
from typing import BinaryIO

from .icc import MAX_PROFILE
from .unusual import unusual_gamma, unusual_points

SKIPPED = "A compressed BMP leaves out pixels; they are drawn in the first colour of its palette"

_FILE_HEADER, _INFO, _V4, _V5 = 14, 40, 108, 124  # bytes
_CALIBRATED = bytes(4)
_RLE8, _RLE4 = 1, 2  # biCompression
_END_OF_LINE, _END, _DELTA = 0, 1, 2  # codes behind a 0
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


def skips_pixels(file: BinaryIO) -> bool:
    """Return whether a compressed BMP leaves out pixels, by a line that ends early or a move to another place."""
    start, header = _header(file)
    if len(header) < _INFO or not start:
        return False
    width, height = struct.unpack_from("<ii", header, 4)
    compression = int.from_bytes(header[16:20], "little")
    if compression not in (_RLE8, _RLE4):
        return False
    file.seek(10)
    file.seek(int.from_bytes(file.read(4), "little"))
    x = y = 0
    while y < abs(height) and len(pair := file.read(2)) == 2:
        count, value = pair
        if count:
            x += count
        elif value == _END_OF_LINE:
            if x < width:
                return True
            x, y = 0, y + 1
        elif value == _DELTA:
            return True
        elif value == _END:
            break
        else:
            x += value
            size = value if compression == _RLE8 else (value + 1) // 2
            file.seek(size + size % 2, SEEK_CUR)
    return False


def _header(file: BinaryIO) -> tuple[int, bytes]:
    """Return where the header begins, and as much of it as it says that it has."""
    file.seek(0)
    head = file.read(_FILE_HEADER + _V5)
    start = _FILE_HEADER if head.startswith(b"BM") else 0
    header = head[start:]
    return start, header[: int.from_bytes(header[:4], "little")]
