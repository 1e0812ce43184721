"""Colours that a file without a profile describes as others than those of sRGB. Pure."""

from __future__ import annotations

from collections.abc import Sequence

UNUSUAL = (
    "A picture says that its colours are not those of sRGB, but has no profile; they are drawn as if they were"
)

_WHITE, _PRIMARIES = (0.3127, 0.3290), (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_CLOSE = 0.01  # in the chart of colours
_GAMMA, _GAMMA_CLOSE = 2.2, 0.11  # 5 %, which is hardly seen


def unusual_points(points: Sequence[float]) -> bool:
    """Return whether x and y of white, red, green and blue, or of the last three, differ from those of sRGB."""
    usual = (_WHITE + _PRIMARIES)[-len(points) :] if points else ()
    return len(points) not in (0, 6, 8) or any(
        abs(point - each) > _CLOSE for point, each in zip(points, usual, strict=True)
    )


def unusual_gamma(gamma: float) -> bool:
    """Return whether the exponent of a screen, such as 2.2, differs from that of sRGB."""
    return abs(gamma - _GAMMA) > _GAMMA_CLOSE


def unusual_curve(light: Sequence[float]) -> bool:
    """Return whether the light of evenly spaced values, from 0 to 1, differs from that of sRGB."""
    last = len(light) - 1
    return last > 0 and any(
        abs(light[place] - _light(place / last)) > 0.05 for place in (last // 4, last // 2, 3 * last // 4)
    )


def _light(value: float) -> float:
    return float(((value + 0.055) / 1.055) ** 2.4) if value > 0.04045 else value / 12.92
