"""How many pixels a picture may have: checked by its size, and by Pillow where it takes memory before that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from ...errors import UnreadableSource


def check_size(width: int, height: int, limit: int) -> None:
    """Raise UnreadableSource for a picture of more pixels than the limit."""
    if width * height > limit:
        raise too_large(f"{width} x {height}", limit)


@contextmanager
def limited(most: int, limit: int) -> Iterator[None]:
    """Make Pillow refuse more than `most` pixels. A few bytes may name a frame of a GIF for which it takes 4 GB.

    Raises UnreadableSource that names `limit`, the one that was set.
    """
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, most // 2  # Pillow refuses twice as many
    try:
        yield
    except Image.DecompressionBombError as error:
        raise too_large(f"More than {most / 1e6:g} million", limit) from error
    finally:
        Image.MAX_IMAGE_PIXELS = before


def too_large(count: str, limit: int) -> UnreadableSource:
    """Return the error for a picture; `count` says how many pixels it has."""
    return UnreadableSource(
        f"{count} pixels is over the limit of {limit / 1e6:g} million.",
        advice="Make the picture smaller, or raise MAX_IMAGE_PIXELS if the workers have the memory.",
    )
