"""Any picture that can be stored is drawn as a second decoder sees it.

PNGs are compared with pypng, JPEGs with Pillow where PDFium decodes them, TIFFs and BMPs with the numbers that were
written. `EXAMPLES=20000 pytest tests/unit/pdf/images/test_every_mode.py` tries longer.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from typing import Any

import png as pypng
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from .picture_files import png_of, read, saved
from .raw_files import bmp, tiff
from .shown import on_white, rendered

EXAMPLES = int(os.environ.get("EXAMPLES", "60"))
bounded = settings(max_examples=EXAMPLES, deadline=None, derandomize="EXAMPLES" not in os.environ)

sides = st.integers(1, 20)
seeds = st.binary(min_size=8, max_size=8)


def noise(seed: bytes, length: int) -> bytes:
    """Bytes that depend on the seed; some are 0 and 255."""
    state, out = int.from_bytes(seed) | 1, bytearray()
    while len(out) < length:
        state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        out += state.to_bytes(8)[:5] + b"\0\xff"
    return bytes(out[:length])


def assert_drawn(data: bytes, expected: Image.Image, tolerance: float) -> None:
    """Every pixel of the page is that of `expected`, but for `tolerance`."""
    seen = rendered(read(data))
    assert seen.size == expected.size
    pairs = zip(seen.tobytes(), expected.convert("RGB").tobytes(), strict=True)
    assert max(abs(a - b) for a, b in pairs) <= tolerance


PNG_KINDS = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8),
             (4, 16), (6, 8), (6, 16)]  # fmt: skip
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@bounded
@given(
    kind=st.sampled_from(PNG_KINDS),
    width=sides,
    height=sides,
    interlaced=st.booleans(),
    keyed=st.booleans(),
    seed=seeds,
)
def test_a_png_of_any_colour_type_and_depth_is_drawn_as_it_is_meant(
    kind: tuple[int, int], width: int, height: int, interlaced: bool, keyed: bool, seed: bytes
) -> None:
    colour, depth = kind
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    raw = b""
    for x, y, across, down in passes:
        columns, rows = -(-(width - x) // across), -(-(height - y) // down)
        for row in range(rows if columns > 0 else 0):
            size = -(-columns * CHANNELS[colour] * depth // 8)
            raw += b"\0" + noise(seed + bytes((x, y, row)), size)
    more: list[tuple[bytes, bytes]] = []
    if colour == 3:
        more.append((b"PLTE", noise(seed, 3 << depth)))
        if keyed:
            more.append((b"tRNS", noise(seed[::-1], 1 << depth)))
    elif keyed and colour in (0, 2) and (colour, depth) != (2, 16):
        key = b"".join(struct.pack(">H", seed[n] % (1 << depth)) for n in range(CHANNELS[colour]))
        more.append((b"tRNS", raw[1:3] if depth == 16 else key))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    data = png_of((b"IHDR", header), *more, (b"IDAT", zlib.compress(raw)), (b"IEND", b""))
    _, _, rows_seen, _ = pypng.Reader(bytes=data).asRGBA8()
    pixels = b"".join(bytes(row) for row in rows_seen)
    assert_drawn(data, on_white(Image.frombytes("RGBA", (width, height), pixels)), 4)


@bounded
@given(
    mode=st.sampled_from(["L", "RGB", "CMYK"]), progressive=st.booleans(), subsampling=st.sampled_from([0, 1, 2]),
    quality=st.integers(30, 100), width=sides, height=sides, seed=seeds, restart=st.booleans(),
)  # fmt: skip
def test_a_jpeg_as_pdfium_decodes_it(
    mode: str,
    progressive: bool,
    subsampling: int,
    quality: int,
    width: int,
    height: int,
    seed: bytes,
    restart: bool,
) -> None:
    image = Image.frombytes(mode, (4, 4), noise(seed, 16 * len(mode if mode != "L" else "1")))
    image = image.resize((width + 8, height + 8), Image.Resampling.BICUBIC)
    options: dict[str, Any] = {"restart_marker_rows": 1} if restart else {}
    data = saved(image, "JPEG", quality=quality, progressive=progressive, subsampling=subsampling, **options)
    if mode == "CMYK":
        assert read(data).image.entries.endswith(b"/Decode[1 0 1 0 1 0 1 0]")
        return  # PDFium's way from ink to light is another one
    assert_drawn(data, Image.open(io.BytesIO(data)), 6)


@bounded
@given(
    bits=st.sampled_from([1, 2, 4, 8, 12, 16, 32]), white_is_zero=st.booleans(), order=st.sampled_from("<>"),
    packed=st.booleans(), width=sides, height=sides, seed=seeds,
)  # fmt: skip
def test_a_grey_tiff_of_any_depth_is_drawn_as_it_is_meant(
    bits: int, white_is_zero: bool, order: str, packed: bool, width: int, height: int, seed: bytes
) -> None:
    numbers = [
        int.from_bytes(noise(seed + bytes((n % 251, n // 251)), 4)) >> 32 - bits for n in range(width * height)
    ]
    numbers[0] = (1 << bits) - 1
    data = tiff(width, height, 0 if white_is_zero else 1, bits, numbers, order, packed=packed)
    scaled = bytes(round(number * 255 / ((1 << bits) - 1)) for number in numbers)
    grey = Image.frombytes("L", (width, height), bytes(255 - each for each in scaled) if white_is_zero else scaled)
    if refused := unsupported(data):
        assert "This kind of TIFF is not supported: grey" in refused
    else:
        assert_drawn(data, grey, 1)


@bounded
@given(
    bits=st.sampled_from([8, 16]), colours=st.sampled_from([3, 4]), order=st.sampled_from("<>"),
    packed=st.booleans(), planes=st.booleans(), width=sides, height=sides, seed=seeds,
)  # fmt: skip
def test_a_colour_tiff_of_any_layout_is_drawn_as_it_is_meant(
    bits: int, colours: int, order: str, packed: bool, planes: bool, width: int, height: int, seed: bytes
) -> None:
    values = noise(seed, width * height * 3)
    high = [values[n * 3 + c] if c < 3 else 255 for n in range(width * height) for c in range(colours)]
    numbers = [each * 257 if bits == 16 else each for each in high]
    data = tiff(width, height, 2, bits, numbers, order, samples=colours, packed=packed, planes=planes)
    if refused := unsupported(data):
        assert "This kind of TIFF is not supported: RGB" in refused
    else:
        assert_drawn(data, Image.frombytes("RGB", (width, height), values), 1)


@bounded
@given(
    bits=st.sampled_from([1, 4, 8, 16, 24, 32]), header=st.sampled_from([12, 40, 108, 124]), top_down=st.booleans(),
    width=sides, height=sides, seed=seeds,
)  # fmt: skip
def test_a_bmp_of_any_header_and_depth_is_drawn_as_it_is_meant(
    bits: int, header: int, top_down: bool, width: int, height: int, seed: bytes
) -> None:
    if header == 12 and (bits in (16, 32) or top_down):
        return
    data, pixels = bmp(width, height, bits, header, noise(seed, width * height * 4), top_down)
    assert_drawn(data, Image.frombytes("RGB", (width, height), pixels), 8 if bits == 16 else 1)


MODES = {
    "PNG": ["1", "L", "LA", "I;16", "P", "RGB", "RGBA"],
    "TIFF": ["1", "L", "LA", "I;16", "I;16B", "P", "PA", "RGB", "RGBX", "RGBA", "CMYK", "YCbCr", "LAB", "F", "I"],
    "GIF": ["1", "L", "P", "RGB", "RGBA"],
    "BMP": ["1", "L", "P", "RGB", "RGBA"],
    "WEBP": ["RGB", "RGBA", "RGBX", "L"],
    "AVIF": ["RGB", "RGBA", "L"],
}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes])
def test_every_mode_that_pillow_writes(kind: str, mode: str) -> None:
    grey = Image.linear_gradient("L").resize((40, 24))
    image = Image.merge("RGB", (grey, grey.transpose(Image.Transpose.ROTATE_180), grey)).resize((40, 24))
    alpha = grey.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    shown = image.copy()
    if mode in ("1", "L", "F", "I", "I;16", "I;16B"):
        shown = grey
    if mode in ("LA", "RGBA") and kind != "BMP":  # Pillow's BMPs of 32 bits have a header without alpha
        shown = (grey if mode == "LA" else image).convert("RGBA")
        shown.putalpha(alpha)
    data = saved(_in_mode(shown, mode), kind, **({"lossless": True} if kind == "WEBP" else {}))
    tolerance = {"AVIF": 24, "1": 255, "CMYK": 130, "YCbCr": 5, "LAB": 24, "P": 60, "PA": 60}
    most = max(tolerance.get(kind, 2), tolerance.get(mode, 2), 255 if kind == "GIF" else 0)
    assert_drawn(data, on_white(shown), most)


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if mode in ("I", "I;16", "I;16B"):
        wide = image.convert("I").point(lambda value: value * 257)
        return wide if mode == "I" else _sixteen_bits(wide, mode)
    if mode == "F":
        return image.convert("F").point(lambda value: value * (1 / 255) + 0)
    if mode == "PA":
        return image.convert("RGB").convert("P").convert("PA")
    if mode == "LAB":
        from PIL import ImageCms

        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")  # type: ignore[return-value]
    return image.convert(mode)


def _sixteen_bits(wide: Image.Image, mode: str) -> Image.Image:
    numbers = struct.unpack(f"={wide.width * wide.height}i", wide.tobytes())
    order = ">" if mode == "I;16B" else "<"
    return Image.frombytes(mode, wide.size, struct.pack(f"{order}{len(numbers)}H", *numbers))


def unsupported(data: bytes) -> str:
    """What is said of a picture that is refused; the empty string when it is read."""
    from pipeline.errors import UnreadableSource

    try:
        read(data)
    except UnreadableSource as error:
        return error.message
    return ""
