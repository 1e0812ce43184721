"""TIFFs with several directories: pages, and smaller copies and masks of them."""

from __future__ import annotations

import io
import struct

import pytest
from PIL.TiffImagePlugin import AppendingTiffWriter

from pipeline.errors import UnreadableSource
from pipeline.pdf.images import ONLY_FIRST, count_frames, read_picture

from .picture_files import LIMIT, read
from .raw_files import tiff
from .shown import samples

COPY, MASK, OLD_COPY = (254, [1]), (254, [4]), (255, [2])
PAGE = (254, [0])


def file_of(*kinds: tuple[int, list[int]], order: str = "<") -> bytes:
    """Directories of these kinds, each of one grey pixel that is its number."""
    file = io.BytesIO()
    with AppendingTiffWriter(file, new=True) as out:
        for number, kind in enumerate(kinds):
            out.write(tiff(1, 1, 1, 8, [number], order, more=[kind]))
            out.newFrame()
    return file.getvalue()


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("kinds", "pages"),
    [
        ((PAGE, PAGE, PAGE), [0, 1, 2]),
        ((COPY, PAGE), [1]),
        ((PAGE, COPY, COPY, PAGE, MASK), [0, 3]),
        ((OLD_COPY, PAGE), [1]),
        ((COPY,), [0]),
        ((COPY, COPY), [0]),
    ],
)
def test_pages_are_drawn_and_counted_without_their_copies(
    kinds: list[tuple[int, list[int]]], pages: list[int], order: str
) -> None:
    data = file_of(*kinds, order=order)
    assert count_frames(io.BytesIO(data)) == len(pages)
    drawn = [samples(read_picture(io.BytesIO(data), LIMIT, frame=frame))[0] for frame in range(len(pages))]
    assert drawn == pages
    assert samples(read(data))[0] == pages[0]
    assert read(data).remarks == ((ONLY_FIRST,) if len(pages) > 1 else ())


def test_the_small_copy_in_a_raw_file_is_not_drawn() -> None:
    raw = tiff(1, 1, 1, 8, [7], more=[COPY, (330, [8])])
    with pytest.raises(UnreadableSource, match="raw files of cameras"):
        read(raw)
    with pytest.raises(UnreadableSource, match="Camera raw files"):
        read(raw[:4] + struct.pack("<I", 16) + b"CR\2\0" + raw[12:])


@pytest.mark.parametrize(
    ("bits", "form", "numbers"),
    [
        (32, 3, [struct.unpack("<I", struct.pack("<f", value))[0] for value in (0.0, 0.5, 1.0)]),
        (32, 1, [0, 2**31, 2**32 - 1]),
        (32, 2, [0, 2**30, 2**31 - 1]),
        (16, 2, [0, 2**14, 2**15 - 1]),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_numbers_are_read_in_the_byte_order_of_the_file(
    bits: int, form: int, numbers: list[int], packed: bool
) -> None:
    for order in "<>":
        picture = read(tiff(3, 1, 1, bits, numbers, order, packed=packed, form=form))
        assert list(samples(picture)) == [0, 128, 255] and not picture.remarks


def test_four_inks_that_are_not_those_of_cmyk_are_refused() -> None:
    with pytest.raises(UnreadableSource, match="inks that are not CMYK"):
        read(tiff(1, 1, 5, 8, [1, 2, 3, 4], samples=4, more=[(332, [2])]))


def test_a_big_tiff_of_the_other_byte_order_is_called_not_supported() -> None:
    with pytest.raises(UnreadableSource, match="not supported: BigTIFF"):
        read(b"MM\0+\0\x08\0\0" + struct.pack(">Q", 16) + bytes(32))
