"""JPEG files, copied without decoding (ITU-T T.81, annex B)."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec

from ...errors import UnreadableSource
from ..objects import Block
from .exif import Orientation, is_adobe_rgb, orientation
from .jpeg_scans import BLOCK, Read, Scan, is_damaged
from .jpeg_segments import (
    APP0,
    APP1,
    APP2,
    APP14,
    DHT,
    DQT,
    DRI,
    END,
    EOI,
    FRAMES,
    METADATA,
    SOS,
    Segment,
    Unsupported,
    body,
    find_segments,
    reader,
)
from .pieces import Piece, around
from .pixel_shape import pixel_height

_PROGRESSIVE = 0xC2
_HUFFMAN_FRAMES = (0xC0, 0xC1, _PROGRESSIVE)  # baseline, extended, progressive: all that DCTDecode supports
_LS_FRAME = 0xF7  # of JPEG-LS (ITU-T T.87)
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_RGB = b"RGB"  # identifiers of components


class Jpeg(msgspec.Struct, frozen=True):
    """What a PDF needs to know of a JPEG file, and which of its bytes belong in the PDF.

    `pieces` are (offset, length) in the file. They leave out comments and application segments, except the two that
    say how colours are stored (JFIF, Adobe), so no location, serial number or thumbnail is published.
    """

    width: int
    height: int
    components: int
    orientation: Orientation
    pixel_height: float  # in widths
    adobe: bool
    plain_rgb: bool
    buffered: bool  # in several scans, so a decoder holds all of it
    profile: bytes | None
    in_adobe_rgb: bool  # without a profile that says so
    pieces: tuple[Piece, ...]
    unfinished: bool  # progressive or without the end marker, and scans lack coefficients or their last bits
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
        read = reader(file)
        for offset, length in self.pieces:
            end = offset + length
            while offset < end:
                block = read(offset, min(BLOCK, end - offset))
                if not block:
                    raise UnreadableSource("The JPEG became shorter while it was being read.")
                yield block
                offset += len(block)
        if not self.ended:
            yield EOI


def read_jpeg(file: BinaryIO) -> Jpeg | None:
    """Read the markers of a file that begins with SOI, in one pass, without holding it in memory.

    None when PDF's DCTDecode does not support it (lossless, arithmetic, 12 bits, no height, no tables). Raises
    UnreadableSource when the file is truncated or has too many segments.
    """
    read = reader(file)
    try:
        return _describe(read, tuple(find_segments(read)))
    except Unsupported:
        return None


def unsupported_kind(file: BinaryIO) -> str | None:
    """Return what kind of JPEG it is, in words, when no decoder here reads it."""
    read = reader(file)
    try:
        frame = next((s for s in find_segments(read) if s.marker in FRAMES or s.marker == _LS_FRAME), None)
    except (Unsupported, UnreadableSource):
        return None
    if frame is None:
        return None
    if frame.marker == _LS_FRAME:
        return "JPEG-LS"
    precision, height = struct.unpack(">BH", body(read, frame, 3).ljust(3, b"\xff"))
    kind = "lossless" if frame.marker & 3 == 3 else "hierarchical" if frame.marker & 4 else ""
    return kind or (
        f"{precision} bits" if precision != 8 else "its height comes after its pixels (DNL)" if not height else None
    )


def _describe(read: Read, segments: Sequence[Segment]) -> Jpeg:
    found: defaultdict[int, list[Segment]] = defaultdict(list)
    for segment in segments:
        found[segment.marker].append(segment)
    frames = [s for marker in FRAMES & found.keys() for s in found[marker]]
    if len(frames) != 1 or frames[0].marker not in _HUFFMAN_FRAMES or not {DHT, DQT, SOS} <= found.keys():
        raise Unsupported
    frame = body(read, frames[0])
    if len(frame) < 6:
        raise Unsupported
    precision, height, width, components = struct.unpack_from(">BHHB", frame)
    if len(frame) != 6 + 3 * components or components not in (1, 3, 4):
        raise Unsupported
    if precision != 8 or not width or not height:
        raise Unsupported
    ended, scans, progressive = END in found, found[SOS], frames[0].marker == _PROGRESSIVE
    profile = _profile(read, found[APP2])
    needed = [s for s in (*found[APP0], *found[APP14]) if _is_needed(read, s)]
    left_out = [s for s in segments if s.marker in METADATA and s not in needed]
    coded = {s.marker for s in needed}
    plain_rgb = not coded and frame[6::3] == _RGB
    if components == 3 and (plain_rgb or APP14 in coded) and _are_disputed(read, found[APP0], found[APP14]):
        raise Unsupported
    return Jpeg(
        width=width,
        height=height,
        components=components,
        orientation=_orientation(read, found[APP1]),
        pixel_height=_pixel_height(read, found[APP0]),
        adobe=APP14 in coded,
        plain_rgb=plain_rgb,
        buffered=len(scans) > 1,
        profile=profile,
        in_adobe_rgb=profile is None and any(map(is_adobe_rgb, _exif(read, found[APP1]))),
        pieces=tuple(around([(s.start, s.end) for s in left_out], segments[-1].end)),
        unfinished=(progressive or not ended) and _is_unfinished(read, scans, frame[6::3]),
        ended=ended,
        damaged=(DRI in found or any(s.zeros for s in scans)) and _is_damaged(read, segments, frame, progressive),
    )


def _is_damaged(read: Read, segments: Sequence[Segment], frame: bytes, progressive: bool) -> bool:
    height, width = struct.unpack_from(">HH", frame, 1)
    pairs = zip(frame[6::3], frame[7::3], strict=True)
    factors = {name: (max(1, both >> 4), max(1, both & 15)) for name, both in pairs}
    most = max(across for across, _ in factors.values()), max(down for _, down in factors.values())
    interval, tables = 0, list[bytes]()
    for segment in segments:
        if segment.marker == DHT:
            tables.append(body(read, segment))
        elif segment.marker == DRI:
            interval = int.from_bytes(body(read, segment, 2))
        elif segment.marker == SOS:
            begin = segment.start + 2 + int.from_bytes(bytes(read(segment.start + 2, 2)))
            head = bytes(read(segment.body, 9)) or b"\0"
            components = [factors.get(name, (1, 1)) for name in head[1 : 1 + 2 * head[0] : 2]]
            scan = Scan(begin, segment.end, components, interval, tuple(tables), segment.zeros)
            if components and is_damaged(read, scan, (width, height), most, progressive):
                return True
    return False


def _is_needed(read: Read, segment: Segment) -> bool:
    """Return whether a reader needs this metadata. A JFIF segment longer than 14 bytes carries a thumbnail."""
    if segment.marker == APP0:
        return segment.end - segment.body == 14 and body(read, segment, 5) == b"JFIF\0"
    if segment.marker == APP14:
        return segment.end - segment.body >= 12 and body(read, segment, 5) == b"Adobe"
    return False


def _is_unfinished(read: Read, scans: Sequence[Segment], components: bytes) -> bool:
    """Return whether the scans leave out coefficients or their last bits (G.1.1.1)."""
    missing = {(component, coefficient) for component in components for coefficient in range(64)}
    for scan in scans:
        head = bytes(read(scan.body, 12))
        count = head[0] if head else 0
        first, last, bits = (head[1 + 2 * count :] + bytes(3))[:3]
        if not bits & 15:
            drawn = range(first, last + 1)
            missing -= {(each, coefficient) for each in head[1 : 1 + 2 * count : 2] for coefficient in drawn}
    return bool(missing)


def _are_disputed(read: Read, jfif: Sequence[Segment], adobe: Sequence[Segment]) -> bool:
    """Return whether readers of PDFs may take other colours than decoders of JPEGs do, which heed JFIF first.

    So it is where Adobe's marker says RGB, or where the JFIF marker is left out, as it has a thumbnail.
    """
    if not any(body(read, s, 5) == b"JFIF\0" for s in jfif):
        return False
    found = [data for s in adobe if len(data := body(read, s)) >= 12]
    return not found or found[-1][11] == 0


def _pixel_height(read: Read, jfif: Sequence[Segment]) -> float:
    """Return the height of a pixel in widths, by the density in the JFIF marker."""
    for segment in jfif:
        if (data := body(read, segment, 12)).startswith(b"JFIF\0") and len(data) == 12:
            return pixel_height(*struct.unpack_from(">HH", data, 8))
    return 1.0


def _orientation(read: Read, segments: Sequence[Segment]) -> Orientation:
    xmp = (data for s in segments if (data := body(read, s)).startswith(_XMP))
    return orientation(_exif(read, segments), xmp)


def _exif(read: Read, segments: Sequence[Segment]) -> Iterator[bytes]:
    return (data for s in segments if (data := body(read, s)).startswith(b"Exif\0"))


def _profile(read: Read, segments: Sequence[Segment]) -> bytes | None:
    """Return the ICC profile, joined from its numbered parts (ICC.1:2010, B.4); empty when a part is missing."""
    parts: dict[int, Segment] = {}
    total = 0
    for segment in segments:
        if (head := body(read, segment, 14)).startswith(b"ICC_PROFILE\0"):
            number, total = (head[12:] + bytes(2))[:2]  # of a part that is cut off: 0, which none has
            parts[number] = segment
    if not parts:
        return None
    if sorted(parts) != list(range(1, total + 1)):
        return b""
    return b"".join(body(read, parts[number])[14:] for number in sorted(parts))
