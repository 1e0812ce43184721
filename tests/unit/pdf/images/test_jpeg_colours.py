"""Colours of JPEGs that are said in an unusual way: the picture looks as decoders of JPEGs show it."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops

from pipeline.pdf.images import read_picture
from pipeline.pdf.images.scaling import Room

from .picture_files import INKS, LIMIT, quadrants, read, saved, with_segment, without_segments
from .shown import assert_looks_like, rendered

JFIF = b"JFIF\0\1\1\0\0\1\0\1"
THUMBNAIL = JFIF + b"\2\2" + bytes(12)
PLAIN = without_segments(saved(quadrants(), "JPEG", quality=95, subsampling=0), 0xE0)
RGB = without_segments(saved(quadrants(), "JPEG", quality=95, subsampling=0, keep_rgb=True), 0xEE)


def named(jpeg: bytes, names: bytes) -> bytes:
    """The JPEG with other identifiers of its three components."""
    data = bytearray(jpeg)
    frame, scan = jpeg.index(b"\xff\xc0"), jpeg.index(b"\xff\xda")
    data[frame + 10 : frame + 19 : 3] = names
    data[scan + 5 : scan + 11 : 2] = names
    return bytes(data)


def adobe(transform: int) -> bytes:
    return b"Adobe\0\x64\0\0\0\0" + bytes([transform])


@pytest.mark.parametrize(
    "data",
    [
        with_segment(named(PLAIN, b"RGB"), 0xE0, JFIF + b"\0\0"),
        with_segment(named(PLAIN, b"RGB"), 0xE0, THUMBNAIL),
        with_segment(with_segment(PLAIN, 0xEE, adobe(0)), 0xE0, JFIF + b"\0\0"),
        with_segment(with_segment(PLAIN, 0xEE, adobe(0)), 0xE0, THUMBNAIL),
        with_segment(named(RGB, b"\1\2\3"), 0xEE, adobe(0)),
        named(RGB, b"RGB"),
    ],
    ids=["JFIF, RGB", "thumbnail, RGB", "JFIF, Adobe RGB", "thumbnail, Adobe RGB", "Adobe RGB", "RGB"],
)
def test_colours_are_those_that_decoders_of_jpegs_show(data: bytes) -> None:
    assert_looks_like(read(data), Image.open(io.BytesIO(data)).convert("RGB"))
    assert_looks_like(read(data), quadrants())


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_inks_without_adobe_s_marker_are_no_negative_when_scaled_down(options: dict[str, bool]) -> None:
    inverted = ImageChops.invert(quadrants(INKS, "CMYK").resize((640, 320)))
    data = without_segments(saved(inverted, "JPEG", quality=95, **options), 0xEE)
    whole = read(data)
    scaled = read_picture(io.BytesIO(data), LIMIT, Room(64, 64))
    assert scaled.width == 64
    assert_looks_like(scaled, rendered(whole).resize(scaled.size), 12)
