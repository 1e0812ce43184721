"""AVIF and HEIC: the part to show, and colours that are not those of sRGB."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image, ImageCms

from pipeline.pdf.images.boxes import WRONG_CROP, properties
from pipeline.pdf.images.exif import IN_ADOBE_RGB
from pipeline.pdf.images.pixel_shape import NOT_SQUARE
from pipeline.pdf.images.unusual import UNUSUAL

from .picture_files import exif, quadrants, read, saved
from .shown import assert_looks_like
from .test_heic import TURNED

PLAIN = saved(quadrants(), "AVIF", quality=100, subsampling="4:4:4")


def changed(file: bytes, *, primaries: int, curve: int) -> bytes:
    at = file.index(b"colrnclx") + 8
    return file[:at] + struct.pack(">HH", primaries, curve) + file[at + 4 :]


def grown(file: bytes, kind: bytes, by: int) -> bytes:
    """The file with another size written into the only box of a kind."""
    at = file.index(kind) - 4
    return file[:at] + struct.pack(">I", int.from_bytes(file[at : at + 4]) + by) + file[at + 4 :]


def with_property(file: bytes, box: bytes) -> bytes:
    """The AVIF with one more property of its only picture, the fifth."""
    at = file.index(b"ipma") + 4
    assert file[at : at + 15] == struct.pack(">IIHB4B", 0, 1, 1, 4, 1, 2, 0x83, 4)
    places = file[at : at + 10] + b"\x05" + file[at + 11 : at + 15] + b"\x85"
    file = file[: at - 8] + box + file[at - 8 : at] + places + file[at + 15 :]
    for kind, by in ((b"meta", len(box) + 1), (b"iprp", len(box) + 1), (b"ipco", len(box)), (b"ipma", 1)):
        file = grown(file, kind, by)
    at = file.index(b"iloc") + 18  # where the data of the only picture begin, in 4 bytes
    (begin,) = struct.unpack_from(">I", file, at)
    return file[:at] + struct.pack(">I", begin + len(box) + 1) + file[at + 4 :]


def aperture(*numbers: int) -> bytes:
    return struct.pack(">I4s8i", 40, b"clap", *numbers)


@pytest.mark.parametrize(
    ("numbers", "box"),
    [
        ((32, 1, 16, 1, -16, 1, -8, 1), (0, 0, 32, 16)),
        ((64, 2, 16, 1, 32, 2, 8, 1), (32, 16, 64, 32)),
        ((64, 1, 31, 1, 0, 1, -1, 2), (0, 0, 64, 31)),
        ((64, 1, 32, 1, 0, 1, 0, 1), (0, 0, 64, 32)),
    ],
)
def test_only_the_part_of_an_avif_that_it_wants_to_show_is_drawn(
    numbers: tuple[int, ...], box: tuple[int, int, int, int]
) -> None:
    picture = read(with_property(PLAIN, aperture(*numbers)))
    assert picture.remarks == ()
    assert_looks_like(picture, quadrants().crop(box), tolerance=25)


@pytest.mark.parametrize(
    "numbers", [(70, 1, 32, 1, 0, 1, 0, 1), (32, 1, 32, 1, 17, 1, 0, 1), (32, 0, 32, 1, 0, 1, 0, 1)]
)
def test_a_part_that_is_not_there_is_named(numbers: tuple[int, ...]) -> None:
    picture = read(with_property(PLAIN, aperture(*numbers)))
    assert picture.remarks == (WRONG_CROP,)
    assert_looks_like(picture, quadrants(), tolerance=25)


@pytest.mark.parametrize("file", [PLAIN, TURNED], ids=["AVIF", "HEIC"])
@pytest.mark.parametrize(
    ("primaries", "curve", "remarks"),
    [
        *((1, 13, ()), (1, 1, ()), (2, 2, ()), (1, 4, ())),
        *((12, 13, (UNUSUAL,)), (9, 16, (UNUSUAL,)), (9, 18, (UNUSUAL,)), (1, 8, (UNUSUAL,))),
    ],
)
def test_colours_of_wide_or_bright_screens_are_named(
    file: bytes, primaries: int, curve: int, remarks: tuple[str, ...]
) -> None:
    assert read(changed(file, primaries=primaries, curve=curve)).remarks == remarks


def test_with_a_profile_the_codes_do_not_count() -> None:
    profiled = saved(
        quadrants(), "AVIF", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    )
    assert b"colrnclx" in profiled
    assert read(changed(profiled, primaries=12, curve=13)).remarks == ()


@pytest.mark.parametrize("end", range(0, len(PLAIN), 7))
def test_a_file_that_is_cut_off_says_nothing(end: int) -> None:
    assert properties(io.BytesIO(PLAIN[:end])).aperture is None


def test_a_picture_of_adobe_rgb_is_named_in_every_format() -> None:
    data = Image.Exif()
    data.get_ifd(0x8769)[0xA005] = {1: "R03"}
    camera = data.tobytes()
    for kind in ("PNG", "AVIF", "WEBP"):
        assert read(saved(quadrants(), kind, exif=camera)).remarks == (IN_ADOBE_RGB,)
        assert read(saved(quadrants(), kind, exif=exif(1))).remarks == ()


def test_pixels_of_an_avif_that_are_not_square_are_heeded() -> None:
    picture = read(with_property(PLAIN, struct.pack(">I4sII", 16, b"pasp", 1, 2)))
    assert picture.size == (64, 64) and picture.remarks == (NOT_SQUARE,)
    assert_looks_like(picture, quadrants().resize((64, 64), 0))


def test_pixels_of_a_heic_that_are_not_square_are_turned_with_it() -> None:
    """The picture is stored lying: what is its width there is its height."""
    at = TURNED.index(b"pixi")
    picture = read(TURNED[:at] + struct.pack(">4sII", b"pasp", 2, 1) + TURNED[at + 12 :])
    assert picture.size == (32, 128) and picture.remarks == (NOT_SQUARE,)
