"""Paper sizes, upright: (width, height) in points, 1/72 inch (ISO 216, ANSI). Pure."""

from __future__ import annotations

MM = 72 / 25.4  # points
PAPER_SIZES = {
    "A3": (297 * MM, 420 * MM),
    "A4": (210 * MM, 297 * MM),
    "A5": (148 * MM, 210 * MM),
    "Letter": (612.0, 792.0),
    "Legal": (612.0, 1008.0),
}
