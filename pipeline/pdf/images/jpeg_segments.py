"""The marker segments of a JPEG file (ITU-T T.81, annex B), found in one pass, without holding it in memory."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, NamedTuple, cast

from ...errors import UnreadableSource
from .jpeg_scans import BLOCK, OVERLAP, Read, compiled, has_zeros

SOI = b"\xff\xd8"
EOI = b"\xff\xd9"
DHT, END, SOS, DQT, DRI, COM = 0xC4, 0xD9, 0xDA, 0xDB, 0xDD, 0xFE
APP0, APP1, APP2, APP14 = 0xE0, 0xE1, 0xE2, 0xEE
METADATA = frozenset(range(APP0, 0xF0)) | {COM}
FRAMES = frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, 0xCC}  # SOF0 to SOF15

_MAX_SEGMENTS = 10_000
_HEAD = struct.Struct(">BBH")  # of a segment: FF, marker, length
_WITH_LENGTH = frozenset(range(0xC0, 0xFF)) - frozenset(range(0xD0, 0xDA))

# Inside a scan FF is followed by 00 (a data byte FF), a restart marker or a fill byte; anything else ends it.
# The search goes forward, so what follows the picture does not mislead it: a second picture (MPO), a film
# (motion photo), a thumbnail.
_SCAN_END = rb"\xff[^\x00\xff\xd0-\xd7]"


class Segment(NamedTuple):
    """A marker segment. `body` is where its data start; a scan ends after its last byte of entropy-coded data, of
    which `zeros` tells whether a sector was lost."""

    marker: int
    start: int
    body: int
    end: int
    zeros: bool = False


class Unsupported(Exception):
    """A PDF cannot hold this JPEG as it is; a decoder may still read it."""


def reader(file: BinaryIO) -> Read:
    """Return a function that reads bytes at an offset, fewer at the end. Data in memory are not copied."""
    if type(file) is BytesIO:  # a subclass may read in another way
        whole = memoryview(file.getvalue())
        return lambda offset, length: whole[offset : offset + length]

    def read(offset: int, length: int) -> bytes:
        file.seek(offset)
        return file.read(length)

    return read


def find_segments(read: Read) -> Iterator[Segment]:
    """Yield the segments up to the end marker. Where a scan is followed by none, it is the last one."""
    offset, drawn = len(SOI), False
    for _ in range(_MAX_SEGMENTS):
        head = read(offset, 4)
        if len(head) == 4:
            fill, marker, length = _HEAD.unpack(head)
            if fill == 0xFF and marker in _WITH_LENGTH and length >= 2:
                end, zeros = offset + 2 + length, False
                if marker == SOS:
                    (end, zeros), drawn = _scan_end(read, end), True
                yield Segment(marker, offset, offset + 4, end, zeros)
                offset = end
                continue
        if head[:2] == b"\xff\xff":  # a fill byte (B.1.1.2)
            offset += 1
            continue
        if head[:2] == EOI:
            yield Segment(END, offset, offset + 2, offset + 2)
            return
        if drawn:
            return
        raise truncated() if len(head) < 4 else Unsupported
    raise UnreadableSource(f"The JPEG has more than {_MAX_SEGMENTS} marker segments.")


def _scan_end(read: Read, offset: int) -> tuple[int, bool]:
    """Return where the entropy-coded data that start at `offset` end: at the next marker, or with the file; and
    whether they have zeros where a sector was lost."""
    zeros = False
    while True:
        block = read(offset, BLOCK)
        found = compiled(_SCAN_END).search(block)
        length = found.start() if found else len(block)
        # Every 170th byte of a view takes a call for each; the bytes behind it, which are the whole file, do not.
        data, at = (cast(bytes, block.obj), offset) if isinstance(block, memoryview) else (block, 0)
        zeros = zeros or has_zeros(data, at, at + length)
        if found or len(block) <= OVERLAP:
            return offset + length, zeros
        offset += len(block) - OVERLAP  # an FF at its end, too, is looked at again


def truncated() -> UnreadableSource:
    """Return the error for a JPEG of which the picture's end is missing."""
    return UnreadableSource("The JPEG ends before its picture does (truncated).")


def body(read: Read, segment: Segment, limit: int = 0xFFFF) -> bytes:
    return bytes(read(segment.body, min(limit, segment.end - segment.body)))
