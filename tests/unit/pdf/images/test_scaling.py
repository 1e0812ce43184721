"""Pictures with more pixels than their room are scaled down."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from pipeline.pdf.images import Picture, read_picture
from pipeline.pdf.images.scaling import Room

from .picture_files import (
    INKS,
    LIMIT,
    display_p3,
    exif,
    palette,
    quadrants,
    saved,
    translucent,
)
from .shown import assert_looks_like, content, on_white, rendered

LARGE = (640, 320)


def scaled(data: bytes, room: Room | None = None, max_pixels: int = LIMIT) -> Picture:
    return read_picture(io.BytesIO(data), max_pixels, room or Room(64, 64))


@pytest.mark.parametrize(
    ("room", "size"),
    [
        (Room(64, 64), (64, 32)),
        (Room(64, 16), (32, 16)),
        (Room(64, 64, fill=True), (128, 64)),
        (Room(640, 320), (640, 320)),
        (Room(9000, 9000), (640, 320)),
        (Room(0.1, 0.1), (1, 1)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_has_the_pixels_of_its_room_at_most(kind: str, room: Room, size: tuple[int, int]) -> None:
    assert scaled(saved(quadrants().resize(LARGE), kind), room).size == size


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"exif": exif(6)}, {"icc_profile": display_p3()}],
    ids=["plain", "progressive", "turned", "profile"],
)
def test_a_jpeg_stays_a_jpeg_upright_and_with_its_colours(options: dict[str, Any]) -> None:
    data = saved(quadrants().resize(LARGE), "JPEG", quality=95, **options)
    picture, whole = scaled(data), read_picture(io.BytesIO(data), LIMIT)
    assert b"/DCTDecode" in picture.image.entries and len(content(picture.image)) < len(data)
    assert (picture.profile is None) == (whole.profile is None)
    assert picture.orientation == whole.orientation
    assert_looks_like(picture, rendered(whole).resize(picture.size), 4)
    assert content(scaled(data).image) == content(picture.image)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_ink_stay_grey_and_ink(mode: str) -> None:
    image = quadrants(INKS if mode == "CMYK" else (0, 90, 180, 255), mode).resize(LARGE)
    data = saved(image, "JPEG", quality=95)
    picture, whole = scaled(data), read_picture(io.BytesIO(data), LIMIT)
    assert picture.image.entries.partition(b"/Filter")[2] == whole.image.entries.partition(b"/Filter")[2]
    assert_looks_like(picture, rendered(whole).resize(picture.size), 4)


def test_other_pictures_keep_their_alpha() -> None:
    large = translucent().resize(LARGE, Image.Resampling.NEAREST)
    picture = scaled(saved(large, "PNG"))
    assert picture.size == (64, 32) and picture.mask is not None
    assert_looks_like(picture, on_white(translucent()))


def test_a_picture_that_would_take_more_bytes_stays_as_it_is() -> None:
    half = Room(480, 480)
    for image in (quadrants((0, 1, 1, 0), "1").resize(LARGE), palette().resize(LARGE)):
        assert scaled(saved(image, "PNG"), half).size == LARGE
        assert scaled(saved(image, "PNG"), Room(20, 20)).size == (20, 10)


def test_a_jpeg_that_a_decoder_would_hold_as_a_whole_is_scaled_within_the_limit_only() -> None:
    large = quadrants().resize(LARGE)
    assert scaled(saved(large, "JPEG"), max_pixels=50_000).size == (64, 32)
    assert scaled(saved(large, "JPEG", progressive=True), max_pixels=50_000).size == LARGE
