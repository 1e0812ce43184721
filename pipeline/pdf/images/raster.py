"""Decoded pictures as PDF image streams, deflated row by row as in PNG (ISO 32000-1, 7.4.4.4).

Pillow's PNG encoder packs alpha and colours straight from the decoded picture, so there is no second copy of it.
Only what PDF does not support (16 bits, floats, LAB, YCbCr) is converted first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from PIL import Image, ImageFile

from ..objects import Stream
from .icc import DEVICE_SPACES, profile_stream

_BAND = 256  # rows

# Pillow's mode to packing, components, bits
_PACKING = {
    "1": ("1", 1, 1),
    "L": ("L", 1, 8),
    "RGB": ("RGB", 3, 8),
    "RGBA": ("RGB", 3, 8),
    "RGBX": ("RGB", 3, 8),
    "CMYK": ("CMYK", 4, 8),
}

# PNG packing to the scale and offset that convert a transparent colour to the 8 bits of its pixels
_KEY_SCALE = {"L;2": (85.0, 0.0), "L;4": (17.0, 0.0), "I;16B": (1 / 257, 0.5), "RGB;16B": (1 / 256, 0.0)}


@dataclass(frozen=True)
class Raster:
    """The streams of one picture, as in `images.Picture`."""

    image: Stream
    mask: Stream | None
    profile: Stream | None


def image_entries(width: int, height: int, bits: int) -> bytes:
    """Return the entries that every image XObject has (8.9.5, table 89)."""
    return b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent %d" % (width, height, bits)


def encode(source: ImageFile.ImageFile) -> Raster:
    """Decode the pixels of an opened picture and encode them. Raises Pillow's errors, or ValueError."""
    key = _key_mask(source)
    source.load()
    image = _in_bands(source, "LA", lambda band: band.convert("LA")) if source.mode == "La" else source
    profile = _profile(source)
    mask = _mask(image)
    if image.mode == "P" and profile is None:
        return Raster(_indexed(image), mask, None)
    image = _to_pdf_mode(image)
    packed, colours, bits = _PACKING[image.mode]
    space = b"" if profile else b"/ColorSpace" + DEVICE_SPACES[colours]
    return Raster(_deflated(image, packed, colours, bits, space + key), mask, profile)


def _profile(image: Image.Image) -> Stream | None:
    data = image.info.get("icc_profile")
    if not data:
        return None
    components = {"CMYK": 4, "1": 1, "L": 1, "LA": 1, "La": 1, "I": 1, "F": 1}.get(image.mode.partition(";")[0], 3)
    return profile_stream(data, components)


def _key_mask(image: ImageFile.ImageFile) -> bytes:
    """Return a colour key mask (8.9.6.4) for the one transparent colour of a PNG or GIF without alpha.

    Call it before the pixels are decoded: afterwards Pillow no longer knows the file's bit depth.
    """
    key = image.info.get("transparency")
    if key is None or image.mode == "P" or isinstance(key, bytes):
        return b""
    tile = image.tile[0].args if image.tile else ""
    scale, offset = (1 / 255, 0.0) if image.mode == "1" else _KEY_SCALE.get(str(tile), (1.0, 0.0))
    samples = [int(sample * scale + offset) & 0xFF for sample in (key if isinstance(key, tuple) else (key,))]
    return b"/Mask[" + b" ".join(b"%d %d" % (sample, sample) for sample in samples) + b"]"


def _mask(image: Image.Image) -> Stream | None:
    """Return the alpha as a soft mask (11.6.5.3); None when all of it is opaque."""
    transparency = image.info.get("transparency")
    if image.mode == "P" and transparency is not None:
        alpha = image.point(_palette_alpha(transparency), "L")
    elif "A" in image.getbands() and image.mode != "LAB":
        alpha = image.getchannel("A")
    else:
        return None
    if alpha.getextrema() == (255, 255):
        return None
    return _deflated(alpha, "L", 1, 8, b"/ColorSpace/DeviceGray")


def _palette_alpha(transparency: int | bytes) -> list[int]:
    """Return the alpha of each of 256 palette entries, from the one transparent entry or from a table."""
    if isinstance(transparency, int):
        return [0 if entry == transparency else 255 for entry in range(256)]
    return list(transparency[:256].ljust(256, b"\xff"))


def _indexed(image: Image.Image) -> Stream:
    """Return a picture with a palette (8.6.6.3), packed as tightly as its highest index allows."""
    highest = cast("tuple[int, int]", image.getextrema())[1]
    palette = bytes(image.getpalette("RGB") or ())[: 3 * (highest + 1)].ljust(3 * (highest + 1), b"\0")
    bits = next(bits for bits in (1, 2, 4, 8) if highest < 1 << bits)
    space = b"/ColorSpace[/Indexed/DeviceRGB %d<%s>]" % (highest, palette.hex().upper().encode())
    return _deflated(image, "P" if bits == 8 else f"P;{bits}", 1, bits, space)


def _to_pdf_mode(image: Image.Image) -> Image.Image:
    if image.mode in _PACKING:
        return image
    if image.mode == "LA":
        return image.getchannel("L")
    if image.mode.partition(";")[0] in ("I", "F"):
        return _to_grey(image)
    return _in_bands(image, "RGB", lambda band: band.convert("RGB"))


def _to_grey(image: Image.Image) -> Image.Image:
    """Convert numbers to 8-bit grey by scaling and rounding; Pillow's own conversion clips."""
    black, white = _levels(image)
    scale = 255 / (white - black) if white > black else 0.0
    offset = 0.5 - black * scale
    return _in_bands(
        image, "L", lambda band: band.convert("F").point(lambda value: value * scale + offset).convert("L")
    )


def _levels(image: Image.Image) -> tuple[float, float]:
    """Return the numbers for black and white: from the mode or the usual ranges, else the extremes."""
    if image.mode.startswith("I;16"):
        return 0, 65535
    low, high = cast("tuple[float, float]", image.getextrema())
    if not math.isfinite(low) or not math.isfinite(high):
        raise ValueError("it holds numbers that are not finite")
    for white in (65535,) if image.mode == "I" else (1, 255):
        if low >= 0 and high <= white:
            return 0, white
    return low, high


def _in_bands(image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Convert a few rows at a time, so that intermediate steps need no full copy."""
    result = Image.new(mode, image.size)
    for top in range(0, image.height, _BAND):
        rows = (0, top, image.width, min(top + _BAND, image.height))
        result.paste(convert(image.crop(rows)), (0, top))
    return result


def _deflated(image: Image.Image, packed: str, colours: int, bits: int, entries: bytes) -> Stream:
    """Encode with Pillow's PNG encoder: no size optimisation, level 6, default strategy and dictionary."""
    data = image.tobytes("zip", packed, False, 6, -1, b"")
    parameters = b"/DecodeParms<</Predictor 15/Colors %d/BitsPerComponent %d/Columns %d>>"
    return Stream.from_bytes(
        image_entries(image.width, image.height, bits)
        + entries
        + b"/Filter/FlateDecode"
        + parameters % (colours, bits, image.width),
        data,
    )
