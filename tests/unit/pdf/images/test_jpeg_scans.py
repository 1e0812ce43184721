"""Where the picture in a JPEG file ends."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from PIL import Image

from pipeline.errors import UnreadableSource
from pipeline.pdf.images import read_picture
from pipeline.pdf.images.jpeg_end import MENDED
from pipeline.pdf.images.jpeg_scans import DAMAGED

from .picture_files import (
    LIMIT,
    exif,
    quadrants,
    read,
    saved,
    with_segment,
)
from .shown import (
    content,
)


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
def test_an_end_marker_inside_a_table_is_not_the_end(place: Place, tmp_path: Path) -> None:
    data = between_scans(saved(quadrants(), "JPEG", progressive=True), MISLEADING_TABLE)
    with place(data + b"trailer", tmp_path) as file:
        copied = content(read_picture(file, LIMIT).image)
    assert copied == data
    with Image.open(io.BytesIO(copied)) as copy:
        copy.load()


@everywhere
def test_a_comment_between_scans_is_left_out(place: Place, tmp_path: Path) -> None:
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


@everywhere
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
@pytest.mark.parametrize(
    "film", [b"", b"\xff", b"\0\0\1\nImage_UTC_Data\0\0\0\x18ftypmp42" + bytes(range(256)) * 20]
)
def test_a_missing_end_is_added_and_what_stands_there_is_left_out(
    place: Place, options: dict[str, Any], film: bytes, tmp_path: Path
) -> None:
    data = saved(quadrants(), "JPEG", **options)
    with place(data[:-2] + film, tmp_path) as file:
        picture = read_picture(file, LIMIT)
        drawn = content(picture.image)
    assert picture.remarks == (MENDED,)
    assert drawn.endswith(b"\xff\xd9") and len(drawn) <= len(data)
    assert list(Image.open(io.BytesIO(drawn)).get_flattened_data()) == list(
        Image.open(io.BytesIO(data)).get_flattened_data()
    )


def test_fill_bytes_before_a_marker_do_no_harm() -> None:
    data = saved(quadrants(), "JPEG")
    assert content(read(data[:2] + b"\xff\xff" + data[2:-2] + b"\xff\xff\xd9").image)[-2:] == b"\xff\xd9"


def test_a_thumbnail_s_end_is_not_the_picture_s_end() -> None:
    data = with_segment(saved(quadrants(), "JPEG"), 0xE1, b"Exif\0\0" + saved(quadrants(), "JPEG"))
    assert read(data).image.length
    for cut in (10, len(data) // 2, len(data) - 60):
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
        assert read(long[:-1]).remarks == (MENDED, DAMAGED)
