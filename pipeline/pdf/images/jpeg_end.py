"""JPEGs without an end marker: whether the picture is whole, and where it ends.

Some cameras leave the marker out, and some put a film in its place. A decoder tells neither, so the picture is
decoded as it is and with bytes behind it: what is whole does not change.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

from msgspec.structs import replace
from PIL import Image

from .bands import bands
from .jpeg import Jpeg
from .jpeg_segments import EOI, truncated
from .pieces import view

MENDED = "The end marker of a JPEG is missing and is added"

# What is not whole takes its missing bits from here; after a restart marker too. The 0 makes a last FF a byte of
# data.
_RESTARTS = tuple(bytes((0xFF, marker)) for marker in range(0xD0, 0xD8))
_FILLERS = (b"", *(b"\0" + b"".join(each * 64 + restart for restart in _RESTARTS) for each in (b"\xa5", b"\x5a")))


def mended(file: BinaryIO, jpeg: Jpeg, max_pixels: int) -> Jpeg:
    """Return the JPEG without what follows its picture. Raises UnreadableSource when the picture is not whole.

    Takes time: it is decoded three times, and more than that when something follows.
    """
    if jpeg.unfinished or jpeg.width * jpeg.height > min(max_pixels, Image.MAX_IMAGE_PIXELS or max_pixels):
        raise truncated()
    whole = {_decoded(file, jpeg, filler) for filler in _FILLERS}
    if len(whole) != 1 or None in whole:
        raise truncated()
    *before, (offset, length) = jpeg.pieces

    def cut(at: int) -> Jpeg:
        return replace(jpeg, pieces=(*before, (offset, at)))

    behind = 1  # bytes at the end, doubled as long as the picture is whole without them
    while behind < length and _decoded(file, cut(length - behind)) in whole:
        behind *= 2
    low, high = max(0, length - behind) + 1, length - behind // 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _decoded(file, cut(middle)) in whole else (middle + 1, high)
    return cut(high)


def _decoded(file: BinaryIO, jpeg: Jpeg, filler: bytes = b"") -> int | None:
    """Return a checksum of the pixels; None when they cannot be decoded."""
    checksum = 0
    try:
        with Image.open(view(file, jpeg.pieces, filler + EOI), formats=("JPEG",)) as image:
            for _, band in bands(image):
                checksum = zlib.crc32(band.tobytes(), checksum)
    except OSError as error:
        if error.errno is not None:  # a fault of the disk
            raise
        return None
    return checksum
