"""Places and widths of columns, from a sample of their cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...errors import InvalidRequest
from ...pdf.fonts import FontChain
from ...pdf.fonts.characters import printable

PADDING = 2.2  # points, on each side of a cell
NAME = 60  # characters of a title in remarks
MIN_COLUMN = 3.0  # narrowest column, in font sizes
NUMBER = re.compile(r"[-+(]?[$€£]?\s?\d[\d.,' ]*\s?[%)]?")
Align = Literal["left", "right", "center"]
SHARES: dict[Align, float] = {"left": 0.0, "center": 0.5, "right": 1.0}  # of the free room, before a text


@dataclass(frozen=True)
class PlacedColumn:
    """A column as it is drawn: its index in an input row, and its place on the page in points."""

    source: int
    title: str
    x: float
    width: float
    align: Align

    @property
    def name(self) -> str:
        """The title as remarks name it: quoted, and not longer than a line."""
        return repr(self.title if len(self.title) <= NAME else self.title[:NAME] + "…")

    @property
    def inside(self) -> float:
        """Width for text, between the paddings."""
        return self.width - 2 * PADDING


@dataclass(frozen=True)
class WantedColumn:
    """A column as it was asked for. `width` is in points, None to measure `texts`, a sample of it."""

    source: int
    title: str
    width: float | None
    align: Align | Literal["auto"]
    texts: Sequence[str]


def place_columns(
    wanted_columns: Sequence[WantedColumn], width: float, x: float, size: float, face: FontChain
) -> tuple[PlacedColumn, ...]:
    """Returns columns that fill `width`: as wide as their texts, the widest ones narrowed until all fit."""
    if len(wanted_columns) * MIN_COLUMN * size > width:
        most = int(width / (MIN_COLUMN * size))
        raise InvalidRequest(
            f"{len(wanted_columns)} columns do not fit this page; {most} fit.",
            field="columns",
            advice="Choose columns, turn the paper, or take a smaller font.",
        )
    needed = [wanted_column.width or _needed_width(wanted_column, size, face) for wanted_column in wanted_columns]
    widths = _share_width(needed, width, MIN_COLUMN * size)
    found = []
    for wanted_column, wide in zip(wanted_columns, widths, strict=True):
        align = wanted_column.align if wanted_column.align != "auto" else _align(wanted_column.texts)
        found.append(PlacedColumn(wanted_column.source, wanted_column.title, round(x, 2), round(wide, 2), align))
        x += wide
    return tuple(found)


def _needed_width(wanted: WantedColumn, size: float, face: FontChain) -> float:
    return max(face.width(printable(text), size) for text in (wanted.title, *wanted.texts)) + 2 * PADDING + 0.5


def _share_width(needed: list[float], width: float, least: float) -> list[float]:
    """Returns widths with the sum `width`: all grow if there is space left, else a common limit cuts the widest."""
    wanted = [max(least, value) for value in needed]
    if sum(wanted) > width:
        low, high = least, max(wanted)
        for _ in range(50):
            limit = (low + high) / 2
            low, high = (low, limit) if sum(min(limit, value) for value in wanted) > width else (limit, high)
        wanted = [min(low, value) for value in wanted]
    return [value * width / sum(wanted) for value in wanted]


def _align(texts: Sequence[str]) -> Align:
    """Right if all filled cells are numbers, else left."""
    filled = [text.strip() for text in texts if text.strip()]
    return "right" if filled and all(NUMBER.fullmatch(text) for text in filled) else "left"
