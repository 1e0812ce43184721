"""Pixels that are not square, as of faxes."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from pipeline.pdf.images.pixel_shape import NOT_SQUARE

from .picture_files import exif, quadrants, read, saved
from .shown import assert_looks_like

EXACT: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "TIFF": {}, "PNG": {}, "BMP": {}}


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize(
    ("resolution", "size"),
    [
        ((204, 98), (64, 67)),
        ((100, 200), (64, 16)),
        ((300, 300), (64, 32)),
        ((204, 203), (64, 32)),
        ((9000, 1), (64, 32)),
    ],
)
def test_a_picture_has_the_proportions_of_its_pixels(
    kind: str, resolution: tuple[int, int], size: tuple[int, int]
) -> None:
    picture = read(saved(quadrants(), kind, dpi=resolution, **EXACT[kind]))
    assert picture.size == size and (picture.width, picture.height) == (64, 32)
    assert picture.remarks == (() if size == (64, 32) else (NOT_SQUARE,))
    assert_looks_like(picture, quadrants().resize(size, 0))


@pytest.mark.parametrize("kind", [kind for kind in EXACT if kind != "BMP"])
def test_across_and_down_are_turned_with_the_picture(kind: str) -> None:
    width, height = read(saved(quadrants(), kind, dpi=(200, 100), exif=exif(6), **EXACT[kind])).size
    assert width == height


def test_without_a_unit_the_numbers_are_still_a_ratio() -> None:
    data = saved(quadrants(), "JPEG", dpi=(200, 100))
    at = data.index(b"JFIF") + 7
    assert read(data[:at] + b"\0" + struct.pack(">HH", 2, 1) + data[at + 5 :]).size == (64, 64)
