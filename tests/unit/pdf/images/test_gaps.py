"""Pixels and colours that a file leaves out are drawn as by others, and named."""

from __future__ import annotations

import struct

import pytest

from pipeline.pdf.images.bmp import SKIPPED
from pipeline.pdf.images.opened import NO_TABLE

from .picture_files import read
from .raw_files import gif_frame

COLOURS = bytes((0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0))


def compressed(codes: bytes, kind: int) -> bytes:
    """A BMP of 4 x 3 pixels."""
    info = struct.pack("<IiiHHIIiiII", 40, 4, 3, 1, 8 if kind == 1 else 4, kind, len(codes), 0, 0, 3, 0)
    return b"BM" + struct.pack("<IHHI", 66 + len(codes), 0, 0, 66) + info + COLOURS + codes


@pytest.mark.parametrize(
    ("codes", "skipped"),
    [
        (b"\4\1\0\0\4\2\0\0\4\1\0\0\0\1", False),
        (b"\4\1\0\0\4\2\0\0\4\1\0\1", False),
        (b"\4\1\0\0\0\4\0\1\2\1\0\0\4\1\0\1", False),
        (b"\1\1\0\3\0\1\2\0\0\0\2\1\2\1\0\0\4\1\0\1", False),
        (b"\4\1\0\0\2\1\0\0\4\1\0\1", True),
        (b"\4\1\0\0\1\1\0\2\2\0\1\1\0\0\4\1\0\1", True),
        (b"\4\1\0\2\0\1\4\1\0\1", True),
    ],
    ids=[
        "whole",
        "without the last line's end",
        "literal pixels",
        "an odd number of them",
        "a short line",
        "a move",
        "a line",
    ],
)
def test_pixels_that_a_compressed_bmp_leaves_out_are_named(codes: bytes, skipped: bool) -> None:
    assert read(compressed(codes, 1)).remarks == ((SKIPPED,) if skipped else ())


@pytest.mark.parametrize("codes", [b"\4\x11\0\0\0\4\x12\x10\0\0\4\0\0\1", b"\4\1\0\0\0\4\x12\x10\0\0\4\0\0\1"])
def test_a_compressed_bmp_of_four_bits_is_whole(codes: bytes) -> None:
    assert read(compressed(codes, 2)).remarks == ()


@pytest.mark.parametrize("table", [True, False])
def test_a_gif_without_a_table_of_colours_is_named(table: bool) -> None:
    head = b"GIF89a" + struct.pack("<2H3B", 1, 1, 0x80 if table else 0, 0, 0)
    greys = bytes(3) + b"\1\1\1" if table else b""
    assert read(head + greys + gif_frame(0, 0, 1, 1) + b";").remarks == (() if table else (NO_TABLE,))
