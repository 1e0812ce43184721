"""Scales pictures down to the room they have on the page."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from io import BytesIO
from typing import BinaryIO

from PIL import Image, ImageChops

from .jpeg import Jpeg
from .jpeg_segments import EOI
from .pieces import view
from .raster import Raster

_QUALITY = 85  # of JPEG: differences from the original cannot be seen in print
_BITS = {"1": 1, "L": 8, "P": 8, "RGB": 24, "RGBA": 24, "RGBX": 24, "CMYK": 32}  # a pixel in the PDF
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


@dataclass(frozen=True)
class Room:
    """The pixels that a picture's box has. The picture lies inside it, or covers it (`fill`)."""

    width: float
    height: float
    fill: bool = False

    def turned(self) -> Room:
        """Return the room of a picture that is turned by 90 degrees when it is drawn."""
        return replace(self, width=self.height, height=self.width)

    def size(self, width: int, height: int) -> tuple[int, int] | None:
        """Return the size to scale a picture to; None when it has no more pixels than the room."""
        scale = (max if self.fill else min)(self.width / width, self.height / height)
        return (max(1, round(width * scale)), max(1, round(height * scale))) if scale < 1 else None


def scaled_raster(raster: Raster, room: Room) -> Raster:
    """Return the picture scaled down; unchanged when it would take more bytes, as black and white often does."""
    image = raster.image
    size = room.size(*image.size)
    mode = {"1": "L", "P": "RGB"}.get(image.mode, image.mode)
    if size is None or raster.key or _bits(size, mode) > _bits(image.size, image.mode):
        return raster
    image = image if image.mode == mode else image.convert(mode)
    if raster.alpha is None:
        return replace(raster, image=_resized(image, size))
    whole = image.convert("RGBA")
    whole.putalpha(raster.alpha)
    whole = _resized(whole, size)  # hidden colours do not bleed: Pillow weighs them by alpha
    return replace(raster, image=whole.convert(mode), alpha=whole.getchannel("A"))


def scaled_jpeg(file: BinaryIO, jpeg: Jpeg, room: Room, max_pixels: int) -> BinaryIO | None:
    """Return the JPEG scaled down and encoded again, without profile and orientation.

    The decoder scales by 2, 4 or 8 itself, so memory depends on the room. None when the JPEG stays as it is: it has
    no more pixels than the room, would not become smaller, or cannot be decoded in `max_pixels`.
    """
    size = room.size(jpeg.width, jpeg.height)
    if size is None or (jpeg.buffered and jpeg.width * jpeg.height > max_pixels):
        return None
    out = BytesIO()
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(view(file, jpeg.pieces, b"" if jpeg.ended else EOI), formats=("JPEG",)) as image,
        ):
            image.draft(None, size)
            if image.width * image.height > max_pixels:
                return None
            smaller = _resized(image, size)
            if jpeg.components == 4 and not jpeg.adobe:  # Pillow takes all for inverted
                smaller = ImageChops.invert(smaller)
            smaller.save(out, "JPEG", quality=_QUALITY)
    except _DECODER_ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:  # a fault of the disk
            raise
        return None  # a viewer shows of a damaged JPEG what there is
    return out if len(out.getvalue()) < jpeg.length else None


def _bits(size: tuple[int, int], mode: str) -> int:
    return size[0] * size[1] * _BITS[mode]


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.HAMMING, reducing_gap=2.0)
