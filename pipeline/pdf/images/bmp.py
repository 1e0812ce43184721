"""The colour profile in a BMP, which Pillow does not read (BITMAPV5HEADER)."""

from __future__ import annotations

import struct
from typing import BinaryIO

from .icc import MAX_PROFILE

_FILE_HEADER, _V5 = 14, 124  # bytes
_EMBEDDED, _LINKED = b"DEBM", b"KNIL"  # bV5CSType


def profile(file: BinaryIO) -> bytes | None:
    """Return the profile; None without one, empty for one that is in another file."""
    file.seek(0)
    head = file.read(_FILE_HEADER + _V5)
    start = _FILE_HEADER if head.startswith(b"BM") else 0
    header = head[start:][:_V5]
    if len(header) < _V5 or int.from_bytes(header[:4], "little") < _V5:
        return None
    kind = header[56:60]
    if kind != _EMBEDDED:
        return b"" if kind == _LINKED else None
    at, size = struct.unpack_from("<II", header, 112)
    file.seek(start + at)
    return file.read(min(size, MAX_PROFILE + 1))
