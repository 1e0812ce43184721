"""Pictures that are decoded: PNG, WebP, GIF, TIFF, BMP."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from pipeline.errors import UnreadableSource
from pipeline.pdf.images import Picture

from .picture_files import (
    GREEN,
    INKS,
    grey_alpha,
    palette,
    png,
    quadrants,
    read,
    saved,
    translucent,
)
from .shown import (
    assert_looks_like,
    on_white,
    one_page,
    samples,
    seen_by_pillow,
)

CASES: dict[str, tuple[Callable[[], bytes], bool]] = {
    "png rgb": (lambda: saved(quadrants(), "PNG"), False),
    "png rgba": (lambda: saved(translucent(), "PNG"), True),
    "png rgba opaque": (lambda: saved(quadrants().convert("RGBA"), "PNG"), False),
    "png la": (lambda: saved(grey_alpha(), "PNG"), True),
    "png l": (lambda: saved(quadrants((0, 90, 180, 255), "L"), "PNG"), False),
    "png 1": (lambda: saved(quadrants((0, 1, 1, 0), "1"), "PNG"), False),
    "png p": (lambda: saved(palette(), "PNG"), False),
    "png p of 256": (lambda: saved(quadrants().quantize(256), "PNG"), False),
    "png p of 200": (lambda: saved(Image.linear_gradient("L").resize((64, 32)).convert("P"), "PNG"), False),
    "png p one transparent": (lambda: saved(palette(transparency=1), "PNG"), True),
    "png p alphas": (lambda: saved(palette(transparency=b"\xff\x80\x00"), "PNG"), True),
    "png rgb transparent": (lambda: saved(quadrants(), "PNG", transparency=GREEN), False),
    "png l transparent": (lambda: saved(quadrants((0, 90, 180, 255), "L"), "PNG", transparency=180), False),
    "png 1 transparent": (lambda: saved(quadrants((0, 1, 1, 0), "1"), "PNG", transparency=0), False),
    "png interlaced": (lambda: saved(quadrants(), "PNG", interlace=1), False),
    "webp lossless": (lambda: saved(quadrants(), "WEBP", lossless=True), False),
    "webp lossy": (lambda: saved(quadrants(), "WEBP", quality=95), False),
    "webp alpha": (lambda: saved(translucent(), "WEBP", lossless=True, exact=True), True),
    "webp animated": (lambda: animated("WEBP", lossless=True), False),
    "gif": (lambda: saved(palette(), "GIF"), False),
    "gif grey": (lambda: saved(quadrants((0, 90, 180, 255), "L"), "GIF"), False),
    "gif transparent": (lambda: saved(palette(transparency=2), "GIF", transparency=2), True),
    "gif animated": (lambda: animated("GIF"), False),
    "tiff": (lambda: saved(quadrants(), "TIFF"), False),
    "tiff lzw": (lambda: saved(quadrants(), "TIFF", compression="tiff_lzw"), False),
    "tiff fax": (lambda: saved(quadrants((0, 1, 1, 0), "1"), "TIFF", compression="group4"), False),
    "tiff alpha": (lambda: saved(translucent(), "TIFF"), True),
    "tiff grey alpha": (lambda: saved(grey_alpha(), "TIFF"), True),
    "tiff of pages": (lambda: animated("TIFF"), False),
    "tiff ycbcr": (lambda: saved(quadrants().convert("YCbCr"), "TIFF"), False),
    "bmp": (lambda: saved(quadrants(), "BMP"), False),
    "bmp p": (lambda: saved(palette(), "BMP"), False),
}


def animated(kind: str, **options: Any) -> bytes:
    others = [Image.new("RGB", (64, 32), colour) for colour in ("black", "white", "black")]
    return saved(quadrants(), kind, save_all=True, append_images=others, **options)


@pytest.mark.parametrize("case", CASES)
def test_other_pictures_look_as_pillow_sees_them(case: str) -> None:
    make, masked = CASES[case]
    data = make()
    picture = read(data)
    assert b"/FlateDecode" in picture.image.entries
    assert (picture.mask is not None) == masked
    assert_looks_like(picture, seen_by_pillow(data))
    assert one_page(read(data)) == one_page(picture)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_pixels_are_kept_exactly(mode: str) -> None:
    noise = [Image.effect_noise((61, 37), 90) for _ in Image.new(mode, (1, 1)).getbands()]
    image = Image.merge(mode, noise) if len(noise) > 1 else noise[0]
    assert samples(read(saved(image, "TIFF"))) == image.tobytes()


def test_colours_and_alpha_are_taken_apart_exactly() -> None:
    image = Image.merge("RGBA", [Image.effect_noise((61, 37), 90) for _ in range(4)])
    picture = read(saved(image, "PNG"))
    assert samples(picture) == b"".join(bytes(pixel[:3]) for pixel in rgba_pixels(image))
    assert picture.mask is not None
    alpha = Picture(61, 37, 1, picture.mask, None, None)
    assert samples(alpha) == image.getchannel("A").tobytes()


def rgba_pixels(image: Image.Image) -> list[bytes]:
    data = image.tobytes()
    return [data[at : at + 4] for at in range(0, len(data), 4)]


def test_an_ink_tiff_stays_ink() -> None:
    picture = read(saved(quadrants(INKS, "CMYK"), "TIFF"))
    assert b"/DeviceCMYK" in picture.image.entries
    assert_looks_like(picture, quadrants(INKS, "CMYK").convert("RGB"), 95)


def test_a_palette_is_packed_tightly() -> None:
    for colours, bits in ((2, 1), (4, 2), (16, 4), (17, 8)):
        image = Image.new("P", (64, 32))
        image.putpalette(bytes(range(3 * colours)))
        image.putdata([at % colours for at in range(64 * 32)])
        entries = read(saved(image, "PNG")).image.entries
        assert b"/BitsPerComponent %d/ColorSpace[/Indexed/DeviceRGB %d<" % (bits, colours - 1) in entries


def test_premultiplied_alpha_is_undone() -> None:
    multiplied = Image.frombytes("LA", (64, 32), grey_alpha().convert("La").tobytes())
    plain, associated = (struct.pack("<HHIHH", 338, 3, 1, kind, 0) for kind in (2, 1))
    picture = read(saved(multiplied, "TIFF").replace(plain, associated))
    assert samples(picture) != multiplied.getchannel("L").tobytes()
    assert_looks_like(picture, on_white(grey_alpha()))


GREYS = [0, 128, 129, 256, 1000, 32767, 32896, 65000, 65407, 65535]


EIGHT_BITS = bytes((grey + 128) // 257 for grey in GREYS)


def test_16_bit_grey_is_scaled_and_not_clipped() -> None:
    assert samples(read(png(10, 1, 16, 0, b"\0" + struct.pack(">10H", *GREYS)))) == EIGHT_BITS


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_16_bit_tiffs_are_scaled_too(mode: str) -> None:
    raw = struct.pack({"I;16": "<10H", "I;16B": ">10H", "I": "=10i"}[mode], *GREYS)
    assert samples(read(saved(Image.frombytes(mode, (10, 1), raw), "TIFF"))) == EIGHT_BITS


def test_greys_are_not_stretched_to_black_and_white() -> None:
    image = Image.frombytes("I", (2, 1), struct.pack("=2i", 257, 25700))
    assert list(samples(read(saved(image, "TIFF")))) == [1, 100]


def test_a_picture_higher_than_a_band_is_whole() -> None:
    rows = [y * 100 for y in range(600)]
    image = Image.frombytes("I;16", (1, 600), struct.pack("<600H", *rows))
    assert samples(read(saved(image, "TIFF"))) == bytes((row + 128) // 257 for row in rows)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([0.0, 0.25, 0.5, 1.0], [0, 64, 128, 255]),
        ([0.0, 10.0, 20.4, 255.0], [0, 10, 20, 255]),
        ([-1.0, 0.0, 0.5, 1.0], [0, 128, 191, 255]),
        ([-100.0, 0.0, 100.0, 300.0], [0, 64, 128, 255]),
        ([7000.0, 7000.0, 7000.0, 7000.0], [0, 0, 0, 0]),
    ],
)
def test_floats_get_a_sensible_range(numbers: list[float], expected: list[int]) -> None:
    image = Image.frombytes("F", (4, 1), struct.pack("=4f", *numbers))
    assert list(samples(read(saved(image, "TIFF")))) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_floats_that_are_no_numbers_are_refused(value: float) -> None:
    image = Image.frombytes("F", (2, 1), struct.pack("=2f", value, 1))
    with pytest.raises(UnreadableSource, match="not finite"):
        read(saved(image, "TIFF"))


def test_16_bit_rgb_keeps_the_high_bytes() -> None:
    data = png(2, 1, 16, 2, b"\0" + struct.pack(">6H", 0xFFFF, 0x8000, 0, 0x0102, 0x7FFF, 0xFEFF))
    assert list(samples(read(data))) == [255, 128, 0, 1, 127, 254]


@pytest.mark.parametrize(
    ("depth", "colour", "row", "key", "mask"),
    [
        (2, 0, b"\x1b", (2,), b"/Mask[170 170]"),
        (8, 0, b"\0\x2c\1\2", (300,), b"/Mask[44 44]"),  # PNG counts the low bits only
        (4, 0, b"\x0a\xf5", (10,), b"/Mask[170 170]"),
        (16, 2, struct.pack(">12H", *range(0, 6000, 500)), (1500, 2000, 2500), b"/Mask[5 5 7 7 9 9]"),
    ],
)  # fmt: skip
def test_a_transparent_colour_is_found_again_in_8_bits(
    depth: int, colour: int, row: bytes, key: tuple[int, ...], mask: bytes
) -> None:
    data = png(4, 1, depth, colour, b"\0" + row, (b"tRNS", struct.pack(f">{len(key)}H", *key)))
    picture = read(data)
    assert mask in picture.image.entries
    found = [int(number) for number in re.findall(rb"\d+", mask)[::2]]
    pixels = samples(picture)
    assert [pixels[at : at + len(found)] == bytes(found) for at in range(0, len(pixels), len(found))].count(
        True
    ) == 1


def test_the_transparent_colour_of_one_bit_is_found_again() -> None:
    assert b"/Mask[1 1]" in read(png(4, 1, 1, 0, b"\0\x50", (b"tRNS", b"\0\1"))).image.entries


def test_lab_becomes_rgb() -> None:
    lab = quadrants().convert("LAB")
    picture = read(saved(lab, "TIFF"))
    assert b"/DeviceRGB" in picture.image.entries
    assert_looks_like(picture, quadrants(), 12)
