"""PNG files, read chunk by chunk before their pixels are decoded (PNG specification, third edition).

Pillow ignores the checksums of picture data, but refuses a file for a comment that is damaged or long. So the
checksums are verified here, and Pillow sees only the chunks that the picture needs.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from ...errors import UnreadableSource
from .exif import Orientation, is_adobe_rgb, orientation
from .icc import MAX_PROFILE
from .pieces import Piece, joined
from .pixel_shape import pixel_height
from .png_rows import Frame
from .unusual import unusual_gamma, unusual_points

SIGNATURE = b"\x89PNG\r\n\x1a\n"
DAMAGED = "The image data of a PNG do not match their checksum, so parts of the picture may be wrong"
NO_END = "The end of a PNG is missing behind its picture and is added"
END = b"\0\0\0\0IEND\xaeB`\x82"
LEFT_OUT = "Transparency, a colour profile or an orientation in a PNG is damaged and is left out"

_BLOCK = 256 * 1024
_MAX_CHUNKS = 100_000
_MAX_TEXT = 1024 * 1024  # bytes of EXIF data that are decompressed
_PICTURE = (b"IDAT", b"fdAT")
_FRAMES = (b"acTL", b"fcTL", b"fdAT")  # of an animated PNG
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_XMP_TEXT = b"XML:com.adobe.xmp\0"
_EXIF_TEXTS = (b"Raw profile type exif\0", b"Raw profile type APP1\0")  # by ImageMagick and ExifTool
_COLOUR = (b"iCCP", b"eXIf", b"tRNS")
_SAID = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
_SCALE = 100_000  # of gAMA and cHRM (11.3.2.1)
_SRGB_CODES = b"\x01\x0d\0\x01"  # of cICP: primaries, transfer, matrix, full range (11.3.2.6)


@dataclass(frozen=True)
class Png:
    """What is known of a PNG before it is decoded. `pieces` hold what the decoder needs."""

    pieces: tuple[Piece, ...]
    orientation: Orientation
    pixel_height: float  # in widths
    profile: bytes | None
    unusual: bool  # in its colours, if no profile says more of them
    in_adobe_rgb: bool
    animated: bool
    remarks: tuple[str, ...]
    frames: tuple[Frame, ...]


_SAMPLES = {0: 1, 2: 3, 3: 0}
"""Of a transparent colour, by colour type; 0 where each entry of the palette has its own."""


class _Chunk(NamedTuple):
    kind: bytes
    start: int
    length: int  # of what is there
    whole: bool
    sound: bool  # its checksum is right

    @property
    def piece(self) -> Piece:
        return self.start, self.length + 12

    def needed(self, frames: bool) -> bool:
        """Return whether a decoder needs it: critical chunks (5.4), and those of an animation."""
        if self.kind in _FRAMES:
            return frames
        if not self.whole:
            return self.kind == b"IDAT"
        return self.kind[:1].isupper()


_NO_USE = _Chunk(b"tRNS", 0, 0, whole=True, sound=True)


def read_png(file: BinaryIO, frames: bool) -> Png:
    """Read the chunks of a PNG in one pass, without holding them in memory; those of an animation with `frames`.

    Raises UnreadableSource when there are too many. What is missing or makes no sense is left to the decoder.
    """
    chunks = list(_chunks(file))
    if any(each.kind == b"CgBI" for each in chunks):
        raise UnreadableSource(
            "This kind of PNG is not supported: it was made for the programs of iPhones (CgBI).",
            advice="Take the picture that it was made from.",
        )
    remarks = []
    if any(each.kind in _PICTURE and not each.sound for each in chunks):
        remarks.append(DAMAGED)
    if not chunks or chunks[-1].kind != b"IEND" or not chunks[-1].whole:
        remarks.append(NO_END)
    profile, damaged = _profile(file, chunks)
    clear = _transparency(file, chunks)
    if damaged or clear is _NO_USE or any(each.kind in _COLOUR and not each.sound for each in chunks):
        remarks.append(LEFT_OUT)
    exif = _exif(file, chunks)
    needed = (each for each in chunks if each.needed(frames) or each is clear)
    pieces = joined([(0, len(SIGNATURE)), *(each.piece for each in needed)])
    animated = {b"acTL", b"fdAT"} <= {each.kind for each in chunks}
    return Png(
        pieces=tuple(pieces),
        orientation=_orientation(file, chunks, exif),
        pixel_height=_pixel_height(file, chunks),
        profile=profile,
        unusual=_is_unusual(file, chunks),
        in_adobe_rgb=any(map(is_adobe_rgb, exif)),
        animated=animated,
        remarks=tuple(remarks),
        frames=tuple(_frames(file, chunks)),
    )


def _chunks(file: BinaryIO) -> Iterator[_Chunk]:
    """Yield the chunks up to IEND, or to one that is cut off; that one counts as sound."""
    start = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        file.seek(start)
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        checksum, left = zlib.crc32(kind), length
        while left and (block := file.read(min(_BLOCK, left))):
            checksum = zlib.crc32(block, checksum)
            left -= len(block)
        stored = file.read(4)
        whole = not left and len(stored) == 4
        yield _Chunk(kind, start, length - left, whole, not whole or stored == checksum.to_bytes(4))
        if not whole or kind == b"IEND":
            return
        start += length + 12
    raise UnreadableSource(f"The PNG has more than {_MAX_CHUNKS:,} chunks.")


def _frames(file: BinaryIO, chunks: list[_Chunk]) -> Iterator[Frame]:
    """Yield the frames in order; the first one may have no fcTL, and is then as large as the picture."""
    header = next((_body(file, each, 13) for each in chunks if each.kind == b"IHDR"), b"")
    if len(header) < 13:
        return
    (width, height), data = struct.unpack_from(">II", header), list[Piece]()
    for chunk in chunks:
        if chunk.kind == b"fcTL" and len(control := _body(file, chunk, 12)) == 12:
            if data:
                yield Frame(header, width, height, data)
            (width, height), data = struct.unpack_from(">II", control, 4), []
        elif chunk.kind in _PICTURE:
            counted = 4 if chunk.kind == b"fdAT" else 0  # bytes of its number
            data.append((chunk.start + 8 + counted, max(0, chunk.length - counted)))
    yield Frame(header, width, height, data)


def _body(file: BinaryIO, chunk: _Chunk, most: int) -> bytes:
    file.seek(chunk.start + 8)
    return file.read(min(chunk.length, most))


def _profile(file: BinaryIO, chunks: list[_Chunk]) -> tuple[bytes | None, bool]:
    """Return the ICC profile, and whether there is one that cannot be used."""
    for chunk in chunks:
        if chunk.kind == b"iCCP" and chunk.sound:
            _, _, rest = _body(file, chunk, MAX_PROFILE).partition(b"\0")
            data = _inflated(rest[1:], MAX_PROFILE)
            return data, data is None
    return None, False


def _transparency(file: BinaryIO, chunks: list[_Chunk]) -> _Chunk | None:
    """Return the chunk with the transparent colours; None without one, _NO_USE for one that readers ignore.

    It must have its length and its place (11.3.1.1).
    """
    found = next((each for each in chunks if each.kind == b"tRNS" and each.whole and each.sound), None)
    header = next((_body(file, each, 10) for each in chunks if each.kind == b"IHDR"), b"")
    if found is None or len(header) < 10 or header[9] not in _SAMPLES:
        return None
    samples = _SAMPLES[header[9]]
    before = {each.kind for each in chunks[: chunks.index(found)]}
    in_place = not before & set(_PICTURE) and (samples or b"PLTE" in before)
    fits = found.length == 2 * samples if samples else 0 < found.length <= 256
    return found if in_place and fits else _NO_USE


def _is_unusual(file: BinaryIO, chunks: list[_Chunk]) -> bool:
    """Return whether a PNG without a profile describes colours that differ from sRGB. cICP counts before others."""
    said = {chunk.kind: _body(file, chunk, 32) for chunk in chunks if chunk.kind in _SAID and chunk.sound}
    if b"cICP" in said:
        return said[b"cICP"][:4] != _SRGB_CODES
    if b"sRGB" in said:
        return False
    gamma = int.from_bytes(said.get(b"gAMA", b"")[:4])
    points = struct.unpack(">8I", said[b"cHRM"]) if len(said.get(b"cHRM", b"")) == 32 else ()
    return (gamma > 0 and unusual_gamma(_SCALE / gamma)) or unusual_points([point / _SCALE for point in points])


def _inflated(data: bytes, most: int) -> bytes | None:
    """Return the data decompressed; None when they are damaged or would be longer than `most`."""
    inflate = zlib.decompressobj()
    try:
        plain = inflate.decompress(data, most)
    except zlib.error:
        return None
    return plain if inflate.eof else None


def _pixel_height(file: BinaryIO, chunks: list[_Chunk]) -> float:
    found = next((_body(file, each, 8) for each in chunks if each.kind == b"pHYs" and each.sound), b"")
    return pixel_height(*struct.unpack(">II", found)) if len(found) == 8 else 1.0


def _exif(file: BinaryIO, chunks: list[_Chunk]) -> list[bytes]:
    """Return the EXIF data of the eXIf chunk and those in texts."""
    sound = [chunk for chunk in chunks if chunk.sound]
    exif = [_body(file, chunk, _MAX_TEXT) for chunk in sound if chunk.kind == b"eXIf"]
    texts = ((chunk.kind, _body(file, chunk, _MAX_TEXT)) for chunk in sound if chunk.kind in _TEXTS)
    return exif + [data for kind, body in texts if (data := _exif_text(kind, body))]


def _orientation(file: BinaryIO, chunks: list[_Chunk], exif: list[bytes]) -> Orientation:
    """Return the orientation of the EXIF data; without one, that of XMP in a text."""
    texts = ((each.kind, _body(file, each, _MAX_TEXT)) for each in chunks if each.sound and each.kind in _TEXTS)
    xmp = (_text(kind, body, _XMP_TEXT) or b"" for kind, body in texts if body.startswith(_XMP_TEXT))
    return orientation(exif, xmp)


def _text(kind: bytes, body: bytes, keyword: bytes) -> bytes | None:
    """Return the text of a text chunk, decompressed; None when it is damaged or too long."""
    if kind == b"zTXt":
        return _inflated(body[len(keyword) + 1 :], _MAX_TEXT)
    if kind == b"iTXt":  # compression flag and method, language, translated keyword
        *_, text = body[len(keyword) + 2 :].split(b"\0", 2)
        return _inflated(text, _MAX_TEXT) if body[len(keyword) :][:1] > b"\0" else text
    return body[len(keyword) :]


def _exif_text(kind: bytes, body: bytes) -> bytes | None:
    """Return the EXIF data in a text chunk: hexadecimal digits after the lines "exif" and their number."""
    keyword = next((word for word in _EXIF_TEXTS if body.startswith(word)), None)
    text = _text(kind, body, keyword) if keyword else None
    try:
        return bytes.fromhex(b"".join((text or b"").split()[2:]).decode("ascii"))
    except ValueError:  # no digits
        return None
