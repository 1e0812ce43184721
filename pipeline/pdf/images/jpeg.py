"""JPEG files, read marker by marker and copied without decoding (ITU-T T.81, annex B)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import msgspec

from ...errors import UnreadableSource
from ..objects import Block
from .exif import read_orientation
from .jpeg_scans import OVERLAP, Scan, has_zeros, is_damaged
from .pieces import Piece, joined

if TYPE_CHECKING:
    import re

SOI = b"\xff\xd8"

_BLOCK = 256 * 1024
_MAX_SEGMENTS = 10_000

_HEAD = struct.Struct(">BBH")  # of a segment: FF, marker, length
EOI = b"\xff\xd9"
_DHT, _END, _SOS, _DQT, _DRI, _COM = 0xC4, 0xD9, 0xDA, 0xDB, 0xDD, 0xFE
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_METADATA = frozenset(range(_APP0, 0xF0)) | {_COM}
_FRAMES = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}  # SOF0 to SOF15
_PROGRESSIVE = 0xC2
_HUFFMAN_FRAMES = (0xC0, 0xC1, _PROGRESSIVE)  # baseline, extended, progressive: all that DCTDecode supports
_WITH_LENGTH = frozenset(range(0xC0, 0xFF)) - frozenset(range(0xD0, 0xDA))

# Inside a scan FF is followed by 00 (a data byte FF), a restart marker or a fill byte; anything else ends it.
# The search goes forward, so what follows the picture does not mislead it: a second picture (MPO), a film
# (motion photo), a thumbnail. RE2 takes 0.12 ms a megabyte, the module re four times that.
_SCAN_END = rb"\xff[^\x00\xff\xd0-\xd7]"

_Read = Callable[[int, int], Block]


class Jpeg(msgspec.Struct, frozen=True):
    """What a PDF needs to know of a JPEG file, and which of its bytes belong in the PDF.

    `pieces` are (offset, length) in the file. They leave out comments and application segments, except the two that
    say how colours are stored (JFIF, Adobe), so no location, serial number or thumbnail is published.
    """

    width: int
    height: int
    components: int
    orientation: int
    adobe: bool
    plain_rgb: bool
    buffered: bool  # in several scans, so a decoder holds all of it
    profile: bytes | None
    pieces: tuple[Piece, ...]
    unfinished: bool  # without the end marker, and scans are missing: coefficients or their last bits
    ended: bool  # with the end marker; without it the last piece may run on into what is not the picture
    damaged: bool  # as far as it shows without decoding

    @property
    def length(self) -> int:
        """The number of bytes that `blocks` yields."""
        return sum(length for _, length in self.pieces) + (0 if self.ended else len(EOI))

    def blocks(self, file: BinaryIO) -> Iterator[Block]:
        """Yield the picture's bytes, at most 256 KiB at a time.

        Raises UnreadableSource if the file has become shorter.
        """
        read = _reader(file)
        for offset, length in self.pieces:
            end = offset + length
            while offset < end:
                block = read(offset, min(_BLOCK, end - offset))
                if not block:
                    raise UnreadableSource("The JPEG became shorter while it was being read.")
                yield block
                offset += len(block)
        if not self.ended:
            yield EOI


class _Segment(NamedTuple):
    """A marker segment. `body` is where its data start; a scan ends after its last byte of entropy-coded data, of
    which `zeros` tells whether a sector was lost."""

    marker: int
    start: int
    body: int
    end: int
    zeros: bool = False


class _Unsupported(Exception):
    """A PDF cannot hold this JPEG as it is; a decoder may still read it."""


def read_jpeg(file: BinaryIO) -> Jpeg | None:
    """Read the markers of a file that begins with SOI, in one pass, without holding it in memory.

    None when PDF's DCTDecode does not support it (lossless, arithmetic, 12 bits, no height, no tables). Raises
    UnreadableSource when the file is truncated or has too many segments.
    """
    read = _reader(file)
    try:
        return _describe(read, tuple(_segments(read)))
    except _Unsupported:
        return None


def unsupported_kind(file: BinaryIO) -> str | None:
    """Return what kind of JPEG it is, in words, when no decoder here reads it."""
    read = _reader(file)
    try:
        frame = next((s for s in _segments(read) if s.marker in _FRAMES), None)
    except (_Unsupported, UnreadableSource):
        return None
    if frame is None:
        return None
    kind = "lossless" if frame.marker & 3 == 3 else "hierarchical" if frame.marker & 4 else ""
    precision = _body(read, frame, 1)[:1] or b"\x08"
    return kind or (f"{precision[0]} bits" if precision != b"\x08" else None)


def _reader(file: BinaryIO) -> _Read:
    """Return a function that reads bytes at an offset, fewer at the end. Data in memory are not copied."""
    if type(file) is BytesIO:  # a subclass may read in another way
        whole = memoryview(file.getvalue())
        return lambda offset, length: whole[offset : offset + length]

    def read(offset: int, length: int) -> bytes:
        file.seek(offset)
        return file.read(length)

    return read


def _segments(read: _Read) -> Iterator[_Segment]:
    """Yield the segments up to the end marker. Where a scan is followed by none, it is the last one."""
    offset, drawn = len(SOI), False
    for _ in range(_MAX_SEGMENTS):
        head = bytes(read(offset, 4))
        if head.startswith(b"\xff\xff"):  # a fill byte (B.1.1.2)
            offset += 1
            continue
        if head.startswith(EOI):
            yield _Segment(_END, offset, offset + 2, offset + 2)
            return
        if len(head) < 4:
            if drawn:
                return
            raise truncated()
        fill, marker, length = _HEAD.unpack(head)
        if fill != 0xFF or marker not in _WITH_LENGTH or length < 2:
            if drawn:
                return
            raise _Unsupported
        end, zeros = offset + 2 + length, False
        if marker == _SOS:
            (end, zeros), drawn = _scan_end(read, end), True
        yield _Segment(marker, offset, offset + 4, end, zeros)
        offset = end
    raise UnreadableSource(f"The JPEG has more than {_MAX_SEGMENTS} marker segments.")


def _scan_end(read: _Read, offset: int) -> tuple[int, bool]:
    """Return where the entropy-coded data that start at `offset` end: at the next marker, or with the file; and
    whether they have zeros where a sector was lost."""
    search, zeros = _end_search(), False
    while True:
        block = read(offset, _BLOCK)
        found = search(block)
        length = found.start() if found else len(block)
        zeros = zeros or has_zeros(block[:length])
        if found or len(block) <= OVERLAP:
            return offset + length, zeros
        offset += len(block) - OVERLAP  # an FF at its end, too, is looked at again


@cache
def _end_search() -> Callable[[Block], re.Match[bytes] | None]:
    """Return the search for the end of a scan. re2 is imported at the first JPEG: it takes 18 ms and 5 MB."""
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes
    search: Callable[[Block], re.Match[bytes] | None] = re2.compile(_SCAN_END, options).search
    return search


def truncated() -> UnreadableSource:
    """Return the error for a JPEG of which the picture's end is missing."""
    return UnreadableSource("The JPEG ends before its picture does (truncated).")


def _describe(read: _Read, segments: Sequence[_Segment]) -> Jpeg:
    frames = [s for s in segments if s.marker in _FRAMES]
    scans = [s for s in segments if s.marker == _SOS]
    markers = {s.marker for s in segments}
    if len(frames) != 1 or frames[0].marker not in _HUFFMAN_FRAMES or not {_DHT, _DQT, _SOS} <= markers:
        raise _Unsupported
    frame = _body(read, frames[0])
    if len(frame) < 6:
        raise _Unsupported
    precision, height, width, components = struct.unpack_from(">BHHB", frame)
    if len(frame) != 6 + 3 * components or components not in (1, 3, 4):
        raise _Unsupported
    if precision != 8 or not width or not height:
        raise _Unsupported
    ended = segments[-1].marker == _END
    kept = [s for s in segments if s.marker not in _METADATA or _is_needed(read, s)]
    coded = {s.marker for s in kept} & {_APP0, _APP14}
    return Jpeg(
        width=width,
        height=height,
        components=components,
        orientation=_orientation(read, segments),
        adobe=_APP14 in coded,
        plain_rgb=not coded and frame[6::3] == b"RGB",
        buffered=len(scans) > 1,
        profile=_profile(read, segments),
        pieces=tuple(joined([(0, len(SOI)), *((s.start, s.end - s.start) for s in kept)])),
        unfinished=not ended and _is_unfinished(read, segments, frame[6::3]),
        ended=ended,
        damaged=(_DRI in markers or any(s.zeros for s in scans))
        and _is_damaged(read, segments, frame, frames[0].marker == _PROGRESSIVE),
    )


def _is_damaged(read: _Read, segments: Sequence[_Segment], frame: bytes, progressive: bool) -> bool:
    height, width = struct.unpack_from(">HH", frame, 1)
    pairs = zip(frame[6::3], frame[7::3], strict=True)
    factors = {name: (max(1, both >> 4), max(1, both & 15)) for name, both in pairs}
    most = max(across for across, _ in factors.values()), max(down for _, down in factors.values())
    interval, tables = 0, list[bytes]()
    for segment in segments:
        if segment.marker == _DHT:
            tables.append(_body(read, segment))
        elif segment.marker == _DRI:
            interval = int.from_bytes(_body(read, segment, 2))
        elif segment.marker == _SOS:
            begin = segment.start + 2 + int.from_bytes(bytes(read(segment.start + 2, 2)))
            head = bytes(read(segment.body, 9)) or b"\0"
            components = [factors.get(name, (1, 1)) for name in head[1 : 1 + 2 * head[0] : 2]]
            scan = Scan(begin, segment.end, components, interval, tuple(tables), segment.zeros)
            if components and is_damaged(read, scan, (width, height), most, progressive):
                return True
    return False


def _body(read: _Read, segment: _Segment, limit: int = 0xFFFF) -> bytes:
    return bytes(read(segment.body, min(limit, segment.end - segment.body)))


def _is_needed(read: _Read, segment: _Segment) -> bool:
    """Return whether a reader needs this metadata. A JFIF segment longer than 14 bytes carries a thumbnail."""
    if segment.marker == _APP0:
        return segment.end - segment.body == 14 and _body(read, segment, 5) == b"JFIF\0"
    if segment.marker == _APP14:
        return segment.end - segment.body >= 12 and _body(read, segment, 5) == b"Adobe"
    return False


def _is_unfinished(read: _Read, segments: Sequence[_Segment], components: bytes) -> bool:
    """Return whether the scans leave out coefficients or their last bits (G.1.1.1)."""
    missing = {(component, coefficient) for component in components for coefficient in range(64)}
    for segment in segments:
        if segment.marker == _SOS:
            head = bytes(read(segment.body, 12))
            count = head[0] if head else 0
            first, last, bits = (head[1 + 2 * count :] + bytes(3))[:3]
            if not bits & 15:
                drawn = range(first, last + 1)
                missing -= {(each, coefficient) for each in head[1 : 1 + 2 * count : 2] for coefficient in drawn}
    return bool(missing)


def _orientation(read: _Read, segments: Sequence[_Segment]) -> int:
    for segment in segments:
        if segment.marker == _APP1 and (data := _body(read, segment)).startswith(b"Exif\0"):
            return read_orientation(data)
    return 1


def _profile(read: _Read, segments: Sequence[_Segment]) -> bytes | None:
    """Return the ICC profile, joined from its numbered parts (ICC.1:2010, B.4); None unless every part is there."""
    parts: dict[int, _Segment] = {}
    total = 0
    for segment in segments:
        if segment.marker == _APP2 and (head := _body(read, segment, 14)).startswith(b"ICC_PROFILE\0"):
            parts[head[12]] = segment
            total = head[13]
    if not parts or sorted(parts) != list(range(1, total + 1)):
        return None
    return b"".join(_body(read, parts[number])[14:] for number in sorted(parts))
