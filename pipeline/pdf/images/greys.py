"""Grey pictures of more than 8 bits, and of floating-point numbers, as 8-bit grey.

Pillow gives the numbers as they are stored. Which of them are black and white is in the tags of a TIFF, but for
numbers of 32 bits it is not in the file at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image, ImageChops

from . import tiff
from .bands import bands, in_bands

GUESSED = "Black and white of pictures with 32-bit or floating-point numbers are guessed from their values"

DARK = "A grey picture of 16 bits uses less than a sixteenth of its range, so it is nearly black"

_ROUNDING = 1e-6  # the float next to 2^32 - 1 is 2^32
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3  # TIFF's SampleFormat


@dataclass(frozen=True)
class Numbers:
    """What the numbers of a grey picture are; `inverted` where the highest is black (WhiteIsZero)."""

    bits: int = 16
    form: int = _UNSIGNED
    inverted: bool = False

    @classmethod
    def of(cls, source: Image.Image) -> Numbers:
        """Return what an opened picture's numbers are. Other formats than TIFF have 16 bits."""
        if not tiff.is_tiff(source):
            return cls()
        tags = source.tag_v2
        bits, form = tags.get(tiff.BITS, (1,)), tags.get(tiff.FORMAT, (1,))
        return cls(bits[0], form[0], tags.get(tiff.PHOTOMETRIC, 0) == 0)


def to_grey(image: Image.Image, numbers: Numbers) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the picture in 8-bit grey, and remarks on its black and white. Pillow's own conversion clips.

    Raises ValueError for numbers that are not finite.
    """
    black, white, remarks = _levels(image, numbers)
    if numbers.inverted:
        black, white = white, black
    scale = 255 / (white - black) if white != black else 0.0
    offset = 0.5 - black * scale

    def convert(band: Image.Image) -> Image.Image:
        return _floats(band, numbers).point(lambda value: value * scale + offset).convert("L")

    return in_bands(image, "L", convert), remarks


def all_but(image: Image.Image, number: int) -> Image.Image:
    """Return an alpha that is 0 where the picture has this number, and 255 elsewhere."""

    def convert(band: Image.Image) -> Image.Image:
        floats = band.convert("F")
        above = floats.point(lambda value: value * 255 - number * 255).convert("L")
        below = floats.point(lambda value: value * -255 + number * 255).convert("L")
        return ImageChops.lighter(above, below)

    return in_bands(image, "L", convert)


def _levels(image: Image.Image, numbers: Numbers) -> tuple[float, float, tuple[str, ...]]:
    """Return black, white, and remarks. A guess is a usual range that holds all numbers, or the extremes."""
    low, high = _extremes(image, numbers)
    if numbers.form == _UNSIGNED and numbers.bits <= 16:
        return 0, 2**numbers.bits - 1, ((DARK,) if numbers.bits == 16 and 0 < high < 4096 else ())
    full = 1 if numbers.form == _FLOAT else 2 ** (numbers.bits - (numbers.form == _SIGNED)) - 1
    if low >= 0 and high <= full * (1 + _ROUNDING) and (numbers.form == _FLOAT or high > full / 2):
        return 0, full, ()
    usual = 255 if numbers.form == _FLOAT else 65535
    if low >= 0 and high <= usual:
        return 0, usual, (GUESSED,)
    return low, high, (GUESSED,)


def _extremes(image: Image.Image, numbers: Numbers) -> tuple[float, float]:
    low, high = math.inf, -math.inf
    for _, band in bands(image):
        least, most = _floats(band, numbers).getextrema()
        low, high = min(low, float(least)), max(high, float(most))  # type: ignore[arg-type]  # F has one band
    if not math.isfinite(low) or not math.isfinite(high):
        raise ValueError("it holds numbers that are not finite")
    return low, high


def _floats(band: Image.Image, numbers: Numbers) -> Image.Image:
    if numbers.form == _UNSIGNED and numbers.bits == 32:  # Pillow's mode I is signed
        return Image.frombytes("F", band.size, band.tobytes(), "raw", "F;32N")
    return band.convert("F")
