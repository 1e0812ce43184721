"""Picture files of every kind, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any

from PIL import Image, ImageCms

from pipeline.pdf.images import Picture, read_picture

LIMIT = 40_000_000


Colour = tuple[int, ...]


RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 200, 30), (30, 30, 220), (230, 220, 30)


def quadrants(colours: Sequence[Any] = (RED, GREEN, BLUE, YELLOW), mode: str = "RGB") -> Image.Image:
    """64 x 32 pixels: a colour for each corner, so that every turn and flip is seen."""
    image = Image.new(mode, (64, 32))
    for colour, corner in zip(colours, ((0, 0), (32, 0), (0, 16), (32, 16)), strict=True):
        image.paste(colour, (*corner, corner[0] + 32, corner[1] + 16))
    return image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int, **more: str) -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    if place := more.get("place"):
        data[0x010F] = "Camera serial 12345"
        data.get_ifd(0x8825)[0x001D] = place
    return data.tobytes()


def read(data: bytes, max_pixels: int = LIMIT) -> Picture:
    return read_picture(io.BytesIO(data), max_pixels)


def with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    """The JPEG with one more segment, right after its beginning."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + jpeg[2:]


def without_segments(jpeg: bytes, marker: int) -> bytes:
    """The JPEG without the segments of one kind that stand before its picture data."""
    kept, offset = jpeg[:2], 2
    while jpeg[offset + 1] != 0xDA:
        end = offset + 2 + int.from_bytes(jpeg[offset + 2 : offset + 4])
        kept += jpeg[offset:end] if jpeg[offset + 1] != marker else b""
        offset = end
    return kept + jpeg[offset:]


INKS = [(0, 255, 255, 0), (255, 0, 255, 0), (0, 0, 0, 255), (0, 0, 0, 0)]


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG made by hand; `rows` are unfiltered, each with its leading 0."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return png_of((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def translucent() -> Image.Image:
    return quadrants(((*RED, 255), (*GREEN, 128), (*BLUE, 0), (*YELLOW, 255)), "RGBA")


def grey_alpha() -> Image.Image:
    return quadrants(((9, 255), (90, 90), (180, 0), (255, 255)), "LA")


def palette(**info: Any) -> Image.Image:
    image = quadrants((0, 1, 2, 3), "P")
    image.putpalette([*RED, *GREEN, *BLUE, *YELLOW])
    image.info.update(info)
    return image


def s15(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


@cache
def srgb() -> bytes:
    """A profile; it has the second in which it was made."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def display_p3() -> bytes:
    """sRGB's curves with the primaries of Display P3."""
    data = bytearray(srgb())
    primaries = {
        b"rXYZ": (0.5151, 0.2412, -0.0011),
        b"gXYZ": (0.2920, 0.6922, 0.0419),
        b"bXYZ": (0.1571, 0.0666, 0.7841),
    }
    for entry in range(132, 132 + 12 * int.from_bytes(data[128:132]), 12):
        tag, offset, _ = struct.unpack_from(">4sII", data, entry)
        if tag in primaries:
            data[offset + 8 : offset + 20] = s15(*primaries[tag])
    return bytes(data)
