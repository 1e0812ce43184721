"""Pictures for tests, made on the spot."""

from __future__ import annotations

import io
import random
from functools import cache

from PIL import Image, ImageDraw


def jpeg(seed: int, width: int = 160, height: int = 120, quality: int = 80) -> bytes:
    """A small JPEG that differs for each seed."""
    image = Image.new("RGB", (width, height), ((seed * 53) % 256, (seed * 97) % 256, (seed * 151) % 256))
    draw = ImageDraw.Draw(image)
    draw.ellipse((10, 10, width - 10, height - 10), fill=((seed * 31) % 256, 200, (seed * 7) % 256))
    draw.text((width / 3, height / 3), str(seed + 1), fill="white")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


@cache
def noise(seed: int, megabytes: float) -> bytes:
    """Returns a JPEG of about this size; it takes 0.1 s."""
    side = int((megabytes * 1_100_000) ** 0.5)
    image = Image.frombytes("L", (side, side), random.Random(seed).randbytes(side * side))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=93)
    return out.getvalue()


def mixed() -> list[bytes]:
    """Photos of which the second makes a segment that is too small to be copied as a part."""
    return [noise(1, 6), jpeg(1, 40, 30), noise(2, 11), noise(3, 6), noise(4, 6)]
