"""Turns a picture file into PDF image XObjects (ISO 32000-1, 8.9.5), one picture in memory at a time.

JPEGs are copied without decoding, without their metadata, unless they are scaled down; other formats are decoded by
Pillow. Measured peaks, in bytes a pixel: 4 for the decoded picture (WebP and AVIF 16), and briefly twice the
compressed picture.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import msgspec
from PIL import Image, UnidentifiedImageError

from ...errors import UnreadableSource
from ..objects import Matrix, Stream
from . import formats, tiff
from .boxes import WRONG_CROP
from .exif import IN_ADOBE_RGB
from .icc import DEVICE_SPACES, UNUSABLE, profile_stream
from .jpeg import Jpeg, read_jpeg
from .jpeg_end import MENDED, mended
from .jpeg_scans import DAMAGED, UNFINISHED
from .jpeg_segments import SOI
from .opened import Opened, check_frame, open_picture
from .pixel_limit import check_size, too_large
from .pixel_shape import NOT_SQUARE
from .raster import Raster, decode, encode, image_entries
from .scaling import Room, scaled_jpeg, scaled_raster

MAX_FRAMES = 1000
ONLY_FIRST = (
    f"Of several pages or frames in a picture only the first is drawn; `frames` = all draws up to {MAX_FRAMES:,}"
)

_PASSED_FACTOR = 10  # a JPEG that is copied takes no memory for its pixels
_COUNTED = 40_000_000  # pixels of a GIF whose frames are counted: Pillow takes up to two bytes for each
_DIVISORS = {"WEBP": 2, "AVIF": 2, "HEIF": 2}  # these decode with up to 16 bytes a pixel where the others need 4

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
_NO_WORDS = TypeError, AttributeError, LookupError, AssertionError, ArithmeticError, struct.error  # for a person
_NO_REASON = ("decoder error", "could not create decoder object")  # of Pillow's decoders of TIFF and WebP


class Picture(msgspec.Struct, frozen=True):
    """One picture, ready to be written as an image XObject.

    `width` and `height` are pixels as stored, each `pixel_height` times as high as wide; `orientation` is EXIF's,
    1 to 8. `image.entries` lacks /Length, /SMask (a reference to `mask`, the alpha) and, when `profile` is set,
    /ColorSpace ([/ICCBased and a reference to it]). `remarks` say what was guessed, repaired or left out.
    """

    width: int
    height: int
    orientation: int
    image: Stream
    mask: Stream | None
    profile: Stream | None
    remarks: tuple[str, ...] = ()
    pixel_height: float = 1.0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as displayed."""
        high = max(1, round(self.height * self.pixel_height))
        return (high, self.width) if self.orientation >= 5 else (self.width, high)

    def placement(self, x: float, y: float, w: float, h: float) -> Matrix:
        """Return the matrix for `cm` that draws it upright in a box; points, from the lower left corner."""
        a, b, c, d, e, f = _UPRIGHT.get(self.orientation, _UPRIGHT[1])
        return a * w, b * h, c * w, d * h, x + e * w, y + f * h


class PictureFile:
    """An open picture file. Frames that are read in order are decoded once, as each builds on the one before."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._opened: Opened | None = None

    def read(self, max_pixels: int, room: Room | None = None, frame: int | None = None) -> Picture:
        """Read a JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or HEIC; of several frames the one with this number, from 0.

        The file must stay open while the streams are read. `max_pixels` limits what is decoded: half of it for
        WebP, AVIF and HEIC, ten times for a JPEG that is copied. A picture with more pixels than `room` is scaled
        down. Raises UnreadableSource with what is wrong.
        """
        self._file.seek(0)
        start = self._file.read(32)
        if start.startswith(SOI):
            check_frame(frame, 1)  # other pictures in an MPO are views or thumbnails of the first
            if jpeg := read_jpeg(self._file):
                return _jpeg(self._file, jpeg, max_pixels, room)
        with _refusals(self._file, max_pixels):
            formats.check_kind(start)
            opened, self._opened = self._opened, None
            if opened is None or not frame or opened.source.tell() >= opened.place(frame):
                opened = open_picture(self._file, start, max_pixels, frames=frame is not None)
            picture = _decoded(self._file, opened, max_pixels, room, frame)
            self._opened = None if frame is None else opened
            return picture


def read_picture(file: BinaryIO, max_pixels: int, room: Room | None = None, frame: int | None = None) -> Picture:
    """Read the picture in an open file, or one frame of it; see PictureFile."""
    return PictureFile(file).read(max_pixels, room, frame)


def count_frames(file: BinaryIO) -> int:
    """Return how many pages or frames a picture has; 1 for what cannot be read, or has more than MAX_FRAMES, or
    as a GIF a first frame of more than twice _COUNTED pixels. Then drawing names the frames that are left out."""
    file.seek(0)
    start = file.read(32)
    if start.startswith(SOI):
        return 1
    try:
        with _refusals(file, 0):
            formats.check_kind(start)
            opened = open_picture(file, start, _COUNTED, frames=True)
            count = len(opened.pages) or getattr(opened.source, "n_frames", 1)
            return count if count <= MAX_FRAMES else 1
    except UnreadableSource:  # drawing it says why
        return 1


@contextmanager
def _refusals(file: BinaryIO, max_pixels: int) -> Iterator[None]:
    """Turn what decoders raise into UnreadableSource."""
    with warnings.catch_warnings(action="ignore"):  # what matters also raises an error
        try:
            yield
        except UnidentifiedImageError as error:
            raise formats.not_a_picture(file) from error
        except Image.DecompressionBombError as error:  # Pillow's own limit, checked before the size is known
            most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
            raise too_large(f"More than {most // 10**6} million", min(max_pixels, most)) from error
        except _DECODER_ERRORS as error:
            if isinstance(error, OSError) and error.errno is not None:  # a fault of the disk
                raise
            words = f"The picture cannot be decoded: {_reason(error)}."
            raise formats.unsupported(file) or UnreadableSource(words) from error


def _jpeg(file: BinaryIO, jpeg: Jpeg, max_pixels: int, room: Room | None) -> Picture:
    check_size(jpeg.width, jpeg.height, _PASSED_FACTOR * max_pixels)
    remarks: tuple[str, ...] = ()
    if not jpeg.ended:
        with _refusals(file, max_pixels):
            jpeg, remarks = mended(file, jpeg, max_pixels), (MENDED,)
    elif jpeg.unfinished:
        remarks = (UNFINISHED,)
    if jpeg.damaged:
        remarks += (DAMAGED,)
    if jpeg.in_adobe_rgb:
        remarks += (IN_ADOBE_RGB,)
    profile, remark = _profile(jpeg.profile, jpeg.components)
    turned, high = jpeg.orientation, jpeg.pixel_height
    room = room.turned() if room and turned.value >= 5 else room
    if room and (smaller := scaled_jpeg(file, jpeg, room, max_pixels)):
        file, jpeg = smaller, read_jpeg(smaller) or jpeg
    image = _passed(file, jpeg, profile)
    remarks += (*remark, *turned.remarks, *_shape_remarks(high))
    return Picture(jpeg.width, jpeg.height, turned.value, image, None, profile, remarks, high)


def _passed(file: BinaryIO, jpeg: Jpeg, profile: Stream | None) -> Stream:
    """Return the JPEG as it is. Adobe's marker means that CMYK is stored inverted."""
    entries = image_entries(jpeg.width, jpeg.height, 8) + b"/Filter/DCTDecode"
    if profile is None:
        entries += b"/ColorSpace" + DEVICE_SPACES[jpeg.components]
    if jpeg.components == 4 and jpeg.adobe:
        entries += b"/Decode[1 0 1 0 1 0 1 0]"
    if jpeg.plain_rgb:
        entries += b"/DecodeParms<</ColorTransform 0>>"
    return Stream(entries, jpeg.length, lambda: jpeg.blocks(file))


def _decoded(file: BinaryIO, opened: Opened, max_pixels: int, room: Room | None, frame: int | None) -> Picture:
    """Return the decoded picture. Pillow opens lazily, so the size is checked before a pixel is decoded."""
    source = opened.source
    most = max_pixels // _DIVISORS.get(source.format or "", 1)
    if not tiff.is_tiff(source):
        check_size(*source.size, most)  # a frame is decoded before the next one, but for pages of a TIFF
    opened.seek(frame or 0, most)
    if tiff.is_tiff(source) and tiff.is_misread(source):
        raise UnidentifiedImageError  # another picture would be drawn
    check_size(*source.size, most)
    several = frame is None and opened.several
    data = opened.profile
    told = (*opened.remarks, *(opened.colours_told if data is None else ()))
    high = opened.pixel_height
    raster = decode(source)
    if not opened.has_all_rows(frame or 0, source, file):
        raise EOFError
    raster, wrong_crop = _cropped(opened, raster)
    turned = opened.orientation
    if room:
        raster = scaled_raster(raster, room.turned() if turned.value >= 5 else room)
    profile, remark = _profile(data, raster.components)
    image, mask = encode(raster, profile is not None)
    remarks = (
        *told, *raster.remarks, *wrong_crop, *remark, *turned.remarks,
        *_shape_remarks(high), *((ONLY_FIRST,) if several else ()),
    )  # fmt: skip
    return Picture(*raster.image.size, turned.value, image, mask, profile, remarks, high)


def _cropped(opened: Opened, raster: Raster) -> tuple[Raster, tuple[str, ...]]:
    """Return the part of the picture that its file wants to be shown, and a remark when there is no such part."""
    try:
        box = opened.crop
    except ValueError:
        return raster, (WRONG_CROP,)
    return (raster.cropped(box) if box else raster), ()


def _shape_remarks(pixel_height: float) -> tuple[str, ...]:
    return () if pixel_height == 1 else (NOT_SQUARE,)


def _profile(data: bytes | None, components: int) -> tuple[Stream | None, tuple[str, ...]]:
    """Return the colour profile as a stream, and a remark when it is left out."""
    try:
        return (None if data is None else profile_stream(data, components)), ()
    except ValueError:
        return None, (UNUSABLE,)


def _reason(error: BaseException) -> str:
    text = str(error).rstrip(".")
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, EOFError) or "truncated" in text.lower():
        return "it ends before its picture does (truncated)"
    if text.startswith(_NO_REASON) or isinstance(error, _NO_WORDS):
        return "its data are damaged, or cut off"
    return text or type(error).__name__
