"""Pictures that are refused, and what is said."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from pipeline.errors import UnreadableSource
from pipeline.pdf.images import read_picture

from .picture_files import (
    png,
    png_of,
    quadrants,
    read,
    saved,
)
from .raw_files import gif_frame

PNG = saved(quadrants(), "PNG")
BEFORE = Image.MAX_IMAGE_PIXELS


HEADER = (b"IHDR", PNG[16:29])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"Dear customer,\nplease find", "begins with 'Dear customer,'"),
        (b"%PDF-1.7\n\xff", "PDF files are not read as pictures"),
        (b"\0\0\0\x0cjP  \r\n", "JPEG 2000 files are not read as pictures"),
        (saved(quadrants(), "TGA"), "TGA files are not read as pictures"),
        (saved(quadrants(), "TGA", compression="tga_rle"), "TGA files are not read as pictures"),
        (saved(quadrants().convert("L"), "TGA"), "TGA files are not read as pictures"),
        (saved(quadrants().convert("P"), "TGA"), "TGA files are not read as pictures"),
        (b"\0\0\2\0\1\0\x20\x20", "cursor files are not read as pictures"),
        (b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="x"/>', "SVG files"),
        (b'<?xml version="1.0"?><Error/>', "begins with '<"),
        (b"P5 8 8 255\n", "PGM files"),
        (b"II\xbc\1 JPEG XR", "JPEG XR files"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "Camera raw files"),
        (b"\0\0\0\x18ftypisom\0\0\2\0", "Film files"),
        (b"RIFF\x10\0\0\0AVI LIST", "Film files"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "begins with the bytes 52 49 46 46"),
        (b"\0\1\2\3\xff\xfe\xfd\xfc", "begins with the bytes 00 01 02 03"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC is damaged|HEIC pictures are not read here: the extra"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "AVIF is damaged"),
        (b"\xff\xd8", "truncated"),
        (b"\xff\xd8\xff\xf7\0\x0b\x08\0\1\0\1\1\1\x11\0\xff\xd9", "JPEG-LS"),
        (b"\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\1\1\1\x11\0\xff\xd9", "its height comes after"),
        (b"\xff\xd8 not at all a JPEG", "JPEG is damaged"),
        (PNG[: len(PNG) // 2], "ends before its picture does"),
        (png(8, 8, 8, 2, b"\0" * 30), "ends before its picture does"),
        (png_of(HEADER, (b"IDAT", b"\x78"), (b"\0\0\0\0", b"no chunk")), "ends before its picture does"),
        (PNG[:20] + b"\xff" + PNG[21:], "PNG is damaged"),
        (saved(quadrants(), "GIF")[:-60], "ends before its picture does"),
        (saved(quadrants(), "WEBP")[:-60], "its data are damaged, or cut off"),
        (saved(quadrants(), "BMP")[:-60], "ends before its picture does"),
        (saved(quadrants(), "TIFF")[:-60], "cannot be decoded|truncated"),
    ],
)
def test_a_refusal_says_what_is_wrong(data: bytes, message: str) -> None:
    with pytest.raises(UnreadableSource, match=message):
        read(data)


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        ("PNG", 64 * 32),
        ("GIF", 64 * 32),
        ("BMP", 64 * 32),
        ("WEBP", 2 * 64 * 32),
        ("JPEG", 64 * 32 // 10 + 1),
    ],
)
def test_the_pixel_limit_is_exact(kind: str, limit: int) -> None:
    data = saved(quadrants(), kind)
    assert read(data, limit).width == 64
    with pytest.raises(UnreadableSource, match="64 x 32 pixels is over the limit"):
        read(data, limit - 1)


def test_pillow_s_own_bomb_error_does_not_get_out() -> None:
    data = png(50_000, 50_000, 1, 0, b"\0")
    with pytest.raises(UnreadableSource, match="More than 178 million pixels is over the limit of 178"):
        read(data, 10**10)


def test_our_pixel_limit_counts_where_pillow_only_warns() -> None:
    data = png(10_000, 10_000, 1, 0, (b"\0" + bytes(1250)) * 10_000)
    with pytest.raises(UnreadableSource, match="over the limit of 40 million"):
        read(data)
    assert read(data, 10**8).width == 10_000


@pytest.mark.parametrize("place", [(0, 0, 40000, 40000), (60000, 60000, 1, 1)])
def test_a_later_gif_frame_may_not_be_larger_than_the_limit(place: tuple[int, int, int, int]) -> None:
    """Of a few bytes, for which Pillow would take up to 4 GB."""
    data = saved(Image.new("L", (8, 8)), "GIF")[:-1] + gif_frame(*place) + b";"
    with pytest.raises(UnreadableSource, match="More than 1 million pixels is over the limit of 1 million"):
        read_picture(io.BytesIO(data), 1_000_000, frame=1)
    assert Image.MAX_IMAGE_PIXELS == BEFORE


def test_frames_before_the_one_that_is_drawn_are_limited_too() -> None:
    """They are decoded, as it builds on them."""
    data = saved(Image.new("L", (1200, 1200)), "GIF")[:-1] + gif_frame(0, 0, 8, 8) + b";"
    with pytest.raises(UnreadableSource, match="1200 x 1200 pixels is over the limit of 1 million"):
        read_picture(io.BytesIO(data), 1_000_000, frame=1)


def test_a_strip_behind_the_end_of_a_tiff_takes_no_memory() -> None:
    """Pillow reads from one strip to the next, here as far as a file says: the buffer would take 2 GB first."""
    data = bytearray(saved(Image.new("L", (8, 8)), "TIFF", tiffinfo={278: 4}))
    with Image.open(io.BytesIO(data)) as image:
        offsets = image.tag_v2[273]  # type: ignore[attr-defined]
    assert len(offsets) == 2
    found = data.index(struct.pack("<2I", *offsets))
    data[found + 4 : found + 8] = struct.pack("<I", 2 << 30)
    asked: list[int] = []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            asked.append(size or 0)
            return super().read(size)

    with pytest.raises(UnreadableSource, match="ends before its picture does"):
        read_picture(Counted(bytes(data)), 1_000_000)
    assert max(asked) < 1_000_000
