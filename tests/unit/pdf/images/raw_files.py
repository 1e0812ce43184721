"""TIFF and BMP files, and frames of a GIF, of kinds that no library writes, made from their numbers."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence

_SHORT, _LONG = 3, 4


def tiff(
    width: int, height: int, photometric: int, bits: int, numbers: Sequence[int], order: str = "<",
    samples: int = 1, packed: bool = False, planes: bool = False, form: int = 1, alpha: int | None = 2,
    more: Iterable[tuple[int, list[int]]] = (),
) -> bytes:  # fmt: skip
    """A TIFF of one strip, or of one a plane; `numbers` row by row, `more` are tags with short values."""
    count = width * height
    layers = [numbers[layer::samples] for layer in range(samples)] if planes else [numbers]
    each = 1 if planes else samples
    strips = [_rows(layer, width * each, bits, order) for layer in layers]
    strips = [zlib.compress(strip) for strip in strips] if packed else strips
    assert len(numbers) == count * samples
    tags = {
        256: [width], 257: [height], 258: [bits] * samples, 259: [8 if packed else 1], 262: [photometric],
        273: [0] * len(strips), 277: [samples], 278: [height], 279: [len(strip) for strip in strips],
        284: [2 if planes else 1], 339: [form] * samples,
    } | dict(more)  # fmt: skip
    if samples == 4 and photometric == 2 and alpha is not None:
        tags[338] = [alpha]
    return _file(tags, strips, order)


def _rows(numbers: Sequence[int], across: int, bits: int, order: str) -> bytes:
    if bits >= 16:
        return struct.pack(f"{order}{len(numbers)}{'H' if bits == 16 else 'I'}", *numbers)
    out = b""
    for start in range(0, len(numbers), across):
        row = "".join(f"{number:0{bits}b}" for number in numbers[start : start + across])
        row = row.ljust(-(-len(row) // 8) * 8, "0")
        out += int(row, 2).to_bytes(len(row) // 8)
    return out


def _file(tags: dict[int, list[int]], strips: list[bytes], order: str) -> bytes:
    long = {256, 257, 273, 278, 279, 34665}
    size = {tag: len(values) * (4 if tag in long else 2) for tag, values in tags.items()}
    at = 8 + 2 + 12 * len(tags) + 4
    places = {}
    for tag in sorted(tags):
        if size[tag] > 4:
            places[tag] = at
            at += size[tag] + size[tag] % 2
    for index, strip in enumerate(strips):
        tags[273][index] = at
        at += len(strip)
    head, blob = struct.pack(f"{order}H", len(tags)), b""
    for tag, values in sorted(tags.items()):
        kind = _LONG if tag in long else _SHORT
        packed = struct.pack(f"{order}{len(values)}{'I' if kind == _LONG else 'H'}", *values)
        if tag in places:
            blob += packed + b"\0" * (len(packed) % 2)
            packed = struct.pack(f"{order}I", places[tag])
        head += struct.pack(f"{order}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}I", 8) + head + bytes(4) + blob + b"".join(strips)


def bmp(width: int, height: int, bits: int, header: int, noise: bytes, top_down: bool) -> tuple[bytes, bytes]:
    """A BMP of these bits a pixel and bytes of header, and its pixels as RGB, row by row from the top."""
    palette = [bytes((n * 37 % 256, n * 91 % 256, n * 53 % 256)) for n in range(1 << bits)] if bits <= 8 else []
    numbers = [int.from_bytes(noise[n * 4 : n * 4 + 4]) >> 32 - bits for n in range(width * height)]
    if bits == 16:
        numbers = [number & 0x7FFF for number in numbers]
    rows = []
    for row in range(height):
        line = numbers[row * width : (row + 1) * width]
        packed = "".join(f"{number:0{bits}b}" for number in line)
        data = int(packed.ljust(-(-len(packed) // 8) * 8, "0"), 2).to_bytes(-(-len(packed) // 8))
        if bits >= 16:
            data = b"".join(number.to_bytes(bits // 8, "little") for number in line)
        rows.append(data.ljust(-(-len(data) // 4) * 4, b"\0"))
    pixels = b"".join(_rgb(number, bits, palette) for number in numbers)
    body = b"".join(rows if top_down else reversed(rows))
    colours = b"".join(colour[::-1] + (b"" if header == 12 else b"\0") for colour in palette)
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        signed = -height if top_down else height
        info = struct.pack("<IiiHHIIiiII", header, width, signed, 1, bits, 0, len(body), 0, 0, len(palette), 0)
        info = info.ljust(header, b"\0")
    offset = 14 + len(info) + len(colours)
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + info + colours + body, pixels


def _rgb(number: int, bits: int, palette: list[bytes]) -> bytes:
    if bits <= 8:
        return palette[number]
    if bits == 16:
        return bytes((number >> shift & 31) * 255 // 31 for shift in (10, 5, 0))
    return bytes((number >> 16 & 255, number >> 8 & 255, number & 255))


def gif_frame(left: int, top: int, width: int, height: int) -> bytes:
    """A frame of one pixel, whatever its size says."""
    return b"," + struct.pack("<4HB", left, top, width, height, 0) + b"\x02\x02\x44\x01\0"
