"""Pixels that are not square, as of faxes: their resolution across differs from that down. Pure."""

from __future__ import annotations

NOT_SQUARE = (
    "The pixels of a picture are not square, by its resolution across and down; it is stretched accordingly"
)

_MOST = 3.0  # times as high as wide, or as wide as high; what is over it is a mistake
_ROUNDING = 0.015  # inches and centimetres, whole numbers


def pixel_height(across: float, down: float) -> float:
    """Return the height of a pixel in widths, from pixels per unit across and down; 1 where these make no sense.

    >>> pixel_height(200, 100)
    2.0
    """
    height = across / down if across > 0 and down > 0 else 1.0
    return height if 1 / _MOST <= height <= _MOST and abs(height - 1) > _ROUNDING else 1.0
