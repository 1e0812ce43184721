"""Files that hold fewer rows than they promise, although nothing in them is cut off or damaged."""

from __future__ import annotations

import io
import struct
import zlib
from itertools import pairwise

import pytest
from PIL import Image

from pipeline.errors import UnreadableSource
from pipeline.pdf.images import Picture, read_picture

from .picture_files import LIMIT, palette, quadrants, read, saved
from .shown import assert_looks_like

WIDTH, HEIGHT = 40, 21
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
KINDS = [(8, 0, 8), (1, 0, 1), (2, 3, 2), (8, 2, 24), (16, 2, 48), (8, 4, 16), (8, 6, 32)]  # depth, colours, bits


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def rows(bits: int, interlaced: bool) -> list[bytes]:
    """Each row with its filter, as PNG orders them."""
    found = []
    for left, top, across, down in PASSES if interlaced else [(0, 0, 1, 1)]:
        columns = len(range(left, WIDTH, across))
        found += [bytes(1 + -(-columns * bits // 8)) for _ in range(top, HEIGHT, down) if columns]
    return found


def png(depth: int, colours: int, interlaced: bool, data: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colours, 0, 0, interlaced)
    palette = chunk(b"PLTE", bytes(12)) if colours == 3 else b""
    body = chunk(b"IHDR", header) + palette + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("depth", "colours", "bits"), KINDS)
def test_a_png_with_fewer_rows_than_its_header_says_is_refused(
    depth: int, colours: int, bits: int, interlaced: bool
) -> None:
    all_rows = rows(bits, interlaced)
    assert read(png(depth, colours, interlaced, b"".join(all_rows))).height == HEIGHT
    with pytest.raises(UnreadableSource, match="truncated"):
        read(png(depth, colours, interlaced, b"".join(all_rows[:-1])))


def frame(file: bytes, number: int) -> Picture:
    return read_picture(io.BytesIO(file), LIMIT, frame=number)


def test_a_later_frame_of_a_png_has_all_its_rows_too() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    whole = saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    at = whole.index(b"fdAT")
    length = int.from_bytes(whole[at - 4 : at])
    short = zlib.compress(zlib.decompress(whole[at + 8 : at + 4 + length])[: 61 * 10])
    changed = whole[: at - 4] + chunk(b"fdAT", whole[at + 4 : at + 8] + short) + whole[at + 8 + length :]
    assert frame(whole, 1).height == frame(changed, 0).height == 20
    with pytest.raises(UnreadableSource, match="truncated"):
        frame(changed, 1)


def strips() -> tuple[bytes, list[int]]:
    """A grey TIFF in four strips, one after the other, and where they begin."""
    whole = saved(quadrants().convert("L"), "TIFF", tiffinfo={278: 8})
    with Image.open(io.BytesIO(whole)) as opened:
        offsets = list(opened.tag_v2[273])  # type: ignore[attr-defined]
    assert [b - a for a, b in pairwise(offsets)] == [64 * 8] * 3
    return whole, offsets


def test_a_tiff_with_fewer_strips_than_rows_is_refused() -> None:
    whole, _ = strips()
    at = whole.index(struct.pack("<HHI", 273, 4, 4)) + 4
    with pytest.raises(UnreadableSource, match="truncated"):
        read(whole[:at] + struct.pack("<I", 3) + whole[at + 4 :])


def test_what_is_missing_is_said_for_people() -> None:
    whole, _ = strips()
    no_places = whole.replace(struct.pack("<HHI", 273, 4, 4), struct.pack("<HHI", 273, 7, 16))
    with pytest.raises(UnreadableSource, match="not said in numbers"):
        read(no_places)
    with pytest.raises(UnreadableSource, match="its data are damaged, or cut off"):
        read(saved(palette(), "GIF").removesuffix(b";") + b"," + bytes(9))  # another frame begins


def test_a_strip_that_reaches_into_the_next_one_is_refused() -> None:
    whole, places = strips()
    table = struct.pack("<4I", *places)
    assert whole.count(table) == 1
    with pytest.raises(UnreadableSource, match="truncated"):
        read(whole.replace(table, struct.pack("<4I", *places[:2], places[2] - 64, places[3] - 64)))
    shared = struct.pack("<4I", places[0], places[0], places[2], places[2])
    assert_looks_like(read(whole.replace(table, shared)), quadrants().convert("L"))
