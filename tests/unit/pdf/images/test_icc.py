"""Colour profiles: which are kept."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms

from pipeline.pdf.images import icc, read_picture
from pipeline.pdf.images.exif import IN_ADOBE_RGB
from pipeline.pdf.images.scaling import Room

from .picture_files import (
    LIMIT,
    display_p3,
    palette,
    quadrants,
    read,
    saved,
    srgb,
    with_segment,
)
from .shown import (
    assert_looks_like,
    content,
    corners,
    samples,
)

MUTED = ((200, 60, 60), (60, 200, 60), (60, 60, 200), (200, 200, 60))


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("TIFF", {}), ("JPEG", {"quality": 95, "subsampling": 0})]
)
def test_a_wide_profile_is_kept_and_shown(kind: str, options: dict[str, Any]) -> None:
    picture = read(saved(quadrants(MUTED), kind, icc_profile=display_p3(), **options))
    assert picture.profile is not None
    assert b"/N 3/Alternate/DeviceRGB" in picture.profile.entries
    assert zlib.decompress(content(picture.profile)) == display_p3()
    assert b"/ColorSpace" not in picture.image.entries
    as_p3 = ImageCms.ImageCmsProfile(io.BytesIO(display_p3()))
    expected = ImageCms.profileToProfile(quadrants(MUTED), as_p3, ImageCms.createProfile("sRGB"))
    assert expected is not None
    assert corners(expected) != corners(quadrants(MUTED))
    assert_looks_like(picture, expected, 6)


def test_a_palette_with_a_profile_becomes_colours() -> None:
    picture = read(saved(palette(), "PNG", icc_profile=display_p3()))
    assert picture.profile is not None
    assert b"/Indexed" not in picture.image.entries
    assert samples(picture) == quadrants().tobytes()


@pytest.mark.parametrize("data", [srgb(), display_p3()[:300], b"no profile at all" * 20, b""])
def test_a_plain_or_damaged_profile_is_dropped(data: bytes) -> None:
    for kind in ("JPEG", "TIFF"):
        picture = read(saved(quadrants(), kind, icc_profile=data))
        assert picture.profile is None
        assert b"/ColorSpace/DeviceRGB" in picture.image.entries


@pytest.mark.parametrize(("offset", "value"), [(12, b"link"), (12, b"\xff\xfe\0\0"), (16, b"\xc3RGB")])
def test_a_profile_that_pdf_forbids_is_dropped(offset: int, value: bytes) -> None:
    data = display_p3()[:offset] + value + display_p3()[offset + 4 :]
    assert read(saved(quadrants(), "JPEG", icc_profile=data)).profile is None


def test_a_profile_for_other_components_is_dropped() -> None:
    picture = read(saved(quadrants((0, 90, 180, 255), "L"), "JPEG", icc_profile=display_p3()))
    assert picture.profile is None
    assert b"/ColorSpace/DeviceGray" in picture.image.entries


def test_a_profile_in_parts_is_put_together_by_their_numbers() -> None:
    data, profile = saved(quadrants(), "JPEG"), display_p3()
    first = with_segment(data, 0xE2, b"ICC_PROFILE\0\x01\x02" + profile[:200])
    both = with_segment(first, 0xE2, b"ICC_PROFILE\0\x02\x02" + profile[200:])
    whole = read(both).profile
    assert whole is not None
    assert zlib.decompress(content(whole)) == profile


@pytest.mark.parametrize("head", [b"\1\2", b"\0\1", b"\1\0", b""], ids=["missing", "from 0", "of 0", "empty"])
def test_a_profile_whose_parts_are_not_all_there_is_left_out_and_named(head: bytes) -> None:
    part = b"ICC_PROFILE\0" + head + (display_p3() if head else b"\1\1")
    picture = read(with_segment(saved(quadrants(), "JPEG"), 0xE2, part))
    assert picture.profile is None and picture.remarks == (icc.UNUSABLE,)


@pytest.mark.parametrize("kind", [b"DEBM", b"KNIL"], ids=["in the file", "in another file"])
def test_the_profile_of_a_bmp_is_kept_or_named(kind: bytes) -> None:
    data, profile = saved(quadrants(), "BMP"), display_p3()
    header = struct.pack("<I", 124) + data[18:54] + struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0)
    places = struct.pack("<4I", 4, 124 + len(data) - 54, len(profile), 0)
    picture = read(data[:10] + struct.pack("<I", 138) + header + kind + bytes(48) + places + data[54:] + profile)
    whole = picture.profile and zlib.decompress(content(picture.profile))
    assert (whole, picture.remarks) == ((profile, ()) if kind == b"DEBM" else (None, (icc.UNUSABLE,)))


def test_a_huge_profile_is_left_out() -> None:
    data = saved(quadrants(), "JPEG", icc_profile=display_p3() + bytes(5_000_000))
    assert read(data).profile is None


@pytest.mark.parametrize(
    ("index", "options", "remarks"),
    [
        ("R03", {}, (IN_ADOBE_RGB,)),
        ("R98", {}, ()),
        ("R03", {"icc_profile": display_p3()}, ()),
    ],
)
def test_a_photo_in_adobe_rgb_without_a_profile_is_named(
    index: str, options: dict[str, Any], remarks: tuple[str, ...]
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA005] = {1: index}
    data = saved(quadrants(), "JPEG", exif=exif, **options)
    assert read(data).remarks == remarks
    assert read_picture(io.BytesIO(data), LIMIT, Room(8, 8)).remarks == remarks


@pytest.mark.parametrize("numbers", [b"", b"\1"])
def test_a_part_of_a_profile_without_its_numbers_is_left_out_and_named(numbers: bytes) -> None:
    part = b"ICC_PROFILE\0" + numbers
    data = saved(quadrants(MUTED), "JPEG")
    picture = read(data[:2] + b"\xff\xe2" + (2 + len(part)).to_bytes(2, "big") + part + data[2:])
    assert picture.profile is None
    assert len(picture.remarks) == 1 and "profile" in picture.remarks[0]
