"""What an AVIF or HEIC says of its picture in boxes that decoders do not pass on (ISO/IEC 14496-12, 23008-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import SEEK_CUR
from typing import BinaryIO, NamedTuple

from .pixel_shape import pixel_height

WRONG_CROP = "An AVIF asks for a part of its picture that is not there, so the whole is drawn"

_MAX_META = 4 * 1024 * 1024  # bytes
_MAX_BOXES = 1000  # before the one that describes the picture
_USUAL_PRIMARIES = (1, 2, 5, 6, 7)  # of ITU-T H.273: BT.709, unknown, and those of television, which are close
_USUAL_CURVES = (1, 2, 4, 6, 13, 14, 15)  # 4 is a gamma of 2.2

Box = tuple[int, int, int, int]  # left, top, right, bottom


class Properties(NamedTuple):
    """`aperture` is the part to show (clap); `unusual` says whether the colours are not those of sRGB (nclx).

    `pixel_height` is that of a pixel in widths (pasp), as stored; `lies` says whether the picture is turned on its
    side to be shown (irot).
    """

    aperture: bytes | None = None
    unusual: bool = False
    pixel_height: float = 1.0
    lies: bool = False

    def crop(self, size: tuple[int, int]) -> Box | None:
        """Return the part of a picture of this size to show; None for all of it.

        Raises ValueError when that part is not there.
        """
        if self.aperture is None:
            return None
        numbers = struct.unpack(">8i", self.aperture)
        if not all(numbers[1::2]):
            raise ValueError(WRONG_CROP)
        wide, high, right, down = (top / bottom for top, bottom in zip(numbers[::2], numbers[1::2], strict=True))
        left, top = right + (size[0] - wide) / 2, down + (size[1] - high) / 2
        box = round(left), round(top), round(left + wide), round(top + high)
        if not (0 <= box[0] < box[2] <= size[0] and 0 <= box[1] < box[3] <= size[1]):
            raise ValueError(WRONG_CROP)
        return None if box == (0, 0, *size) else box


def properties(file: BinaryIO) -> Properties:
    """Return what a file says of its main picture; what makes no sense is left to the decoder."""
    try:
        found = list(_of_main_item(_meta(file)))
    except (struct.error, IndexError):
        return Properties()
    aperture = next((body for kind, body in found if kind == b"clap" and len(body) == 32), None)
    colours = [body for kind, body in found if kind == b"colr" and body[:4] == b"nclx" and len(body) >= 8]
    codes = [struct.unpack_from(">HH", body, 4) for body in colours]
    unusual = any(points not in _USUAL_PRIMARIES or curve not in _USUAL_CURVES for points, curve in codes)
    shape = next((struct.unpack(">II", body) for kind, body in found if kind == b"pasp" and len(body) == 8), (1, 1))
    lies = any(kind == b"irot" and body[:1] and body[0] & 1 for kind, body in found)
    return Properties(aperture, unusual, pixel_height(shape[1], shape[0]), lies)


def _meta(file: BinaryIO) -> bytes:
    """Return the box that describes the pictures, without its head; empty when there is none."""
    file.seek(0)
    for _ in range(_MAX_BOXES):
        head = file.read(8)
        if len(head) < 8:
            return b""
        size, kind = struct.unpack(">I4s", head)
        size = struct.unpack(">Q", file.read(8))[0] - 16 if size == 1 else size - 8
        if kind == b"meta":
            return file.read(min(max(size, 0), _MAX_META))[4:]
        if size < 0:
            return b""
        file.seek(size, SEEK_CUR)
    return b""


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the body of each box."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8:
            return
        yield kind, data[at + 8 : at + size]
        at += size


def _of_main_item(meta: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the properties of the main picture (pitm, iprp, ipma)."""
    inside = dict(_boxes(meta))
    main = _number(inside.get(b"pitm", b""), 4, long=inside.get(b"pitm", b"\0")[0] > 0)
    every = [each for kind, body in _boxes(inside.get(b"iprp", b"")) if kind == b"ipco" for each in _boxes(body)]
    for kind, body in _boxes(inside.get(b"iprp", b"")):
        for item, places in _associations(body) if kind == b"ipma" else ():
            if item == main:
                yield from (every[place - 1] for place in places if place)


def _associations(body: bytes) -> Iterator[tuple[int, list[int]]]:
    """Yield the number of each picture and the places of its properties, from 1."""
    long, wide = body[0] > 0, body[3] & 1
    at = 8
    for _ in range(_number(body, 4, long=True)):
        item = _number(body, at, long=long)
        at += 4 if long else 2
        count, step = body[at], 1 + wide
        ends = range(at + 1, at + 1 + count * step, step)
        yield item, [int.from_bytes(body[each : each + step]) & (0x7FFF if wide else 0x7F) for each in ends]
        at += 1 + count * step


def _number(data: bytes, at: int, *, long: bool) -> int:
    return int(struct.unpack_from(">I" if long else ">H", data, at)[0])
