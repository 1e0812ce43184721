"""TIFFs that do not say what their numbers mean."""

from __future__ import annotations

import pytest

from pipeline.pdf.images import tiff

from .picture_files import read
from .raw_files import tiff as raw_tiff
from .shown import rendered, samples


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("bits", "numbers"), [(8, [0, 80, 255]), (16, [0, 0x5050, 0xFFFF]), (4, [0, 5, 15])])
def test_without_a_meaning_0_is_black_and_named(bits: int, numbers: list[int], packed: bool) -> None:
    data = raw_tiff(3, 1, 1, bits, numbers, packed=packed).replace(b"\x06\x01\x03\0", b"\x07\x01\x03\0")
    picture = read(data)
    shown = rendered(picture).convert("L").tobytes()
    assert all(abs(got - wanted) <= 6 for got, wanted in zip(shown, (0, 80, 255), strict=True))
    assert picture.remarks == (tiff.NO_MEANING,)


def test_a_channel_that_may_be_transparency_is_named_as_a_guess() -> None:
    pixels = [200, 100, 50, 128] * 4
    picture = read(raw_tiff(2, 2, 2, 8, pixels, samples=4, alpha=None))
    assert picture.mask is not None and picture.remarks == (tiff.UNKNOWN_ALPHA,)
    assert read(raw_tiff(2, 2, 2, 8, pixels, samples=4)).remarks == ()
    opaque = [200, 100, 50, 255] * 4
    assert read(raw_tiff(2, 2, 2, 8, opaque, samples=4, alpha=None)).remarks == ()


@pytest.mark.parametrize(
    ("photometric", "colours", "more"), [(1, 1, [0]), (2, 3, [0]), (2, 3, [0, 0]), (5, 4, [0]), (2, 3, [2, 0])]
)
def test_channels_besides_the_colours_are_named(photometric: int, colours: int, more: list[int]) -> None:
    drawn = [60, 120, 180, 240][:colours]
    pixels = (drawn + [255] * len(more)) * 2
    data = raw_tiff(2, 1, photometric, 8, pixels, samples=len(pixels) // 2, alpha=None, more=[(338, more)])
    picture = read(data)
    assert samples(picture) == bytes(drawn) * 2
    assert picture.remarks == (tiff.MORE_CHANNELS,)
