"""Pictures of every kind, written into a one-page PDF and seen through PDFium, qpdf and pypdf."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pikepdf
import pypdf
import pypdfium2
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps
from PIL.PngImagePlugin import PngInfo

from pipeline.errors import UnreadableSource
from pipeline.pdf.images import Picture, placement, read_picture
from pipeline.pdf.objects import Stream, number

ROOT = Path(__file__).parents[2]
LIMIT = 40_000_000
Colour = tuple[int, ...]

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 200, 30), (30, 30, 220), (230, 220, 30)


def quadrants(colours: Sequence[Any] = (RED, GREEN, BLUE, YELLOW), mode: str = "RGB") -> Image.Image:
    """64 x 32 pixels: a colour for each corner, so that every turn and flip is seen."""
    image = Image.new(mode, (64, 32))
    for colour, corner in zip(colours, ((0, 0), (32, 0), (0, 16), (32, 16)), strict=True):
        image.paste(colour, (*corner, corner[0] + 32, corner[1] + 16))
    return image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int, **more: str) -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    if place := more.get("place"):
        data[0x010F] = "Camera serial 12345"
        data.get_ifd(0x8825)[0x001D] = place
    return data.tobytes()


def read(data: bytes, max_pixels: int = LIMIT) -> Picture:
    return read_picture(io.BytesIO(data), max_pixels)


def content(stream: Stream) -> bytes:
    """The stream's bytes, which must be as many as it said, twice."""
    first = b"".join(stream.read())
    assert len(first) == stream.length
    assert b"".join(stream.read()) == first
    return first


def one_page(picture: Picture) -> bytes:
    """A PDF whose only page is the picture, a point for a pixel."""
    width, height = picture.size
    matrix = b" ".join(number(value) for value in placement(picture.orientation, 0, 0, width, height))
    drawing = b"q " + matrix + b" cm /I Do Q"
    links = (b"/SMask 6 0 R" if picture.mask else b"") + (
        b"/ColorSpace[/ICCBased 7 0 R]" if picture.profile else b""
    )
    page = b"/Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>"
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<<" + page % (width, height) + b">>",
        written(Stream.from_bytes(b"", drawing)),
        written(picture.image, links),
        written(picture.mask) if picture.mask else b"null",
        written(picture.profile) if picture.profile else b"null",
    ]
    pdf = b"%PDF-1.7\n"
    offsets = []
    for index, part in enumerate(parts, 1):
        offsets.append(len(pdf))
        pdf += b"%d 0 obj\n%s\nendobj\n" % (index, part)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    tail = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, len(pdf))
    return pdf + head + table + tail


def written(stream: Stream, links: bytes = b"") -> bytes:
    entries = stream.entries + links + b"/Length %d" % stream.length
    return b"<<" + entries + b">>\nstream\n" + content(stream) + b"\nendstream"


def rendered(picture: Picture) -> Image.Image:
    """The page as PDFium shows it; qpdf and pypdf must have nothing against it either."""
    pdf = one_page(picture)
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert opened.check_pdf_syntax() == []
    assert len(pypdf.PdfReader(io.BytesIO(pdf), strict=True).pages) == 1
    document = pypdfium2.PdfDocument(pdf)
    try:
        seen: Image.Image = document[0].render(scale=1).to_pil()
        return seen.convert("RGB")
    finally:
        document.close()


def samples(picture: Picture) -> bytes:
    """The samples of a deflated picture, as qpdf undoes filter and predictor."""
    with pikepdf.open(io.BytesIO(one_page(picture))) as opened:
        return opened.pages[0].Resources.XObject.I.read_bytes()


def corners(image: Image.Image) -> list[Colour]:
    width, height = image.size
    places = ((x * width // 4, y * height // 4) for y in (1, 3) for x in (1, 3))
    return [image.convert("RGB").getpixel(place) for place in places]  # type: ignore[misc]


def assert_looks_like(picture: Picture, expected: Image.Image, tolerance: int = 8) -> None:
    seen = rendered(picture)
    assert seen.size == expected.size
    for got, wanted in zip(corners(seen), corners(expected), strict=True):
        assert max(abs(a - b) for a, b in zip(got, wanted, strict=True)) <= tolerance, (got, wanted)


def on_white(image: Image.Image) -> Image.Image:
    alpha = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), alpha).convert("RGB")


def seen_by_pillow(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return on_white(ImageOps.exif_transpose(image))


# --- orientation


EXACT: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_orientation_is_upright(kind: str, orientation: int) -> None:
    options = EXACT.get(kind, {})
    data = saved(quadrants(), kind, exif=exif(orientation), **options)
    picture = read(data)
    assert picture.orientation in range(1, 9)
    assert picture.size == seen_by_pillow(data).size
    assert_looks_like(picture, seen_by_pillow(data))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_matrix_fills_exactly_its_box(orientation: int) -> None:
    a, b, c, d, e, f = placement(orientation, 10, 20, 300, 400)
    points = {(a * u + c * v + e, b * u + d * v + f) for u in (0, 1) for v in (0, 1)}
    assert points == {(10, 20), (310, 20), (10, 420), (310, 420)}


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"garbage that is no TIFF",
        b"II*\0\xff\xff\xff\x7f",
        b"MM\0*\0\0\0\x08\xff\xff",
        b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x0112, 3, 1, 4711) + bytes(4),
        b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x0112, 2, 1, 6) + bytes(4),
    ],
)
def test_garbage_for_exif_means_upright(garbage: bytes) -> None:
    data = with_segment(saved(quadrants(), "JPEG"), 0xE1, b"Exif\0\0" + garbage)
    assert read(data).orientation == 1


@pytest.mark.parametrize(("order", "mark"), [("<", b"II*\0"), (">", b"MM\0*")])
def test_exif_is_read_in_both_byte_orders(order: str, mark: bytes) -> None:
    directory = struct.pack(order + "IHHHIHH", 8, 1, 0x0112, 3, 1, 6, 0)
    data = with_segment(saved(quadrants(), "JPEG"), 0xE1, b"Exif\0\0" + mark + directory)
    assert read(data).orientation == 6


# --- JPEG


def with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    """The JPEG with one more segment, right after its beginning."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + jpeg[2:]


def without_segments(jpeg: bytes, marker: int) -> bytes:
    """The JPEG without the segments of one kind that stand before its picture data."""
    kept, offset = jpeg[:2], 2
    while jpeg[offset + 1] != 0xDA:
        end = offset + 2 + int.from_bytes(jpeg[offset + 2 : offset + 4])
        kept += jpeg[offset:end] if jpeg[offset + 1] != marker else b""
        offset = end
    return kept + jpeg[offset:]


def frame_header(jpeg: bytes) -> int:
    return next(at for at in range(len(jpeg)) if jpeg[at] == 0xFF and jpeg[at + 1] in (0xC0, 0xC2))


INKS = [(0, 255, 255, 0), (255, 0, 255, 0), (0, 0, 0, 255), (0, 0, 0, 0)]


@pytest.mark.parametrize(
    ("image", "options", "tolerance"),
    [
        (quadrants(), {"subsampling": 0}, 8),
        (quadrants(), {"progressive": True}, 12),
        (quadrants(), {"restart_marker_rows": 1}, 12),
        (quadrants((0, 90, 180, 255), "L"), {}, 8),
        (quadrants(INKS, "CMYK"), {}, 95),  # PDFium shows inks as on paper, Pillow as plain complements
    ],
)
def test_jpegs_pass_through_and_look_the_same(image: Image.Image, options: dict[str, Any], tolerance: int) -> None:
    data = saved(image, "JPEG", quality=95, **options)
    picture = read(data)
    assert b"/DCTDecode" in picture.image.entries
    assert_looks_like(picture, Image.open(io.BytesIO(data)).convert("RGB"), tolerance)
    with Image.open(io.BytesIO(content(picture.image))) as copy, Image.open(io.BytesIO(data)) as original:
        assert copy.tobytes() == original.tobytes()


def test_inks_are_inverted_only_when_adobe_says_so() -> None:
    data = saved(quadrants(INKS, "CMYK"), "JPEG")
    assert b"/Decode[1 0 1 0 1 0 1 0]" in read(data).image.entries
    assert b"/Decode[" not in read(without_segments(data, 0xEE)).image.entries


def test_a_jpeg_whose_components_are_called_rgb_keeps_its_colours() -> None:
    data = without_segments(saved(quadrants(), "JPEG", quality=95, keep_rgb=True), 0xEE)
    picture = read(data)
    assert b"/ColorTransform 0" in picture.image.entries
    assert_looks_like(picture, quadrants())


def test_no_place_serial_number_comment_or_thumbnail_gets_out() -> None:
    data = saved(quadrants(), "JPEG", exif=exif(6, place="59.9139 North"), comment=b"Call me")
    data = with_segment(data, 0xE0, b"JFXX\0\x10thumbnail")
    data = with_segment(data, 0xE0, b"JFIF\0\1\1\0\0\1\0\1\1\2shrunk")
    data = with_segment(data, 0xED, b"Photoshop 3.0\0by somebody")
    end = data.rindex(b"\xff\xd9")
    data = data[:end] + struct.pack(">BBH", 0xFF, 0xFE, 6) + b"late" + data[end:]
    secrets = (b"59.9139", b"serial", b"Call me", b"thumbnail", b"shrunk", b"somebody", b"Exif", b"late")
    assert all(secret in data for secret in secrets)
    copied = content(read(data).image)
    assert not [secret for secret in secrets if secret in copied]
    with Image.open(io.BytesIO(copied)) as copy, Image.open(io.BytesIO(data)) as original:
        assert copy.tobytes() == original.tobytes()


def test_what_follows_the_picture_is_left_out() -> None:
    data = saved(quadrants(), "JPEG")
    for trailer in (b"\0" * 9, data, b"film \xff\xd9 film", b"x" * 1_000_000):
        assert content(read(data + trailer).image) == data


def in_memory(data: bytes, _: Path) -> BinaryIO:
    return io.BytesIO(data)


def on_disk(data: bytes, folder: Path) -> BinaryIO:
    (folder / "picture.jpg").write_bytes(data)
    return (folder / "picture.jpg").open("rb")


Place = Callable[[bytes, Path], BinaryIO]
everywhere = pytest.mark.parametrize("place", [in_memory, on_disk])
# a Huffman table that nobody uses, AC number 3, whose two symbols look like the end of the picture
MISLEADING_TABLE = b"\xff\xc4" + struct.pack(">HB16B", 21, 0x13, *[0] * 7, 2, *[0] * 8) + b"\xff\xd9"


def between_scans(jpeg: bytes, segment: bytes) -> bytes:
    """A progressive JPEG with one more segment in front of its third scan."""
    at = [match.start() for match in re.finditer(b"\xff\xda", jpeg)][2]
    return jpeg[:at] + segment + jpeg[at:]


@everywhere
def test_a_second_picture_with_its_place_stays_out(place: Place, tmp_path: Path) -> None:
    first = saved(quadrants(), "JPEG")
    second = saved(quadrants(), "JPEG", exif=exif(6, place="59.9139 North"))
    with place(first + second, tmp_path) as file:
        assert content(read_picture(file, LIMIT).image) == first


@everywhere
def test_an_end_inside_of_a_table_between_scans_is_not_the_picture_s(place: Place, tmp_path: Path) -> None:
    data = between_scans(saved(quadrants(), "JPEG", progressive=True), MISLEADING_TABLE)
    with place(data + b"trailer", tmp_path) as file:
        copied = content(read_picture(file, LIMIT).image)
    assert copied == data
    with Image.open(io.BytesIO(copied)) as copy:
        copy.load()


@everywhere
def test_a_comment_between_scans_is_left_out_with_the_end_that_it_holds(place: Place, tmp_path: Path) -> None:
    data = saved(quadrants(), "JPEG", progressive=True)
    comment = b"\xff\xfe" + struct.pack(">H", 17) + b"Call me\xff\xd9\xff\xdaback"
    with place(between_scans(data, comment), tmp_path) as file:
        assert content(read_picture(file, LIMIT).image) == data


@everywhere
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
def test_a_picture_that_is_cut_off_anywhere_is_refused(
    place: Place, options: dict[str, Any], tmp_path: Path
) -> None:
    data = saved(quadrants(), "JPEG", **options)
    for cut in range(3, len(data), 7):
        with place(data[:cut], tmp_path) as file, pytest.raises(UnreadableSource):
            read_picture(file, LIMIT)
    with place(data[:-1], tmp_path) as file, pytest.raises(UnreadableSource, match="truncated"):
        read_picture(file, LIMIT)


def test_fill_bytes_before_a_marker_do_no_harm() -> None:
    data = saved(quadrants(), "JPEG")
    assert content(read(data[:2] + b"\xff\xff" + data[2:-2] + b"\xff\xff\xd9").image)[-2:] == b"\xff\xd9"


def test_a_thumbnail_s_end_is_not_the_picture_s_end() -> None:
    data = with_segment(saved(quadrants(), "JPEG"), 0xE1, b"Exif\0\0" + saved(quadrants(), "JPEG"))
    assert read(data).image.length
    for cut in (10, len(data) // 2, len(data) - 1):
        with pytest.raises(UnreadableSource, match="truncated"):
            read(data[:cut])


def test_scan_data_is_followed_across_blocks() -> None:
    image = Image.effect_noise((1100, 1000), 120)
    data = saved(image, "JPEG", quality=95)
    assert len(data) > 2 * 256 * 1024
    assert content(read(data + b"trailer").image) == data


def test_an_end_across_two_blocks_is_found() -> None:
    data = saved(quadrants(), "JPEG")
    scan = data.index(b"\xff\xda")
    start = scan + 2 + int.from_bytes(data[scan + 2 : scan + 4])
    for size in (256 * 1024 + shift for shift in range(-3, 4)):
        long = data[:start] + bytes(size) + b"\xff\xd9"
        assert content(read(long + b"trailer").image) == long
        with pytest.raises(UnreadableSource, match="truncated"):
            read(long[:-1])


def test_a_jpeg_that_pdf_cannot_hold_is_decoded() -> None:
    data = saved(quadrants(), "JPEG", quality=95, exif=exif(6), subsampling=0)
    bare = without_segments(data, 0xC4)  # as in motion JPEG: the tables are the standard's
    picture = read(bare)
    assert b"/FlateDecode" in picture.image.entries
    assert picture.orientation == 6
    assert_looks_like(picture, seen_by_pillow(data))


@pytest.mark.parametrize(
    ("offset", "value"),
    [(1, b"\xc3"), (4, b"\x0c"), (5, b"\0\0"), (7, b"\0\0"), (9, b"\x02")],
    ids=["lossless", "12 bits", "no height", "no width", "two components"],
)
def test_a_jpeg_that_nobody_can_decode_is_refused(offset: int, value: bytes) -> None:
    data = bytearray(saved(quadrants(), "JPEG"))
    at = frame_header(bytes(data)) + offset
    data[at : at + len(value)] = value
    with pytest.raises(UnreadableSource):
        read(bytes(data))


def test_arithmetic_coding_is_not_passed_through() -> None:
    data = bytearray(saved(quadrants(), "JPEG"))
    data[frame_header(bytes(data)) + 1] = 0xC9
    assert b"/FlateDecode" in read(bytes(data)).image.entries


def test_a_flood_of_segments_is_refused() -> None:
    data = saved(quadrants(), "JPEG")
    with pytest.raises(UnreadableSource, match="marker segments"):
        read(data[:2] + b"\xff\xfe\0\x02" * 20_000 + data[2:])


def test_a_jpeg_is_copied_in_small_blocks() -> None:
    data = io.BytesIO(saved(Image.effect_noise((2500, 2000), 120), "JPEG", quality=98))
    assert len(data.getbuffer()) > 4_000_000
    tracemalloc.start()
    try:
        picture = read_picture(data, LIMIT)
        total = sum(len(block) for block in picture.image.read())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == picture.image.length
    assert peak < 1_000_000


def test_a_file_that_shrinks_is_noticed() -> None:
    file = io.BytesIO(saved(quadrants(), "JPEG"))
    picture = read_picture(file, LIMIT)
    file.truncate(100)
    with pytest.raises(UnreadableSource, match="shorter"):
        list(picture.image.read())


# --- everything else


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG made by hand; `rows` are unfiltered, each with its leading 0."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return png_of((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def translucent() -> Image.Image:
    return quadrants(((*RED, 255), (*GREEN, 128), (*BLUE, 0), (*YELLOW, 255)), "RGBA")


def grey_alpha() -> Image.Image:
    return quadrants(((9, 255), (90, 90), (180, 0), (255, 255)), "LA")


def palette(**info: Any) -> Image.Image:
    image = quadrants((0, 1, 2, 3), "P")
    image.putpalette([*RED, *GREEN, *BLUE, *YELLOW])
    image.info.update(info)
    return image


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


def test_the_darkest_and_lightest_grey_of_a_picture_are_not_stretched() -> None:
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
        (16, 0, struct.pack(">4H", 0, 65000, 65535, 0), (65000,), b"/Mask[253 253]"),
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


# --- colour profiles


def s15(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def display_p3() -> bytes:
    """sRGB's curves with the primaries of Display P3."""
    data = bytearray(srgb())
    primaries = {
        b"rXYZ": (0.5151, 0.2412, -0.0011),
        b"gXYZ": (0.2920, 0.6922, 0.0419),
        b"bXYZ": (0.1571, 0.0666, 0.7841),
    }
    for entry in range(132, 132 + 12 * int.from_bytes(data[128:132]), 12):
        tag, offset, _ = struct.unpack_from(">4sII", data, entry)
        if tag in primaries:
            data[offset + 8 : offset + 20] = s15(*primaries[tag])
    return bytes(data)


MUTED = ((200, 60, 60), (60, 200, 60), (60, 60, 200), (200, 200, 60))


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("TIFF", {}), ("JPEG", {"quality": 95, "subsampling": 0})]
)
def test_a_wide_profile_is_kept_and_shown(kind: str, options: dict[str, Any]) -> None:
    picture = read(saved(quadrants(MUTED), kind, icc_profile=display_p3(), **options))
    assert picture.profile is not None
    assert b"/N 3/Alternate/DeviceRGB" in picture.profile.entries
    assert zlib.decompress(content(picture.profile)) == display_p3()
    assert b"/ColorSpace" not in picture.image.entries
    as_p3 = ImageCms.ImageCmsProfile(io.BytesIO(display_p3()))
    expected = ImageCms.profileToProfile(quadrants(MUTED), as_p3, ImageCms.createProfile("sRGB"))
    assert expected is not None
    assert corners(expected) != corners(quadrants(MUTED))
    assert_looks_like(picture, expected, 6)


def test_a_palette_with_a_profile_becomes_colours() -> None:
    picture = read(saved(palette(), "PNG", icc_profile=display_p3()))
    assert picture.profile is not None
    assert b"/Indexed" not in picture.image.entries
    assert samples(picture) == quadrants().tobytes()


@pytest.mark.parametrize("data", [srgb(), display_p3()[:300], b"no profile at all" * 20, b""])
def test_a_plain_or_damaged_profile_is_dropped(data: bytes) -> None:
    for kind in ("JPEG", "TIFF"):
        picture = read(saved(quadrants(), kind, icc_profile=data))
        assert picture.profile is None
        assert b"/ColorSpace/DeviceRGB" in picture.image.entries


@pytest.mark.parametrize(("offset", "value"), [(12, b"link"), (12, b"\xff\xfe\0\0"), (16, b"\xc3RGB")])
def test_a_profile_that_pdf_forbids_is_dropped(offset: int, value: bytes) -> None:
    data = display_p3()[:offset] + value + display_p3()[offset + 4 :]
    assert read(saved(quadrants(), "JPEG", icc_profile=data)).profile is None


def test_a_profile_for_other_components_is_dropped() -> None:
    picture = read(saved(quadrants((0, 90, 180, 255), "L"), "JPEG", icc_profile=display_p3()))
    assert picture.profile is None
    assert b"/ColorSpace/DeviceGray" in picture.image.entries


def test_a_profile_in_parts_is_put_together_by_their_numbers() -> None:
    data, profile = saved(quadrants(), "JPEG"), display_p3()
    first = with_segment(data, 0xE2, b"ICC_PROFILE\0\x01\x02" + profile[:200])
    both = with_segment(first, 0xE2, b"ICC_PROFILE\0\x02\x02" + profile[200:])
    whole = read(both).profile
    assert whole is not None
    assert zlib.decompress(content(whole)) == profile
    assert read(with_segment(data, 0xE2, b"ICC_PROFILE\0\x01\x02" + profile)).profile is None


def test_a_huge_profile_is_left_out() -> None:
    data = saved(quadrants(), "JPEG", icc_profile=display_p3() + bytes(5_000_000))
    assert read(data).profile is None


# --- what is refused


PNG = saved(quadrants(), "PNG")
HEADER = (b"IHDR", PNG[16:29])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"Dear customer,\nplease find", "begins with 'Dear customer,'"),
        (b"%PDF-1.7\n\xff", "begins with '%PDF-1.7'"),
        (b"\0\1\2\3\xff\xfe\xfd\xfc", "begins with the bytes 00 01 02 03"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC pictures are not supported; convert it to JPEG"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "AVIF pictures"),
        (b"\xff\xd8", "truncated"),
        (b"\xff\xd8 not at all a JPEG", "JPEG is damaged"),
        (PNG[: len(PNG) // 2], "ends before its picture does"),
        (png(8, 8, 8, 2, b"\0" * 30), "ends before its picture does"),
        (png_of(HEADER, (b"IDAT", b"\x78"), (b"\0\0\0\0", b"no chunk")), "broken PNG file"),
        (PNG[:20] + b"\xff" + PNG[21:], "PNG is damaged"),
        (saved(quadrants(), "GIF")[:-60], "ends before its picture does"),
        (saved(quadrants(), "WEBP")[:-60], "cannot be decoded"),
        (saved(quadrants(), "BMP")[:-60], "ends before its picture does"),
        (saved(quadrants(), "TIFF")[:-60], "cannot be decoded|truncated"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, message: str) -> None:
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


def test_a_picture_that_pillow_only_warns_about_is_judged_by_our_limit() -> None:
    data = png(10_000, 10_000, 1, 0, (b"\0" + bytes(1250)) * 10_000)
    with pytest.raises(UnreadableSource, match="over the limit of 40 million"):
        read(data)
    assert read(data, 10**8).width == 10_000


PEAK = """
import resource, sys
from pipeline.errors import UnreadableSource
from pipeline.pdf.images import read_picture

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

with open(sys.argv[1], "rb") as small, open(sys.argv[2], "rb") as big:
    read_picture(small, 40_000_000)
    before = peak()
    try:
        read_picture(big, 40_000_000)
    except UnreadableSource as error:
        print(error)
    print(peak() - before)
"""


def growth(folder: Path, data: bytes) -> tuple[str, int]:
    """What a process of its own said about the picture, and how many bytes its peak grew."""
    (folder / "small").write_bytes(PNG)
    (folder / "big").write_bytes(data)
    command = [sys.executable, "-c", PEAK, str(folder / "small"), str(folder / "big")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    *said, grown = done.stdout.splitlines()
    return "".join(said), int(grown)


def test_a_bomb_is_refused_without_being_decoded(tmp_path: Path) -> None:
    rows = zlib.compressobj(1)
    packed = b"".join(rows.compress(bytes(6251 * 500)) for _ in range(100)) + rows.flush()
    bomb = png(50_000, 50_000, 1, 0, b"").replace(zlib.compress(b""), packed)
    assert len(bomb) < 2_000_000
    said, grown = growth(tmp_path, bomb)
    assert said == "More than 178 million pixels is over the limit of 40 million."
    assert grown < 4_000_000


def test_decoding_holds_one_picture(tmp_path: Path) -> None:
    gradient = Image.linear_gradient("L").resize((2500, 2500))
    bands = [gradient, gradient.transpose(Image.Transpose.ROTATE_90), gradient, gradient]
    said, grown = growth(tmp_path, saved(Image.merge("RGBA", bands), "PNG", compress_level=1))
    assert said == ""
    assert grown < 7 * 2500 * 2500  # 4 for the picture, 1 for its alpha, and what is compressed


SAMPLES = {
    "jpeg": saved(quadrants().resize((16, 16)), "JPEG", exif=exif(6), icc_profile=display_p3()),
    "progressive": saved(quadrants().resize((16, 16)), "JPEG", progressive=True),
    "png": saved(translucent().resize((16, 16)), "PNG", exif=exif(3), icc_profile=display_p3()),
    "palette": saved(palette(transparency=b"\xff\x80").resize((16, 16)), "PNG", pnginfo=PngInfo()),
    "webp": saved(quadrants().resize((16, 16)), "WEBP", exif=exif(3)),
    "gif": saved(palette().resize((16, 16)), "GIF"),
    "tiff": saved(quadrants().resize((16, 16)), "TIFF", exif=exif(5)),
    "bmp": saved(palette().resize((16, 16)), "BMP"),
}


def reads_or_refuses(data: bytes) -> None:
    try:
        picture = read(data, 100_000)
    except UnreadableSource as error:
        assert str(error).endswith((".", "JPEG"))
    else:
        assert picture.orientation in range(1, 9)
        for stream in (picture.image, picture.mask, picture.profile):
            if stream:
                content(stream)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(kind=st.sampled_from(sorted(SAMPLES)), data=st.data())
def test_any_beginning_of_a_picture_reads_or_is_refused(kind: str, data: st.DataObject) -> None:
    sample = SAMPLES[kind]
    reads_or_refuses(sample[: data.draw(st.integers(0, len(sample)))])


@settings(max_examples=400, deadline=None, derandomize=True)
@given(kind=st.sampled_from(sorted(SAMPLES)), data=st.data(), value=st.integers(0, 255))
def test_any_damaged_byte_reads_or_is_refused(kind: str, data: st.DataObject, value: int) -> None:
    sample = bytearray(SAMPLES[kind])
    sample[data.draw(st.integers(0, len(sample) - 1))] = value
    reads_or_refuses(bytes(sample))


class Interrupted(io.BytesIO):
    """A file in the middle of which something happens that is not the picture's fault."""

    def __init__(self, data: bytes, error: Exception) -> None:
        super().__init__(data)
        self.error = error

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 50:
            raise self.error
        return super().read(size)


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), SoftTimeLimitExceeded(240)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_what_is_not_the_pictures_fault_is_not_blamed_on_it(kind: str, error: Exception) -> None:
    with pytest.raises(type(error)):
        read_picture(Interrupted(saved(quadrants(), kind), error), LIMIT)
