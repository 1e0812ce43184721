"""Damage in the middle of a JPEG that shows without decoding it is named, and nothing sound is called damaged."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.pdf.images import read_picture
from pipeline.pdf.images.jpeg_scans import DAMAGED, UNFINISHED, has_zeros

from .picture_files import read, saved


def photo(mode: str = "RGB") -> Image.Image:
    noise, ramp = Image.effect_noise((401, 333), 60), Image.linear_gradient("L").resize((401, 333))
    return Image.merge("RGB", [noise, ramp, ramp.transpose(Image.Transpose.ROTATE_180)]).convert(mode)


RESTARTS: list[dict[str, Any]] = [
    {}, {"restart_marker_rows": 1}, {"restart_marker_rows": 3}, {"restart_marker_blocks": 1},
    {"restart_marker_blocks": 7},
]  # fmt: skip
KINDS: list[dict[str, Any]] = [
    {},
    {"optimize": True},
    {"progressive": True},
    {"subsampling": 0},
    {"subsampling": 1},
]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("restarts", RESTARTS, ids=str)
def test_no_sound_picture_is_called_damaged(mode: str, restarts: dict[str, Any]) -> None:
    blank = Image.new(mode, (1500, 1201), 255 if mode == "L" else tuple([255] * len(mode)))
    for picture, kind in itertools.product((photo(mode), blank, blank.resize((1500, 9))), KINDS):
        assert read(saved(picture, "JPEG", **kind, **restarts)).remarks == ()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_progressive_picture_that_lacks_its_last_scans_is_named(mode: str) -> None:
    """A program that closes a file that was cut off may add the end marker."""
    data = saved(photo(mode), "JPEG", progressive=True)
    scans = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 3
    for at in scans[1:]:
        assert read(data[:at] + b"\xff\xd9").remarks == (UNFINISHED,)


def test_a_blank_scan_with_tables_of_its_own_may_have_zeros() -> None:
    data = saved(Image.new("L", (3000, 3000), 128), "JPEG", optimize=True)
    assert bytes(2000) in data
    assert read(data).remarks == ()


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"restart_marker_rows": 1}], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_zeros_in_place_of_a_lost_block_are_named(mode: str, options: dict[str, Any]) -> None:
    data = saved(photo(mode), "JPEG", quality=90, **options)
    middle = len(data) // 2
    assert read(data[:middle] + bytes(4096) + data[middle + 4096 :]).remarks == (DAMAGED,)


@pytest.mark.parametrize("before", [0, 1, 100, 511, 512])
def test_a_lost_sector_is_named_wherever_it_is(before: int, tmp_path: Path) -> None:
    """Also where it lies across two of the blocks that are read one after the other."""
    data = saved(photo().resize((1600, 1333)), "JPEG", quality=95)
    scan = data.index(b"\xff\xda")
    border = scan + 2 + int.from_bytes(data[scan + 2 : scan + 4]) + 256 * 1024 - before
    assert len(data) > border + 4096
    damaged = data[:border] + bytes(512) + data[border + 512 :]
    assert read(damaged).remarks == (DAMAGED,)
    (tmp_path / "large.jpg").write_bytes(damaged)
    with (tmp_path / "large.jpg").open("rb") as file:  # as files that are too large to hold
        assert read_picture(file, 10**8).remarks == (DAMAGED,)


def test_a_sector_of_zeros_is_found_and_less_is_not() -> None:
    for before, after in itertools.product(range(600), (0, 1, 9, 300)):
        data = [b"\1" * before + bytes(zeros) + b"\1" * after for zeros in (512, 511)]
        assert [has_zeros(each, 0, len(each)) for each in data] == [True, False], before


@pytest.mark.parametrize("options", [{"restart_marker_rows": 1}, {"restart_marker_blocks": 5, "progressive": True}])
@pytest.mark.parametrize("lost", [1, 3, 8])
def test_lost_restart_markers_are_named(options: dict[str, Any], lost: int) -> None:
    data = saved(photo(), "JPEG", **options)
    places = [at for at in range(len(data)) if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7]
    first = places[len(places) // 2]
    behind = places[len(places) // 2 + lost]
    assert read(data[:first] + data[behind:]).remarks == (DAMAGED,)
    if lost != 8:  # the next that bears the same number
        swapped = data[:first] + data[behind : behind + 2] + data[first + 2 :]
        assert read(swapped).remarks == (DAMAGED,)


def test_restart_markers_are_counted_across_blocks() -> None:
    """A marker for each of 62,500 units; some lie across two of the blocks that are read."""
    pixels = random.Random(1).randbytes(2000 * 2000)
    data = saved(Image.frombytes("L", (2000, 2000), pixels), "JPEG", quality=30, restart_marker_blocks=1)
    assert len(data) > 4 * 256 * 1024
    assert read(data).remarks == ()
    last = data.rindex(b"\xff", 0, -2)
    assert read(data[:last] + data[last + 2 :]).remarks == (DAMAGED,)
