"""What Pillow leaves out of a TIFF's meaning (TIFF 6.0)."""

from __future__ import annotations

import struct
from functools import cache
from io import SEEK_END
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO, TypeGuard

from PIL import Image

from .pixel_shape import pixel_height
from .unusual import unusual_curve, unusual_points

if TYPE_CHECKING:  # 20 ms, which an album of JPEGs does without
    from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

DARK_PALETTE = "The palette of a TIFF has 8-bit values where 16 bits are due, and is read as such"
NO_MEANING = "A TIFF does not say whether 0 is black or white; it is drawn as if 0 were black"
UNKNOWN_ALPHA = "A TIFF does not say what its fourth channel is; it is taken for transparency"
MORE_CHANNELS = "Channels of a TIFF besides its colours, such as spot colours or saved selections, are left out"
SIGNED = "The samples of a TIFF are called signed bytes, and are read as unsigned ones"

MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
BITS, PHOTOMETRIC, FORMAT = 258, 262, 339  # tags
_WIDTH, _LENGTH, _COMPRESSION, _SAMPLES, _COLOUR_MAP, _SUBSAMPLING = 256, 257, 259, 277, 320, 530
_ORIENTATION, _ACROSS, _DOWN, _PLANES, _INK_SET = 274, 282, 283, 284, 332
_LIGHT, _WHITE, _PRIMARIES, _DOTS, _EXTRA, _WEIGHTS, _BLACK_WHITE = 301, 318, 319, 336, 338, 529, 532
_USUAL_WEIGHTS = (0.299, 0.587, 0.114)
_RGB, _YCBCR = 2, 6
_FAXES = (2, 3, 4, 32771)  # compressions, of pictures where 0 is white
_TRANSPARENCY = (1, 2)  # of ExtraSamples: multiplied in, or not
_USUAL_RANGES = {_YCBCR: [0.0, 255.0, 128.0, 255.0, 128.0, 255.0], _RGB: [0.0, 255.0] * 3}
_PHOTOMETRICS = ("grey, 0 is white", "grey", "RGB", "palette", "mask", "CMYK", "YCbCr", "", "L*a*b*")
_FORMATS = {2: "signed ", 3: "floating-point ", 5: "complex ", 6: "complex "}


@cache
def know_more_greys() -> None:
    """Add to Pillow's table of TIFF layouts the grey ones that it can unpack, but does not list.

    12 bits are packed alike in both byte orders. The numbers are turned where 0 is white, see greys.py.
    """
    from PIL import TiffImagePlugin

    layouts = TiffImagePlugin.OPEN_INFO
    layouts[TiffImagePlugin.MM, 0, (1,), 1, (16,), ()] = ("I;16B", "I;16B")
    layouts[TiffImagePlugin.MM, 1, (1,), 1, (32,), ()] = ("I", "I;32B")
    for order, photometric in ((TiffImagePlugin.II, 0), (TiffImagePlugin.MM, 0), (TiffImagePlugin.MM, 1)):
        layouts[order, photometric, (1,), 1, (12,), ()] = ("I;16", "I;12")


def is_tiff(source: Image.Image) -> TypeGuard[TiffImageFile]:
    """Return whether the picture was opened as TIFF, so that it has tags."""
    return source.format == "TIFF"


def prepared(source: TiffImageFile) -> list[str]:
    """Make Pillow decode a TIFF as it is meant. Return what is guessed and left out; raises as `check_strips`."""
    check_strips(source)
    found = {
        NO_MEANING: mend_meaning(source),
        DARK_PALETTE: mend_palette(source),
        SIGNED: has_signed_bytes(source),
        MORE_CHANNELS: has_more_channels(source),
    }
    mend_order(source)
    return [words for words, true in found.items() if true]


def check_strips(source: TiffImageFile) -> None:
    """Raise OSError when a strip lies behind the end of the file: Pillow reads up to the next one, however far.

    The same where strips or tiles are missing, or one without compression reaches into the next: Pillow leaves
    black, and draws the rows of the next one. Raises ValueError when it took something else for their places.
    """
    size = source.fp.seek(0, SEEK_END) if source.fp else 0
    if not all(isinstance(tile.offset, int) for tile in source.tile):
        raise ValueError("where its strips are is not said in numbers")
    if any(tile.offset > size for tile in source.tile) or _has_gaps(source) or _overlap(source):
        raise OSError("the file is truncated")


def _is_in_planes(source: TiffImageFile) -> bool:
    return bool(source.tag_v2.get(_PLANES, 1) == 2)


def _has_gaps(source: TiffImageFile) -> bool:
    tags = source.tag_v2
    drawn = sum((box[2] - box[0]) * (box[3] - box[1]) for tile in source.tile if (box := tile.extents))
    planes = len(tags.get(BITS, (1,))) if _is_in_planes(source) and source.tile[0].codec_name != "libtiff" else 1
    return bool(drawn < tags[_WIDTH] * tags[_LENGTH] * planes)


def _overlap(source: TiffImageFile) -> bool:
    """Return whether a strip without compression has fewer bytes than its rows."""
    bits = source.tag_v2.get(BITS, (1,))
    each = bits[0] if _is_in_planes(source) else sum(bits)
    ends = {}
    for tile in source.tile:
        if tile.codec_name == "raw" and isinstance(tile.args, tuple) and tile.extents:
            left, top, right, low = tile.extents
            row = tile.args[1] or -(-(right - left) * each // 8)
            ends[tile.offset] = tile.offset + row * (low - top)
    return any(ends[begin] > following for begin, following in pairwise(sorted(ends)))


def mend_palette(source: TiffImageFile) -> bool:
    """Use palette values below 256 as 8-bit ones, as old programs wrote them. Return whether they are such."""
    colours = source.tag_v2.get(_COLOUR_MAP) if source.mode in ("P", "PA") else None
    if not colours or not 0 < max(colours) < 256:
        return False
    from PIL import ImagePalette

    source.palette = ImagePalette.raw("RGB;L", bytes(colours))
    return True


def mend_meaning(source: TiffImageFile) -> bool:
    """Take 0 for black where a file does not say what it is, as libtiff does; Pillow takes it for white.

    Return whether it is such a file.
    """
    tags = source.tag_v2
    if PHOTOMETRIC in tags or tags.get(_COMPRESSION, 1) in _FAXES:
        return False
    tags[PHOTOMETRIC] = 1
    for place, tile in enumerate(source.tile):
        if isinstance(tile.args, tuple) and isinstance(tile.args[0], str):
            mode, _, how = tile.args[0].partition(";")
            how = how.replace("I", "")
            source.tile[place] = tile._replace(args=(f"{mode};{how}" if how else mode, *tile.args[1:]))
    return True


def guesses_alpha(source: TiffImageFile) -> bool:
    """Return whether Pillow takes a channel for transparency although its file does not say so."""
    extra = source.tag_v2.get(_EXTRA, ())
    return source.mode == "RGBA" and not set(extra) & set(_TRANSPARENCY)


def has_more_channels(source: TiffImageFile) -> bool:
    """Return whether there are channels that are not drawn."""
    drawn = len([band for band in source.getbands() if band != "X"])
    return bool(source.tag_v2.get(_SAMPLES, 1) > drawn)


def mend_order(source: TiffImageFile) -> None:
    """Make Pillow take compressed numbers in this machine's byte order, as libtiff gives them.

    It does so for unsigned numbers of 16 bits only, and reads the others with their bytes reversed.
    """
    native = {"I;16BS": "I;16NS", "I;32B": "I;32N", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
    source.tile = [
        tile._replace(args=(native[tile.args[0]], *tile.args[1:]))
        if tile.codec_name == "libtiff" and isinstance(tile.args, tuple) and tile.args[0] in native
        else tile
        for tile in source.tile
    ]


def is_misread(source: TiffImageFile) -> bool:
    """Return whether Pillow would decode other pixels than the file has, without an error.

    It takes any four inks for CMYK, and planes of L*a*b* for numbers without a sign. Of files without compression,
    it reads planes of 16 bits as 8 bits, and subsampled YCbCr as if it were whole; planes with an alpha that is
    multiplied in it does not read at all.
    """
    tags = source.tag_v2
    bits = tags.get(BITS, (1,))
    planes = _is_in_planes(source) and len(bits) > 1
    if (source.mode == "CMYK" and tags.get(_INK_SET, 1) != 1) or (source.mode == "LAB" and planes):
        return True
    if tags.get(_COMPRESSION, 1) != 1:
        return False
    subsampled = source.mode == "YCbCr" and tags.get(_SUBSAMPLING, (2, 2)) != (1, 1)
    return bool(subsampled or (planes and (bits[0] != 8 or tags.get(_EXTRA) == (1,))))


def pixel_height_of(source: TiffImageFile) -> float:
    """Return the height of a pixel in widths, as the picture will stand when Pillow has turned it upright."""
    tags = source.tag_v2
    try:
        across, down = float(tags.get(_ACROSS, 0)), float(tags.get(_DOWN, 0))
    except (TypeError, ValueError, ZeroDivisionError):
        return 1.0
    return pixel_height(down, across) if tags.get(_ORIENTATION, 1) in (5, 6, 7, 8) else pixel_height(across, down)


def is_unusual(source: TiffImageFile) -> bool:
    """Return whether its tags describe colours, or black and white of inks, other than those that are drawn."""
    tags = source.tag_v2
    if source.mode == "LAB":
        return False
    try:
        light = [value / 0xFFFF for value in tags.get(_LIGHT, ())[: 2 ** tags.get(BITS, (1,))[0]]]
        light = light[::-1] if tags.get(PHOTOMETRIC, 0) == 0 else light  # its first value is that of white then
        points = [*map(float, tags.get(_WHITE, (0.3127, 0.3290))), *map(float, tags.get(_PRIMARIES, ()))]
        weights = [*map(float, tags.get(_WEIGHTS, _USUAL_WEIGHTS))]
        black_white = [*map(float, tags.get(_BLACK_WHITE, ()))]
        dots = tags.get(_DOTS, (0, 255))
    except (TypeError, ValueError, ZeroDivisionError):
        return True
    photometric = tags.get(PHOTOMETRIC, 0)
    weighed = photometric == _YCBCR and any(
        abs(a - b) > 0.01 for a, b in zip(weights, _USUAL_WEIGHTS, strict=False)
    )
    return (
        unusual_curve(light)
        or (len(points) == 8 and unusual_points(points))
        or weighed
        or (bool(black_white) and black_white != _USUAL_RANGES.get(photometric, black_white))
        or (source.mode == "CMYK" and dots[0] > dots[-1])
    )


def has_signed_bytes(source: TiffImageFile) -> bool:
    """Return whether the samples are called signed bytes: Pillow reads them as unsigned, which many are."""
    tags = source.tag_v2
    return bool(tags.get(FORMAT, (1,))[0] == 2 and tags.get(BITS, (1,))[0] == 8)


def description(file: BinaryIO) -> str | None:
    """Return what kind of TIFF it is, in words; None when its header makes no sense."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    file.seek(0)
    head = file.read(8)
    if not head.startswith(MARKS):
        return None
    if head.startswith(b"MM\0+"):
        return "BigTIFF with the highest byte first"
    try:
        tags = ImageFileDirectory_v2(head + (file.read(8) if b"+" in head[2:4] else b""))
        file.seek(tags.next)
        tags.load(file)
        if not int(tags[_WIDTH]) > 0 or not int(tags[_LENGTH]) > 0:
            return None
        return _words(tags)
    except (SyntaxError, LookupError, TypeError, ValueError, OverflowError, struct.error):
        return None


def _words(tags: ImageFileDirectory_v2) -> str:
    from PIL.TiffImagePlugin import COMPRESSION_INFO

    photometric = int(tags.get(PHOTOMETRIC, 0))
    inks = photometric == 5 and tags.get(_INK_SET, 1) != 1
    kind = (
        "inks that are not CMYK" if inks else _PHOTOMETRICS[photometric] if photometric < len(_PHOTOMETRICS) else ""
    )
    packed = int(tags.get(_COMPRESSION, 1))
    compression = COMPRESSION_INFO.get(packed, str(packed)).removeprefix("tiff_")
    bits = "+".join(str(each) for each in tags.get(BITS, (1,))[:8])
    form = _FORMATS.get(tags.get(FORMAT, (1,))[0], "")
    planes = " in planes" if tags.get(_PLANES, 1) == 2 else ""
    return f"{kind or f'photometric {photometric}'}, {form}{bits} bits{planes}, compression {compression}"
