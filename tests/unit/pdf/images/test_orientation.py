"""Pictures are upright, whatever their EXIF orientation."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.pdf.images import placement

from .picture_files import (
    exif,
    quadrants,
    read,
    saved,
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
    a, b, c, d, e, f = placement(orientation, 10, 20, 300, 400)
    points = {(a * u + c * v + e, b * u + d * v + f) for u in (0, 1) for v in (0, 1)}
    assert points == {(10, 20), (310, 20), (10, 420), (310, 420)}
