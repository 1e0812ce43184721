"""The widths of columns, from a sample of their cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...errors import InvalidRequest
from ...pdf.fonts import FontChain
from ...pdf.page import printable

PADDING = 2.2  # left and right of a cell
MIN_COLUMN = 3.0  # of a column, in font sizes
NUMBER = re.compile(r"[-+(]?[$€£]?\s?\d[\d.,' ]*\s?[%)]?")
Align = Literal["left", "right", "center"]


@dataclass(frozen=True)
class PlacedColumn:
    """A column as it is drawn: where it stands in an input row, and on the page."""

    source: int
    title: str
    x: float
    width: float
    align: Align

    @property
    def inside(self) -> float:
        """Points for text, between the paddings."""
        return self.width - 2 * PADDING


@dataclass(frozen=True)
class WantedColumn:
    """A column as it was asked for; `width` in points, None to be measured. `texts` are a sample of it."""

    source: int
    title: str
    width: float | None
    align: Align | Literal["auto"]
    texts: Sequence[str]


def place_columns(
    wishes: Sequence[WantedColumn], width: float, x: float, size: float, face: FontChain
) -> tuple[PlacedColumn, ...]:
    """Columns that fill a width: as wide as their sample needs, the widest narrowed until all fit."""
    if len(wishes) * MIN_COLUMN * size > width:
        most = int(width / (MIN_COLUMN * size))
        raise InvalidRequest(
            f"{len(wishes)} columns do not fit this page; {most} would.",
            field="columns",
            advice="Choose columns, turn the paper, or take a smaller font.",
        )
    needed = [wish.width or _needed_width(wish, size, face) for wish in wishes]
    widths = _share_width(needed, width, MIN_COLUMN * size)
    found = []
    for wish, wide in zip(wishes, widths, strict=True):
        align = wish.align if wish.align != "auto" else _align(wish.texts)
        found.append(PlacedColumn(wish.source, wish.title, round(x, 2), round(wide, 2), align))
        x += wide
    return tuple(found)


def _needed_width(wish: WantedColumn, size: float, face: FontChain) -> float:
    return max(face.width(printable(text), size) for text in (wish.title, *wish.texts)) + 2 * PADDING + 0.5


def _share_width(needed: list[float], width: float, least: float) -> list[float]:
    """Widths that sum up to `width`: none above a common limit when space is short, all grown when not."""
    wanted = [max(least, value) for value in needed]
    if sum(wanted) > width:
        low, high = least, max(wanted)
        for _ in range(50):
            limit = (low + high) / 2
            low, high = (low, limit) if sum(min(limit, value) for value in wanted) > width else (limit, high)
        wanted = [min(low, value) for value in wanted]
    return [value * width / sum(wanted) for value in wanted]


def _align(texts: Sequence[str]) -> Align:
    """Numbers stand at the right."""
    filled = [text.strip() for text in texts if text.strip()]
    return "right" if filled and all(NUMBER.fullmatch(text) for text in filled) else "left"
