"""JPEGs: copied without decoding, without their metadata."""

from __future__ import annotations

import io
import struct
import tracemalloc
from typing import Any

import pytest
from PIL import Image

from pipeline.errors import UnreadableSource
from pipeline.pdf.images import read_picture

from .picture_files import (
    INKS,
    LIMIT,
    exif,
    quadrants,
    read,
    saved,
    with_segment,
    without_segments,
)
from .shown import (
    assert_looks_like,
    content,
    seen_by_pillow,
)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"garbage that is no TIFF",
        b"II*\0\xff\xff\xff\x7f",
        b"MM\0*\0\0\0\x08\xff\xff",
        b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x0112, 3, 1, 4711) + bytes(4),
        b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x0112, 2, 1, 6) + bytes(4),
    ],
)
def test_garbage_for_exif_means_upright(garbage: bytes) -> None:
    data = with_segment(saved(quadrants(), "JPEG"), 0xE1, b"Exif\0\0" + garbage)
    assert read(data).orientation == 1


@pytest.mark.parametrize(("order", "mark"), [("<", b"II*\0"), (">", b"MM\0*")])
def test_exif_is_read_in_both_byte_orders(order: str, mark: bytes) -> None:
    directory = struct.pack(order + "IHHHIHH", 8, 1, 0x0112, 3, 1, 6, 0)
    data = with_segment(saved(quadrants(), "JPEG"), 0xE1, b"Exif\0\0" + mark + directory)
    assert read(data).orientation == 6


def frame_header(jpeg: bytes) -> int:
    return next(at for at in range(len(jpeg)) if jpeg[at] == 0xFF and jpeg[at + 1] in (0xC0, 0xC2))


@pytest.mark.parametrize(
    ("image", "options", "tolerance"),
    [
        (quadrants(), {"subsampling": 0}, 8),
        (quadrants(), {"progressive": True}, 12),
        (quadrants(), {"restart_marker_rows": 1}, 12),
        (quadrants((0, 90, 180, 255), "L"), {}, 8),
        (quadrants(INKS, "CMYK"), {}, 95),  # PDFium shows inks as on paper, Pillow as plain complements
    ],
)
def test_jpegs_pass_through_and_look_the_same(image: Image.Image, options: dict[str, Any], tolerance: int) -> None:
    data = saved(image, "JPEG", quality=95, **options)
    picture = read(data)
    assert b"/DCTDecode" in picture.image.entries
    assert_looks_like(picture, Image.open(io.BytesIO(data)).convert("RGB"), tolerance)
    with Image.open(io.BytesIO(content(picture.image))) as copy, Image.open(io.BytesIO(data)) as original:
        assert copy.tobytes() == original.tobytes()


def test_inks_are_inverted_only_when_adobe_says_so() -> None:
    data = saved(quadrants(INKS, "CMYK"), "JPEG")
    assert b"/Decode[1 0 1 0 1 0 1 0]" in read(data).image.entries
    assert b"/Decode[" not in read(without_segments(data, 0xEE)).image.entries


def test_a_jpeg_with_rgb_components_keeps_its_colours() -> None:
    data = without_segments(saved(quadrants(), "JPEG", quality=95, keep_rgb=True), 0xEE)
    picture = read(data)
    assert b"/ColorTransform 0" in picture.image.entries
    assert_looks_like(picture, quadrants())


def test_no_location_serial_number_or_thumbnail_is_kept() -> None:
    data = saved(quadrants(), "JPEG", exif=exif(6, place="59.9139 North"), comment=b"Call me")
    data = with_segment(data, 0xE0, b"JFXX\0\x10thumbnail")
    data = with_segment(data, 0xE0, b"JFIF\0\1\1\0\0\1\0\1\1\2shrunk")
    data = with_segment(data, 0xED, b"Photoshop 3.0\0by somebody")
    end = data.rindex(b"\xff\xd9")
    data = data[:end] + struct.pack(">BBH", 0xFF, 0xFE, 6) + b"late" + data[end:]
    secrets = (b"59.9139", b"serial", b"Call me", b"thumbnail", b"shrunk", b"somebody", b"Exif", b"late")
    assert all(secret in data for secret in secrets)
    copied = content(read(data).image)
    assert not [secret for secret in secrets if secret in copied]
    with Image.open(io.BytesIO(copied)) as copy, Image.open(io.BytesIO(data)) as original:
        assert copy.tobytes() == original.tobytes()


def test_what_follows_the_picture_is_left_out() -> None:
    data = saved(quadrants(), "JPEG")
    for trailer in (b"\0" * 9, data, b"film \xff\xd9 film", b"x" * 1_000_000):
        assert content(read(data + trailer).image) == data


def test_a_jpeg_that_pdf_cannot_hold_is_decoded() -> None:
    data = saved(quadrants(), "JPEG", quality=95, exif=exif(6), subsampling=0)
    bare = without_segments(data, 0xC4)  # as in motion JPEG: the tables are the standard's
    picture = read(bare)
    assert b"/FlateDecode" in picture.image.entries
    assert picture.orientation == 6
    assert_looks_like(picture, seen_by_pillow(data))


@pytest.mark.parametrize(
    ("offset", "value"),
    [(1, b"\xc3"), (4, b"\x0c"), (5, b"\0\0"), (7, b"\0\0"), (9, b"\x02")],
    ids=["lossless", "12 bits", "no height", "no width", "two components"],
)
def test_a_jpeg_that_nobody_can_decode_is_refused(offset: int, value: bytes) -> None:
    data = bytearray(saved(quadrants(), "JPEG"))
    at = frame_header(bytes(data)) + offset
    data[at : at + len(value)] = value
    with pytest.raises(UnreadableSource):
        read(bytes(data))


def test_arithmetic_coding_is_not_passed_through() -> None:
    data = bytearray(saved(quadrants(), "JPEG"))
    data[frame_header(bytes(data)) + 1] = 0xC9
    assert b"/FlateDecode" in read(bytes(data)).image.entries


def test_a_flood_of_segments_is_refused() -> None:
    data = saved(quadrants(), "JPEG")
    with pytest.raises(UnreadableSource, match="marker segments"):
        read(data[:2] + b"\xff\xfe\0\x02" * 20_000 + data[2:])


def test_a_jpeg_is_copied_in_small_blocks() -> None:
    data = io.BytesIO(saved(Image.effect_noise((2500, 2000), 120), "JPEG", quality=98))
    assert len(data.getbuffer()) > 4_000_000
    tracemalloc.start()
    try:
        picture = read_picture(data, LIMIT)
        total = sum(len(block) for block in picture.image.read())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == picture.image.length
    assert peak < 1_000_000


def test_a_file_that_shrinks_is_noticed() -> None:
    file = io.BytesIO(saved(quadrants(), "JPEG"))
    picture = read_picture(file, LIMIT)
    file.truncate(100)
    with pytest.raises(UnreadableSource, match="shorter"):
        list(picture.image.read())
