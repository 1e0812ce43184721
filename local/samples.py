"""Sample photos: hills under a sky, each a little different."""

from __future__ import annotations

import colorsys
import io
import random
from collections.abc import Iterator
from functools import cache

from PIL import Image, ImageDraw, ImageFilter

SIZE = (1200, 1600)
_HILLS = 5


def photo(number: int) -> bytes:
    """Return the n-th sample: a JPEG of about half a megabyte. Only its noise differs from run to run."""
    chance = random.Random(number)  # noqa: S311  # a picture, no secret
    width, height = SIZE
    hue = chance.random()
    picture = _sky(hue)
    draw = ImageDraw.Draw(picture)
    sun, x, y = chance.randint(40, 110), chance.randint(100, width - 100), chance.randint(120, height // 2)
    draw.ellipse((x - sun, y - sun, x + sun, y + sun), fill=_colour(hue + 0.1, 0.25, 1.0))
    for layer in range(_HILLS):
        top = height * (0.45 + 0.11 * layer)
        line = list(_ridge(chance, width, top, 90 - 10 * layer))
        draw.polygon([(0, height), *line, (width, height)], fill=_colour(hue + 0.5, 0.5, 0.75 - 0.13 * layer))
    draw.text((40, height - 110), f"{number + 1}", font_size=72, fill="white")
    picture = Image.blend(picture, _grain(), 0.16)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


def _sky(hue: float) -> Image.Image:
    gradient = Image.linear_gradient("L").resize(SIZE)
    top, bottom = (
        Image.new("RGB", SIZE, _colour(hue, 0.55, 0.8)),
        Image.new("RGB", SIZE, _colour(hue + 0.08, 0.3, 1)),
    )
    return Image.composite(bottom, top, gradient)


@cache
def _grain() -> Image.Image:
    """Return noise, which makes the JPEG as large as that of a real photo."""
    channels = [Image.effect_noise(SIZE, 90).filter(ImageFilter.BoxBlur(0.5)) for _ in range(3)]
    return Image.merge("RGB", channels)


def _ridge(chance: random.Random, width: int, top: float, rough: float) -> Iterator[tuple[float, float]]:
    y = top
    for x in range(0, width + 60, 60):
        yield x, y
        y = top + (y - top) * 0.7 + chance.uniform(-rough, rough)
