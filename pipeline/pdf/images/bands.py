"""Pictures a few rows at a time, so that steps in between need no full copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PIL import Image

_ROWS = 256


def bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield the picture band by band, each with its first row."""
    for top in range(0, image.height, _ROWS):
        yield top, image.crop((0, top, image.width, min(top + _ROWS, image.height)))


def in_bands(image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Return the picture in another mode, converted band by band."""
    result = Image.new(mode, image.size)
    for top, band in bands(image):
        result.paste(convert(band), (0, top))
    return result
