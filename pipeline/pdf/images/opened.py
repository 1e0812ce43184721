"""A picture that Pillow opened, and what its file says beside the pixels."""

from __future__ import annotations

from contextlib import nullcontext
from typing import BinaryIO, NamedTuple, cast

from PIL import Image, ImageFile

from ...errors import UnreadableSource
from . import bmp, formats, png, png_rows, tiff, tiff_pages
from .boxes import Box, Properties, properties
from .exif import IN_ADOBE_RGB, Orientation, is_adobe_rgb, orientation, tiff_is_adobe_rgb
from .jpeg_segments import reader
from .pieces import view
from .pixel_limit import limited
from .pixel_shape import pixel_height
from .unusual import UNUSUAL

NO_TABLE = "A GIF has no table of colours; which ones its numbers mean is guessed, as shades of grey"

_BMP = ("BMP", "DIB")  # Pillow's names, the second for one without its first header


class Opened(NamedTuple):
    """A picture that Pillow opened; what is known of a PNG's chunks; which frames of a TIFF are pages; what an AVIF
    or HEIC says of its picture."""

    source: ImageFile.ImageFile
    chunks: png.Png | None
    pages: tuple[int, ...]
    boxes: Properties

    def place(self, frame: int) -> int:
        """Return Pillow's number of a frame."""
        return self.pages[frame] if self.pages and frame < len(self.pages) else frame

    def seek(self, frame: int, max_pixels: int) -> None:
        """Go to a frame. Raises UnreadableSource when it is not there, or when it or one before it has more than
        `max_pixels`: a frame of a GIF may be larger than the first, and takes memory at once."""
        if self.pages:
            check_frame(frame, len(self.pages))
        try:
            with limited(max_pixels, max_pixels):
                if place := self.place(frame):
                    self.source.seek(place)
        except EOFError:
            raise UnreadableSource(f"There is no frame {frame + 1} in the picture.") from None

    @property
    def pixel_height(self) -> float:
        """The height of a pixel in widths."""
        if self.chunks:
            return self.chunks.pixel_height
        if self.source.format in _BMP:
            return pixel_height(*self.source.info.get("dpi", (1, 1)))
        if tiff.is_tiff(self.source):
            return tiff.pixel_height_of(self.source)
        is_upright = self.source.format == "HEIF" and self.boxes.lies  # its decoder has turned it
        return 1 / self.boxes.pixel_height if is_upright else self.boxes.pixel_height

    def has_all_rows(self, frame: int, decoded: Image.Image, file: BinaryIO) -> bool:
        """Return whether a decoded picture has all its rows. Other decoders than that of PNGs fail if not."""
        frames = self.chunks.frames[frame:] if self.chunks else ()
        if not frames or (not frame and not png_rows.ends_blank(decoded)):  # later ones are drawn on those before
            return True
        return png_rows.has_all_rows(file, frames[0])

    @property
    def several(self) -> bool:
        """Whether there are more pages or frames."""
        if self.chunks:
            return self.chunks.animated
        return len(self.pages) > 1 if self.pages else bool(getattr(self.source, "is_animated", False))

    @property
    def orientation(self) -> Orientation:
        """Pillow has turned TIFFs already, and the decoders of AVIF and HEIC reset it."""
        if self.chunks:
            return self.chunks.orientation
        if self.source.format == "TIFF":
            return Orientation(1, by_xmp=False)
        exif, xmp = (self.source.info.get(name) or b"" for name in ("exif", "xmp"))
        return orientation([exif], [xmp] if self.source.format == "WEBP" else [])

    @property
    def crop(self) -> Box | None:
        """The part of the picture to show. The decoder of HEIC leaves the rest out itself, that of AVIF does not.

        Raises ValueError when that part is not there.
        """
        is_still = self.source.format == "AVIF" and not getattr(self.source, "is_animated", False)
        return self.boxes.crop(self.source.size) if is_still else None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is guessed, as far as it shows before the pixels are decoded."""
        source = self.source
        if self.chunks:
            return self.chunks.remarks
        if source.format in _BMP and source.fp:
            return (bmp.SKIPPED,) * bmp.skips_pixels(cast("BinaryIO", source.fp))
        # Pillow takes a table of greys in order for none, too, but notes that it was there.
        has_table = "background" in source.info or getattr(source, "_frame_palette", None) is not None
        return (NO_TABLE,) * (source.format == "GIF" and not has_table)

    @property
    def colours_told(self) -> tuple[str, ...]:
        """Remarks on colours that differ from those of sRGB, for a picture without a profile."""
        return (UNUSUAL,) * self._is_unusual + (IN_ADOBE_RGB,) * self._in_adobe_rgb

    @property
    def _is_unusual(self) -> bool:
        source = self.source
        if self.chunks:
            return self.chunks.unusual
        if tiff.is_tiff(source):
            return tiff.is_unusual(source)
        if source.format in _BMP and source.fp:
            return bmp.is_unusual(cast("BinaryIO", source.fp))
        return self.boxes.unusual

    @property
    def _in_adobe_rgb(self) -> bool:
        if tiff.is_tiff(self.source) and self.source.fp:
            return tiff_is_adobe_rgb(reader(cast("BinaryIO", self.source.fp)))
        return self.chunks.in_adobe_rgb if self.chunks else is_adobe_rgb(self.source.info.get("exif") or b"")

    @property
    def profile(self) -> bytes | None:
        """The ICC profile, but not that of L*a*b*, which is converted to sRGB. To be asked for before decoding."""
        source = self.source
        if self.chunks:
            return self.chunks.profile
        if source.format in _BMP and source.fp:
            return bmp.profile(cast("BinaryIO", source.fp))
        return None if source.mode == "LAB" else source.info.get("icc_profile") or None


def open_picture(file: BinaryIO, start: bytes, max_pixels: int, *, frames: bool) -> Opened:
    """Open a file that begins with `start`. Of an animated PNG, Pillow sees the animation only with `frames`.

    Of a GIF it fills what its first frame leaves to the next one: a byte for each pixel, before the size is known.
    """
    is_tiff = start.startswith(tiff.MARKS)
    if is_tiff:
        tiff.know_more_greys()
    pages = tiff_pages.pages(file) if is_tiff else ()
    chunks = png.read_png(file, frames) if start.startswith(png.SIGNATURE) else None
    seen = view(file, chunks.pieces, png.END) if chunks else file
    with limited(2 * max_pixels, max_pixels) if start.startswith(b"GIF8") else nullcontext():
        source = Image.open(seen, formats=formats.readable())
    return Opened(source, chunks, pages, properties(file) if start[4:8] == b"ftyp" else Properties())


def check_frame(frame: int | None, count: int) -> None:
    """Raise UnreadableSource for a frame, from 0, that is not there."""
    if frame is not None and frame >= count:
        raise UnreadableSource(f"There is no frame {frame + 1} in the picture: it has {count}.")
