"""Pictures are upright, whatever their EXIF orientation."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from PIL import Image

from pipeline.pdf.images.exif import TURNED_BY_XMP

from .picture_files import (
    exif,
    png_of,
    quadrants,
    read,
    saved,
    with_segment,
)
from .shown import (
    assert_looks_like,
    seen_by_pillow,
)

EXACT: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_orientation_is_upright(kind: str, orientation: int) -> None:
    options = EXACT.get(kind, {})
    data = saved(quadrants(), kind, exif=exif(orientation), **options)
    picture = read(data)
    assert picture.orientation in range(1, 9)
    assert picture.size == seen_by_pillow(data).size
    assert_looks_like(picture, seen_by_pillow(data))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_matrix_fills_exactly_its_box(orientation: int) -> None:
    picture = read(saved(quadrants(), "JPEG", exif=exif(orientation)))
    a, b, c, d, e, f = picture.placement(10, 20, 300, 400)
    points = {(a * u + c * v + e, b * u + d * v + f) for u in (0, 1) for v in (0, 1)}
    assert points == {(10, 20), (310, 20), (10, 420), (310, 420)}


@pytest.mark.parametrize(("kind", "value"), [(1, b"\6\0\0\0"), (3, b"\6\0\0\0"), (4, b"\6\0\0\0")])
def test_an_orientation_may_be_a_number_of_any_length(kind: int, value: bytes) -> None:
    directory = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHI", 0x0112, kind, 1) + value + bytes(4)
    data = with_segment(saved(quadrants(), "JPEG", **EXACT["JPEG"]), 0xE1, b"Exif\0\0" + directory)
    assert read(data).orientation == 6


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description %s</x:xmpmeta>'
SPELLINGS = [b'tiff:Orientation="6"/>', b"tiff:Orientation = '6' />", b"><tiff:Orientation>6</tiff:Orientation>"]
APP1 = b"http://ns.adobe.com/xap/1.0/\0"


def in_png(xmp: bytes) -> bytes:
    text = png_of((b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + xmp))[8:]
    data = saved(quadrants(), "PNG")
    return data[:33] + text + data[33:]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_without_exif_the_orientation_in_xmp_counts_and_is_named(kind: str, spelling: bytes) -> None:
    xmp = XMP % spelling
    data = in_png(xmp) if kind == "PNG" else saved(quadrants(), kind, xmp=xmp, **EXACT[kind])
    picture = read(data)
    assert (picture.orientation, picture.remarks) == (6, (TURNED_BY_XMP,))
    assert_looks_like(picture, quadrants().transpose(Image.Transpose.ROTATE_270))


def test_exif_counts_before_xmp() -> None:
    data = with_segment(saved(quadrants(), "JPEG", exif=exif(8)), 0xE1, APP1 + XMP % SPELLINGS[0])
    assert (read(data).orientation, read(data).remarks) == (8, ())
