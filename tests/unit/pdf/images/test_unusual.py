"""TIFFs and BMPs that describe other colours than those of sRGB, without a profile."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

import pytest
from PIL import ImageCms, TiffImagePlugin

from pipeline.pdf.images.exif import IN_ADOBE_RGB
from pipeline.pdf.images.unusual import UNUSUAL, unusual_curve

from .picture_files import quadrants, read, saved
from .raw_files import tiff

WIDE = [Fraction(each, 1000) for each in (680, 320, 265, 690, 150, 60)]
USUAL = [Fraction(each, 100) for each in (64, 33, 30, 60, 15, 6)]
LIGHT, PRIMARIES, DOTS, WEIGHTS, BLACK_WHITE = 301, 319, 336, 529, 532
SRGB = [
    round(65535 * (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4))
    for x in (i / 255 for i in range(256))
]
SHORT, RATIONAL = 3, 5


def tagged(mode: str, tag: int, kind: int, values: list[Any], **options: Any) -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags.tagtype[tag] = kind
    tags[tag] = tuple(values)
    return saved(quadrants().convert(mode), "TIFF", tiffinfo=tags, **options)


@pytest.mark.parametrize(
    ("mode", "tag", "kind", "values", "remarks"),
    [
        ("RGB", PRIMARIES, RATIONAL, WIDE, (UNUSUAL,)),
        ("RGB", PRIMARIES, RATIONAL, USUAL, ()),
        ("RGB", LIGHT, SHORT, [257 * i for i in range(256)], (UNUSUAL,)),
        ("RGB", LIGHT, SHORT, SRGB, ()),
        ("RGB", LIGHT, SHORT, 3 * SRGB, ()),
        ("L", LIGHT, SHORT, [257 * i for i in range(256)], (UNUSUAL,)),
        ("RGB", BLACK_WHITE, RATIONAL, [16, 235] * 3, (UNUSUAL,)),
        ("RGB", BLACK_WHITE, RATIONAL, [0, 255] * 3, ()),
        ("YCbCr", BLACK_WHITE, RATIONAL, [15, 235, 128, 240, 128, 240], (UNUSUAL,)),
        ("YCbCr", BLACK_WHITE, RATIONAL, [0, 255, 128, 255, 128, 255], ()),
        (
            "YCbCr",
            WEIGHTS,
            RATIONAL,
            [Fraction(2126, 10000), Fraction(7152, 10000), Fraction(722, 10000)],
            (UNUSUAL,),
        ),
        ("YCbCr", WEIGHTS, RATIONAL, [Fraction(299, 1000), Fraction(587, 1000), Fraction(114, 1000)], ()),
    ],
)
def test_other_colours_of_a_tiff_are_named(
    mode: str, tag: int, kind: int, values: list[Any], remarks: tuple[str, ...]
) -> None:
    assert read(tagged(mode, tag, kind, values)).remarks == remarks
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if mode == "RGB":
        assert read(tagged(mode, tag, kind, values, icc_profile=profile)).remarks == ()


@pytest.mark.parametrize(("dots", "remarks"), [([0, 255], ()), ([255, 0], (UNUSUAL,))])
def test_inks_that_are_counted_backwards_are_named(dots: list[int], remarks: tuple[str, ...]) -> None:
    assert read(tiff(2, 1, 5, 8, [0, 0, 0, 0, 9, 9, 9, 9], samples=4, more=[(DOTS, dots)])).remarks == remarks


@pytest.mark.parametrize(
    ("kind", "points", "gamma", "remarks"),
    [
        (b"BGRs", WIDE, 1.0, ()),
        (bytes(4), [], 0, ()),
        (bytes(4), USUAL, 2.2, ()),
        (bytes(4), USUAL, 1.0, (UNUSUAL,)),
        (bytes(4), WIDE, 0, (UNUSUAL,)),
    ],
)
def test_other_colours_of_a_bmp_are_named(
    kind: bytes, points: list[Fraction], gamma: float, remarks: tuple[str, ...]
) -> None:
    data = saved(quadrants(), "BMP")
    lights = [
        int(each * 2**30) for x, y in zip(points[::2], points[1::2], strict=True) for each in (x, y, 1 - x - y)
    ]
    colours = kind + struct.pack("<9i3I", *(lights or [0] * 9), *[int(gamma * 65536)] * 3)
    header = struct.pack("<I", 108) + data[18:54] + struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0) + colours
    assert read(data[:10] + struct.pack("<I", 14 + 108) + header + data[54:]).remarks == remarks


def test_a_curve_of_no_or_one_value_says_nothing() -> None:
    assert not unusual_curve([]) and not unusual_curve([0.5])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("index", "remarks"), [(b"R03\0", (IN_ADOBE_RGB,)), (b"R98\0", ())])
def test_a_tiff_of_a_camera_in_adobe_rgb_is_named(index: bytes, remarks: tuple[str, ...], order: str) -> None:
    grey = [0, 80, 160, 255]
    at = len(tiff(2, 2, 1, 8, grey, order, more=[(34665, [0])]))
    camera = struct.pack(f"{order}HHHIII", 1, 0xA005, 4, 1, at + 18, 0)
    camera += struct.pack(f"{order}HHHI4sI", 1, 1, 2, 4, index, 0)
    assert read(tiff(2, 2, 1, 8, grey, order, more=[(34665, [at])]) + camera).remarks == remarks


@pytest.mark.parametrize(
    ("photometric", "curve", "remarks"),
    [(0, SRGB[::-1], ()), (0, SRGB, (UNUSUAL,)), (1, SRGB, ()), (1, SRGB[::-1], (UNUSUAL,))],
)
def test_the_curve_of_a_tiff_where_0_is_white_falls(
    photometric: int, curve: list[int], remarks: tuple[str, ...]
) -> None:
    assert read(tiff(2, 2, photometric, 8, [0, 80, 160, 255], more=[(LIGHT, curve)])).remarks == remarks
