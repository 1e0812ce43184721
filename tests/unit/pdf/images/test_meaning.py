"""What a file means, where its decoder says something else; and what is said of it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from pipeline.errors import UnreadableSource
from pipeline.pdf.images import ONLY_FIRST, PictureFile, count_frames, icc, png, raster, read_picture, tiff
from pipeline.pdf.images.greys import DARK, GUESSED
from pipeline.pdf.images.unusual import UNUSUAL

from .picture_files import (
    GREEN,
    LIMIT,
    RED,
    exif,
    png_of,
    quadrants,
    read,
    saved,
    translucent,
)
from .raw_files import tiff as raw_tiff
from .shown import assert_looks_like, corners, rendered, samples

PNG = saved(quadrants(), "PNG")
HEADER, DATA = (b"IHDR", PNG[16:29]), (b"IDAT", zlib.compress(b"".join(b"\0" + row for row in [bytes(192)] * 32)))
WIDE_POINTS = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)  # Display P3
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def chunk(name: bytes, body: bytes, checksum: int | None = None) -> bytes:
    value = zlib.crc32(name + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", value)


def with_chunk(data: bytes, piece: bytes) -> bytes:
    """The PNG with one more chunk behind its header."""
    return data[:33] + piece + data[33:]


@pytest.mark.parametrize("bits", [2, 4, 8, 12, 16])
@pytest.mark.parametrize("order", ["<", ">"])
def test_where_white_is_zero_the_highest_number_is_black(bits: int, order: str) -> None:
    picture = read(raw_tiff(2, 1, 0, bits, [(1 << bits) - 1, 0], order))
    assert corners(rendered(picture))[:2] == [BLACK, WHITE] and not picture.remarks


def test_numbers_of_32_bits_fill_their_range_or_are_a_guess() -> None:
    whole = read(raw_tiff(3, 1, 1, 32, [2**32 - 1, 2**31, 0]))
    assert list(samples(whole)) == [255, 128, 0] and not whole.remarks
    part = read(raw_tiff(2, 1, 1, 32, [65535, 0]))
    assert list(samples(part)) == [255, 0] and part.remarks == (GUESSED,)


@pytest.mark.parametrize(("highest", "remarks"), [(4095, (DARK,)), (4096, ()), (0, ())])
def test_16_bits_of_which_only_the_lowest_12_are_used_are_named(highest: int, remarks: tuple[str, ...]) -> None:
    for order in "<>":
        assert read(raw_tiff(2, 1, 1, 16, [highest, 0], order)).remarks == remarks
    assert not read(raw_tiff(2, 1, 1, 12, [highest % 4096, 0])).remarks


def test_floats_up_to_1_are_no_guess() -> None:
    for numbers, remarks in (([0.0, 1.0], ()), ([0.0, 200.0], (GUESSED,))):
        image = Image.frombytes("F", (2, 1), struct.pack("=2f", *numbers))
        assert read(saved(image, "TIFF")).remarks == remarks


def test_a_palette_of_8_bit_values_is_read_and_named() -> None:
    colours = [0] * 768
    colours[0], colours[257], colours[514], colours[3] = 255, 255, 255, 200
    picture = read(raw_tiff(4, 1, 3, 8, [0, 1, 2, 3], more=[(320, colours)]))
    assert samples(picture) == bytes([0, 1, 2, 3]) or b"FF0000" in picture.image.entries
    assert b"FF000000FF000000FFC80000" in picture.image.entries
    assert picture.remarks == (tiff.DARK_PALETTE,)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (raw_tiff(2, 2, 0, 32, [0] * 4, ">"), "grey, 0 is white, 32 bits, compression raw"),
        (raw_tiff(2, 2, 2, 16, [0] * 12, samples=3, planes=True), r"RGB, 16\+16\+16 bits in planes"),
        (raw_tiff(2, 2, 8, 8, [0] * 12, samples=3, planes=True), r"L\*a\*b\*, 8\+8\+8 bits in planes"),
        (raw_tiff(2, 2, 8, 8, [0] * 12, samples=3, planes=True, packed=True), r"L\*a\*b\*, 8\+8\+8 bits in planes"),
        (raw_tiff(2, 2, 2, 8, [0] * 16, samples=4, planes=True, alpha=1), r"RGB, 8\+8\+8\+8 bits in planes"),
        (raw_tiff(2, 2, 2, 32, [0] * 12, samples=3, form=3), r"RGB, floating-point 32\+32\+32 bits"),
        (raw_tiff(2, 2, 32803, 16, [0] * 4), "photometric 32803, 16 bits"),
    ],
)
def test_a_tiff_that_is_not_supported_is_called_so(data: bytes, kind: str) -> None:
    with pytest.raises(UnreadableSource, match=f"This kind of TIFF is not supported: {kind}"):
        read(data)


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_an_alpha_of_0_everywhere_is_taken_as_unused(kind: str) -> None:
    invisible = quadrants().convert("RGBA")
    invisible.putalpha(0)
    picture = read(v5_bmp(invisible) if kind == "BMP" else saved(invisible, kind))
    assert picture.mask is None and picture.remarks == (raster.NO_ALPHA,)
    assert_looks_like(picture, quadrants())


def v5_bmp(image: Image.Image) -> bytes:
    """A BMP with a header that has a mask for the alpha."""
    body = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", "BGRA")
    head = struct.pack("<IiiHHIIiiII", 124, *image.size, 1, 32, 3, len(body), 0, 0, 0, 0)
    head = (head + struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)).ljust(124, b"\0")
    return b"BM" + struct.pack("<IHHI", 138 + len(body), 0, 0, 138) + head + body


def test_a_picture_that_is_transparent_everywhere_is_named() -> None:
    invisible = quadrants().convert("RGBA")
    invisible.putalpha(0)
    assert read(saved(invisible, "PNG")).remarks == (raster.INVISIBLE,)


def test_damaged_picture_data_of_a_png_are_named() -> None:
    at = PNG.index(b"IDAT") + 4 + struct.unpack(">I", PNG[PNG.index(b"IDAT") - 4 :][:4])[0]
    wrong = PNG[:at] + bytes(4) + PNG[at + 4 :]
    assert read(wrong).remarks == (png.DAMAGED,)
    assert not read(PNG).remarks


@pytest.mark.parametrize(
    "comment",
    [
        chunk(b"tEXt", b"Comment\0hello", checksum=7),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 3_000_000)),
        chunk(b"zTXt", b"Comment\0\0no zlib"),
        chunk(b"iTXt", b"x"),
        chunk(b"tIME", b"?"),
        chunk(b"teSt", b"unknown"),
    ],
)
def test_a_comment_of_a_png_does_no_harm(comment: bytes) -> None:
    picture = read(with_chunk(PNG, comment))
    assert_looks_like(picture, quadrants())
    assert not picture.remarks


@pytest.mark.parametrize(
    "piece",
    [
        chunk(b"iCCP", b"profile\0\0no zlib"),
        chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(5_000_000))),
        chunk(b"eXIf", exif(6)[6:], checksum=7),
        chunk(b"tRNS", b"\0\0\0\0\0\0", checksum=7),
    ],
)
def test_what_is_damaged_beside_the_pixels_of_a_png_is_left_out_and_named(piece: bytes) -> None:
    picture = read(with_chunk(PNG, piece))
    assert_looks_like(picture, quadrants())
    assert picture.remarks == (png.LEFT_OUT,)


@pytest.mark.parametrize(
    ("pieces", "remarks"),
    [
        (chunk(b"gAMA", struct.pack(">I", 100_000)), (UNUSUAL,)),
        (chunk(b"gAMA", struct.pack(">I", 45_455)), ()),
        (chunk(b"sRGB", b"\0") + chunk(b"gAMA", struct.pack(">I", 100_000)), ()),
        (chunk(b"cICP", b"\x09\x10\0\x01") + chunk(b"sRGB", b"\0"), (UNUSUAL,)),
        (chunk(b"cICP", b"\x01\x0d\0\x01"), ()),
        (chunk(b"cHRM", WIDE_POINTS), (UNUSUAL,)),
        (chunk(b"cHRM", WIDE_POINTS) + chunk(b"sRGB", b"\0"), ()),
        (chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)), ()),
    ],
)
def test_colours_of_a_png_that_are_not_srgb_are_named(pieces: bytes, remarks: tuple[str, ...]) -> None:
    assert read(with_chunk(PNG, pieces)).remarks == remarks


GREYS = chunk(b"PLTE", bytes(range(12)))
PIXELS = chunk(b"IDAT", zlib.compress(b"\0\3\0"))


def grey_with(*pieces: bytes, depth: int = 8, colour: int = 0) -> bytes:
    """A row of two pixels, 3 and 0."""
    row = b"\0\x30" if depth == 4 else b"\0\3\0"
    head, pixels = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, depth, colour, 0, 0, 0)), b""
    if not pieces[-1].startswith(PIXELS):
        pixels = chunk(b"IDAT", zlib.compress(row))
    return png.SIGNATURE + head + b"".join(pieces) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        grey_with(chunk(b"tRNS", b"")),
        grey_with(chunk(b"tRNS", b"\3")),
        grey_with(GREYS, chunk(b"tRNS", bytes(300)), colour=3),
        grey_with(chunk(b"tRNS", bytes(4)), GREYS, colour=3),
        grey_with(GREYS, PIXELS + chunk(b"tRNS", bytes(4)), colour=3),
    ],
    ids=["empty", "short", "long", "before the palette", "behind the pixels"],
)
def test_transparency_of_a_wrong_length_or_place_is_left_out_and_named(data: bytes) -> None:
    picture = read(data)
    assert not picture.mask and b"/Mask" not in picture.image.entries
    assert picture.remarks == (png.LEFT_OUT,)


def test_of_a_transparent_number_only_the_bits_of_a_pixel_count() -> None:
    assert b"/Mask[51 51]" in read(grey_with(chunk(b"tRNS", b"\0\x13"), depth=4)).image.entries


def test_a_png_whose_picture_is_not_of_its_animation_has_two() -> None:
    first = chunk(b"fcTL", struct.pack(">5I2H2B", 0, 64, 32, 0, 0, 1, 10, 0, 0))
    frame = chunk(b"fdAT", struct.pack(">I", 1) + DATA[1])
    apart = with_chunk(PNG, chunk(b"acTL", struct.pack(">II", 1, 0)))
    apart = apart[:-12] + first + frame + apart[-12:]
    assert read(apart).remarks == (ONLY_FIRST,) and count_frames(io.BytesIO(apart)) == 2


def test_a_png_for_iphones_is_called_so() -> None:
    with pytest.raises(UnreadableSource, match="CgBI"):
        read(PNG[:8] + chunk(b"CgBI", bytes(4)) + PNG[8:])


def test_numbers_without_a_colour_in_the_palette_are_named() -> None:
    header = (b"IHDR", struct.pack(">IIBBBBB", 4, 1, 8, 3, 0, 0, 0))
    colours, row = (b"PLTE", bytes([255, 0, 0])), (b"IDAT", zlib.compress(bytes([0, 0, 0, 0, 7])))
    assert read(png_of(header, colours, row, (b"IEND", b""))).remarks == (raster.NO_COLOUR,)


def test_a_profile_that_cannot_be_used_is_named() -> None:
    assert read(saved(quadrants(), "JPEG", icc_profile=b"no profile")).remarks == (icc.UNUSABLE,)


def raw_profile(keyword: bytes = b"exif") -> bytes:
    data = exif(6)
    return b"\n" + keyword + b"\n%8d\n" % len(data) + data.hex().encode() + b"\n"


@pytest.mark.parametrize(
    "text",
    [
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw_profile())),
        chunk(b"tEXt", b"Raw profile type APP1\0" + raw_profile(b"APP1")),
        chunk(b"iTXt", b"Raw profile type exif\0\0\0\0\0" + raw_profile()),
        chunk(b"iTXt", b"Raw profile type exif\0\1\0\0\0" + zlib.compress(raw_profile())),
        chunk(b"eXIf", exif(6)[6:]),
        chunk(b"eXIf", exif(6)),
    ],
)
def test_the_orientation_of_a_png_may_be_in_a_text(text: bytes) -> None:
    turned = with_chunk(PNG, text)
    behind = PNG[:-12] + text + PNG[-12:]
    assert read(turned).orientation == read(behind).orientation == 6


def test_a_gif_frame_smaller_than_its_canvas_leaves_the_rest_transparent() -> None:
    small = saved(Image.new("P", (32, 16)), "GIF", optimize=False)
    wide = bytearray(small.replace(struct.pack("<HH", 32, 16), struct.pack("<HH", 64, 32), 1))
    at = wide.index(b",", 13)
    wide[at + 1 : at + 5] = struct.pack("<HH", 32, 0)
    seen = corners(rendered(read(bytes(wide))))
    assert seen == [WHITE, BLACK, WHITE, WHITE]


def several(kind: str, **options: object) -> bytes:
    others = [Image.new("RGB", (64, 32), colour) for colour in (RED, GREEN)]
    return saved(quadrants(), kind, save_all=True, append_images=others, **options)


FRAMES: dict[str, Callable[[], bytes]] = {
    "TIFF": lambda: several("TIFF"),
    "GIF": lambda: several("GIF"),
    "PNG": lambda: several("PNG"),
    "WEBP": lambda: several("WEBP", lossless=True),
    "AVIF": lambda: several("AVIF", quality=95),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_are_counted_and_each_can_be_drawn(kind: str) -> None:
    data = FRAMES[kind]()
    assert count_frames(io.BytesIO(data)) == 3
    assert read(data).remarks == (ONLY_FIRST,)
    for frame, expected in enumerate(
        [quadrants(), Image.new("RGB", (64, 32), RED), Image.new("RGB", (64, 32), GREEN)]
    ):
        picture = read_picture(io.BytesIO(data), LIMIT, frame=frame)
        assert not picture.remarks
        assert_looks_like(picture, expected, 12)


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_look_the_same_in_order_and_alone(kind: str) -> None:
    data = FRAMES[kind]()
    file = PictureFile(io.BytesIO(data))
    for frame in (0, 1, 2, 1):
        alone = read_picture(io.BytesIO(data), LIMIT, frame=frame)
        assert samples(file.read(LIMIT, frame=frame)) == samples(alone)


@pytest.mark.parametrize("data", [saved(quadrants(), "JPEG"), PNG, FRAMES["TIFF"](), FRAMES["GIF"]()])
def test_a_frame_that_is_not_there_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableSource, match="no frame 4"):
        read_picture(io.BytesIO(data), LIMIT, frame=3)


@pytest.mark.parametrize("data", [b"", b"no picture", saved(quadrants(), "JPEG"), PNG, png_of(HEADER, DATA)])
def test_what_has_no_frames_counts_as_one(data: bytes) -> None:
    assert count_frames(io.BytesIO(data)) == 1


def test_an_avif_is_drawn_upright_with_its_alpha() -> None:
    picture = read(saved(translucent(), "AVIF", quality=95, exif=exif(6)))
    assert picture.mask is not None
    assert picture.size == (32, 64)


def test_signed_bytes_are_read_as_unsigned_ones_and_named() -> None:
    picture = read(raw_tiff(2, 1, 1, 8, [7, 250], form=2))
    assert list(samples(picture)) == [7, 250] and picture.remarks == (tiff.SIGNED,)


@pytest.mark.parametrize("cut", [1, 4, 7, 12])
def test_a_png_without_its_end_is_drawn_and_named(cut: int) -> None:
    picture = read(PNG[:-cut])
    assert_looks_like(picture, quadrants())
    assert picture.remarks == (png.NO_END,)


def test_an_animated_png_with_a_damaged_animation_shows_its_first_picture() -> None:
    damaged = FRAMES["PNG"]().replace(b"fcTL\0\0\0\0", b"fcTL\0\0\0\7", 1)
    assert_looks_like(read(damaged), quadrants())


def test_the_transparent_number_of_16_bits_is_compared_exactly() -> None:
    header = struct.pack(">IIBBBBB", 4, 1, 16, 0, 0, 0, 0)
    row = (b"IDAT", zlib.compress(b"\0" + struct.pack(">4H", 254, 255, 256, 65535)))
    picture = read(png_of((b"IHDR", header), (b"tRNS", b"\0\xff"), row, (b"IEND", b"")))
    assert picture.mask and list(rendered(picture).getchannel("R").tobytes()) == [1, 255, 1, 255]


def test_a_transparent_colour_of_16_bits_is_named_as_rough() -> None:
    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    row = (b"IDAT", zlib.compress(bytes(7)))
    assert read(png_of((b"IHDR", header), (b"tRNS", bytes(6)), row, (b"IEND", b""))).remarks == (raster.ROUGH_KEY,)


@pytest.mark.parametrize(
    ("marker", "precision", "kind"),
    [
        (0xC1, 12, "12 bits"),
        (0xC0, 12, "12 bits"),
        (0xC3, 8, "lossless"),
        (0xC3, 16, "lossless"),
        (0xC5, 8, "hierarch"),
    ],
)
def test_a_jpeg_that_is_not_supported_is_called_so(marker: int, precision: int, kind: str) -> None:
    data = bytearray(saved(quadrants(), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = marker, precision
    with pytest.raises(UnreadableSource, match=f"This kind of JPEG is not supported: {kind}"):
        read(bytes(data))


def test_a_tiff_with_an_unknown_compression_is_called_so() -> None:
    data = raw_tiff(2, 2, 1, 8, [0] * 4, more=[(259, [34892])])
    with pytest.raises(UnreadableSource, match="not supported: grey, 8 bits, compression 34892"):
        read(data)
