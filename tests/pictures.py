"""Pictures for tests, made on the spot."""

from __future__ import annotations

import io

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
