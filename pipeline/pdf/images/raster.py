"""Decoded pictures as PDF image streams, deflated row by row as in PNG (ISO 32000-1, 7.4.4.4).

Pillow's PNG encoder packs alpha and colours straight from the decoded picture, so there is no second copy of it.
Only what PDF does not support (16 bits, floats, LAB, YCbCr) is converted first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from PIL import Image, ImageChops, ImageFile

from ..objects import Stream
from . import greys, tiff
from .bands import in_bands
from .icc import DEVICE_SPACES

NO_ALPHA = "The alpha of a BMP or TIFF is 0 everywhere; it is taken as unused"
ROUGH_KEY = "The transparent colour of a PNG of 16 bits a colour is compared by its upper 8 bits"
NO_COLOUR = "Pixels of a picture have numbers for which its palette has no colour; they are drawn black"
INVISIBLE = "A picture is transparent everywhere, so nothing of it is seen"

# Pillow's mode to packing, components, bits
_PACKING = {
    "1": ("1", 1, 1),
    "L": ("L", 1, 8),
    "RGB": ("RGB", 3, 8),
    "RGBA": ("RGB", 3, 8),
    "RGBX": ("RGB", 3, 8),
    "CMYK": ("CMYK", 4, 8),
}

# PNG packing to the bits that count of a transparent colour, and the scale that makes them the 8 of its pixels
_KEYS = {"L;2": (3, 85.0), "L;4": (15, 17.0), "RGB;16B": (0xFFFF, 1 / 256)}


@dataclass(frozen=True)
class Raster:
    """The pixels of one picture, decoded.

    `image` has a mode that PDF supports, `alpha` is None where all of it is opaque. `key` is a colour key mask,
    and `remarks` say what was guessed.
    """

    image: Image.Image
    alpha: Image.Image | None
    key: bytes
    remarks: tuple[str, ...]

    def cropped(self, box: tuple[int, int, int, int]) -> Raster:
        """Return a part of it: left, top, right, bottom."""
        return replace(self, image=self.image.crop(box), alpha=self.alpha and self.alpha.crop(box))

    @property
    def components(self) -> int:
        """How many numbers a colour has; 3 for one in a palette."""
        return 3 if self.image.mode == "P" else _PACKING[self.image.mode][1]


def image_entries(width: int, height: int, bits: int) -> bytes:
    """Return the entries that every image XObject has (8.9.5, table 89)."""
    return b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent %d" % (width, height, bits)


def decode(source: ImageFile.ImageFile) -> Raster:
    """Decode the pixels of an opened picture. Raises Pillow's errors, or ValueError."""
    remarks = tiff.prepared(source) if tiff.is_tiff(source) else []
    guessed = [tiff.UNKNOWN_ALPHA] if tiff.is_tiff(source) and tiff.guesses_alpha(source) else []
    key, covered, numbers = _key_mask(source), _covered(source), greys.Numbers.of(source)
    if key and source.tile and source.tile[0].args == "RGB;16B":
        remarks.append(ROUGH_KEY)
    source.load()
    image = _as_meant(source)
    alpha, remark = _alpha(image, covered, source.format)
    remarks += [remark] if remark else guessed if alpha else []
    remarks += [NO_COLOUR] if image.mode == "P" and _highest(image) >= len(_palette(image)) // 3 else []
    if image.mode.partition(";")[0] in ("I", "F"):
        image, told = greys.to_grey(image, numbers)
        remarks += told
    return Raster(_to_pdf_mode(image), alpha, key, tuple(remarks))


def encode(raster: Raster, profile: bool) -> tuple[Stream, Stream | None]:
    """Return the streams of the colours and of the alpha. With a profile, the colour space is left out."""
    image = raster.image
    mask = _deflated(raster.alpha, "L", 1, 8, b"/ColorSpace/DeviceGray") if raster.alpha else None
    if image.mode == "P" and not profile:
        return _indexed(image), mask
    if image.mode == "P":
        image = in_bands(image, "RGB", lambda band: band.convert("RGB"))
    packed, colours, bits = _PACKING[image.mode]
    space = b"" if profile else b"/ColorSpace" + DEVICE_SPACES[colours]
    return _deflated(image, packed, colours, bits, space + raster.key), mask


def _as_meant(source: ImageFile.ImageFile) -> Image.Image:
    """Undo an alpha that is multiplied in. Invert inks again that Pillow inverts without Adobe's marker."""
    if source.mode == "La":
        return in_bands(source, "LA", lambda band: band.convert("LA"))
    if source.format == "JPEG" and source.mode == "CMYK" and "adobe" not in source.info:
        return in_bands(source, "CMYK", ImageChops.invert)
    return source


def _covered(source: ImageFile.ImageFile) -> tuple[int, int, int, int] | None:
    """Return the part of the canvas that the first frame of a GIF covers; None for all of it.

    Call it before the pixels are decoded.
    """
    if source.format != "GIF" or not source.tile or source.tell():
        return None
    box = source.tile[0].extents
    return None if box == (0, 0, *source.size) else box


def _key_mask(image: ImageFile.ImageFile) -> bytes:
    """Return a colour key mask (8.9.6.4) for the one transparent colour of a PNG or GIF without alpha.

    Call it before the pixels are decoded: afterwards Pillow no longer knows the file's bit depth.
    """
    key = image.info.get("transparency")
    if key is None or image.mode in ("P", "I;16") or isinstance(key, bytes):
        return b""
    tile = image.tile[0].args if image.tile else ""
    bits, scale = (0xFF, 1 / 255) if image.mode == "1" else _KEYS.get(str(tile), (0xFF, 1.0))
    samples = [int((sample & bits) * scale) for sample in (key if isinstance(key, tuple) else (key,))]
    return b"/Mask[" + b" ".join(b"%d %d" % (sample, sample) for sample in samples) + b"]"


def _alpha(
    image: Image.Image, covered: tuple[int, int, int, int] | None, kind: str | None
) -> tuple[Image.Image | None, str]:
    """Return the alpha, None when all of it is opaque, and a remark.

    Many programs write BMPs and TIFFs with an alpha of 0 everywhere, and viewers show the colours.
    """
    alpha = _stored_alpha(image)
    if covered:
        part = (
            alpha.crop(covered)
            if alpha
            else Image.new("L", (covered[2] - covered[0], covered[3] - covered[1]), 255)
        )
        alpha = Image.new("L", image.size)
        alpha.paste(part, covered)
    extremes = alpha.getextrema() if alpha else (255, 255)
    if extremes == (0, 0):
        return (None, NO_ALPHA) if kind in ("BMP", "TIFF") else (alpha, INVISIBLE)
    return (None if extremes == (255, 255) else alpha), ""


def _stored_alpha(image: Image.Image) -> Image.Image | None:
    transparency = image.info.get("transparency")
    if image.mode == "P" and transparency is not None:
        return image.point(_palette_alpha(transparency), "L")
    if image.mode == "I;16" and isinstance(transparency, int):
        return greys.all_but(image, transparency)
    if "A" in image.getbands() and image.mode != "LAB":
        return image.getchannel("A")
    return None


def _palette_alpha(transparency: int | bytes) -> list[int]:
    """Return the alpha of each of 256 palette entries, from the one transparent entry or from a table."""
    if isinstance(transparency, int):
        return [0 if entry == transparency else 255 for entry in range(256)]
    return list(transparency[:256].ljust(256, b"\xff"))


def _indexed(image: Image.Image) -> Stream:
    """Return a picture with a palette (8.6.6.3), packed as tightly as its highest index allows."""
    highest = _highest(image)
    palette = _palette(image)[: 3 * (highest + 1)].ljust(3 * (highest + 1), b"\0")
    bits = next(bits for bits in (1, 2, 4, 8) if highest < 1 << bits)
    space = b"/ColorSpace[/Indexed/DeviceRGB %d<%s>]" % (highest, palette.hex().upper().encode())
    return _deflated(image, "P" if bits == 8 else f"P;{bits}", 1, bits, space)


def _highest(image: Image.Image) -> int:
    return cast("tuple[int, int]", image.getextrema())[1]


def _palette(image: Image.Image) -> bytes:
    return bytes(image.getpalette("RGB") or ())


def _to_pdf_mode(image: Image.Image) -> Image.Image:
    if image.mode in _PACKING or image.mode == "P":
        return image
    if image.mode == "LA":
        return image.getchannel("L")
    return in_bands(image, "RGB", lambda band: band.convert("RGB"))


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
