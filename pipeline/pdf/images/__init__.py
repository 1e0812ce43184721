"""Turns a picture file into PDF image XObjects (ISO 32000-1, 8.9.5), one picture in memory at a time.

JPEGs are copied without decoding, without their metadata; other formats are decoded by Pillow. Measured peaks, in
bytes a pixel: 4 for the decoded picture (WebP 16), and briefly twice the compressed picture.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from ...errors import UnreadableSource
from ..objects import Stream
from .icc import DEVICE_SPACES, profile_stream
from .jpeg import SOI, Jpeg, read_jpeg, read_orientation
from .raster import encode, image_entries

Matrix = tuple[float, float, float, float, float, float]

_FORMATS = ("PNG", "WEBP", "GIF", "TIFF", "BMP", "JPEG")
_FOREIGN = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}
_SIGNATURES = {SOI: "JPEG", b"\x89PNG": "PNG", b"GIF8": "GIF", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"RIFF": "WebP"}
_PASSED_FACTOR = 10  # a JPEG that is copied takes no memory for its pixels
_WEBP_DIVISOR = 2  # libwebp decodes with 16 bytes a pixel where the others need 4

# What Pillow's decoders raise on damaged data. Not Exception: Celery's soft time limit is one, and is not the
# picture's fault.
_DECODER_ERRORS = (
    OSError, EOFError, SyntaxError, ValueError, TypeError, AttributeError, AssertionError, LookupError,
    ArithmeticError, RuntimeError, MemoryError, struct.error, zlib.error,
)  # fmt: skip

# EXIF orientation to the matrix that turns the stored unit square upright
_UPRIGHT: dict[int, Matrix] = {
    1: (1, 0, 0, 1, 0, 0),
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}


@dataclass(frozen=True)
class Picture:
    """One picture, ready to be written as an image XObject.

    `width` and `height` are pixels as stored; `orientation` is EXIF's, 1 to 8. `image.entries` lacks /Length,
    /SMask (a reference to `mask`, the alpha) and, when `profile` is set, /ColorSpace ([/ICCBased and a reference
    to it]).
    """

    width: int
    height: int
    orientation: int
    image: Stream
    mask: Stream | None
    profile: Stream | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as displayed."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def placement(orientation: int, x: float, y: float, w: float, h: float) -> Matrix:
    """Return the matrix for `cm` that draws a picture upright in a box; points, from the lower left corner."""
    a, b, c, d, e, f = _UPRIGHT.get(orientation, _UPRIGHT[1])
    return a * w, b * h, c * w, d * h, x + e * w, y + f * h


def read_picture(file: BinaryIO, max_pixels: int) -> Picture:
    """Read a JPEG, PNG, WebP, GIF, TIFF or BMP; of several frames the first.

    `file` must stay open while the streams are read. `max_pixels` limits what is decoded: half of it for a WebP,
    ten times for a JPEG that is copied. Raises UnreadableSource with what is wrong.
    """
    file.seek(0)
    start = file.read(32)
    if start.startswith(SOI) and (jpeg := read_jpeg(file)):
        return _pass_through(file, jpeg, _PASSED_FACTOR * max_pixels)
    _check_kind(start)
    try:
        with warnings.catch_warnings(action="ignore"):  # what matters also raises an error
            return _decode(file, max_pixels)
    except UnidentifiedImageError as error:
        raise _not_a_picture(start) from error
    except Image.DecompressionBombError as error:  # Pillow's own limit, checked before the size is known
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise _too_large(f"More than {most // 10**6} million", min(max_pixels, most)) from error
    except _DECODER_ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:  # a fault of the disk
            raise
        raise UnreadableSource(f"The picture cannot be decoded: {_reason(error)}.") from error


def _pass_through(file: BinaryIO, jpeg: Jpeg, limit: int) -> Picture:
    """Return the JPEG as it is. Adobe's marker means that CMYK is stored inverted."""
    _check_size(jpeg.width, jpeg.height, limit)
    profile = profile_stream(jpeg.profile, jpeg.components) if jpeg.profile else None
    entries = image_entries(jpeg.width, jpeg.height, 8) + b"/Filter/DCTDecode"
    if profile is None:
        entries += b"/ColorSpace" + DEVICE_SPACES[jpeg.components]
    if jpeg.components == 4 and jpeg.adobe:
        entries += b"/Decode[1 0 1 0 1 0 1 0]"
    if jpeg.plain_rgb:
        entries += b"/DecodeParms<</ColorTransform 0>>"
    image = Stream(entries, jpeg.length, lambda: jpeg.blocks(file))
    return Picture(jpeg.width, jpeg.height, jpeg.orientation, image, None, profile)


def _decode(file: BinaryIO, max_pixels: int) -> Picture:
    """Return the decoded picture. Pillow opens lazily, so the size is checked before a pixel is decoded."""
    source = Image.open(file, formats=_FORMATS)
    _check_size(*source.size, max_pixels // _WEBP_DIVISOR if source.format == "WEBP" else max_pixels)
    raster = encode(source)
    exif = source.info.get("exif", b"").removeprefix(b"Exif\0\0")  # Pillow has already turned TIFFs
    return Picture(*source.size, read_orientation(exif), raster.image, raster.mask, raster.profile)


def _check_size(width: int, height: int, limit: int) -> None:
    if width * height > limit:
        raise _too_large(f"{width} x {height}", limit)


def _too_large(count: str, limit: int) -> UnreadableSource:
    return UnreadableSource(
        f"{count} pixels is over the limit of {limit / 1e6:g} million.",
        advice="Make the picture smaller, or raise MAX_IMAGE_PIXELS if the workers have the memory.",
    )


def _check_kind(start: bytes) -> None:
    if not start:
        raise UnreadableSource("The file is empty.")
    if start[4:8] == b"ftyp" and (kind := _FOREIGN.get(start[8:12])):
        raise UnreadableSource(f"{kind} pictures are not supported; convert it to JPEG.")


def _not_a_picture(start: bytes) -> UnreadableSource:
    if kind := next((name for mark, name in _SIGNATURES.items() if start.startswith(mark)), None):
        return UnreadableSource(f"The {kind} is damaged: its header makes no sense.")
    text = start.decode("ascii", "replace").split("\n")[0].strip()
    shown = repr(text) if text.isascii() and text.isprintable() and text else f"the bytes {start[:8].hex(' ')}"
    return UnreadableSource(
        f"This is not a picture: it begins with {shown}.",
        advice="Use JPEG, PNG, WebP, GIF, TIFF or BMP; or choose `on_unreadable` = skip or placeholder.",
    )


def _reason(error: BaseException) -> str:
    text = str(error).rstrip(".")
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, EOFError) or "truncated" in text.lower():
        return "it ends before its picture does (truncated)"
    return text or type(error).__name__
