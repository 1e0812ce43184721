"""Places and widths of columns, from a sample of their cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from ...errors import InvalidRequest
from ...pdf.fonts import FontChain
from ...pdf.fonts.characters import printable, printable_lines
from ...pdf.page import Align
from ...pdf.paper import MM
from .alignment import NO_POINT, Point, point_of

PADDING = 1.5 * MM  # on each side of a cell, and no more than ROOMY font sizes
ROOMY, TIGHT = 0.5, 0.275  # padding in font sizes, where columns have room and where they have not
NAME = 60  # characters of a title in remarks
MIN_COLUMN = 3.0  # narrowest column, in font sizes
NUMBER = re.compile(r"[-+(]?[$€£]?\s?\d[\d.,' ]*\s?[%)]?")
SHARES: dict[Align, float] = {"left": 0.0, "center": 0.5, "right": 1.0}  # of the free room, before a text


class PlacedColumn(msgspec.Struct, frozen=True):
    """A column as it is drawn: its index in an input row, and its place on the page in points.

    `point` is where the decimal marks of a column of numbers stand.
    """

    source: int
    title: str
    x: float
    width: float
    align: Align
    padding: float
    point: Point = NO_POINT

    @property
    def name(self) -> str:
        """The title as remarks name it: quoted, and not longer than a line."""
        return repr(self.title if len(self.title) <= NAME else self.title[:NAME] + "…")

    @property
    def left(self) -> float:
        """Where text begins that stands at the left."""
        return self.x + self.padding

    @property
    def inside(self) -> float:
        """Width for text, between the paddings."""
        return self.width - 2 * self.padding

    def start(self, text: str, size: float, face: FontChain) -> float:
        """Where a text that fits begins."""
        free = self.inside - face.width(text.rstrip(" "), size)
        return self.left + self.point.shifted(text, size, face, self.inside, free * SHARES[self.align])


class WantedColumn(msgspec.Struct, frozen=True):
    """A column as it was asked for. `width` is in points, None to measure `texts`, a sample of it.

    `totals` are bold. `number` says that the format is one of numbers; `mark` is its decimal mark, if it is known.
    """

    source: int
    title: str
    width: float | None
    align: Align | Literal["auto"]
    texts: Sequence[str]
    totals: Sequence[str] = ()
    number: bool = False
    mark: str = ""


class Faces(msgspec.Struct, frozen=True):
    """The fonts of a table: of its cells, and of titles and sums."""

    regular: FontChain
    bold: FontChain


def place_columns(
    wanted_columns: Sequence[WantedColumn], width: float, x: float, size: float, faces: Faces
) -> tuple[PlacedColumn, ...]:
    """Return columns that fill `width`: as wide as their texts, the widest ones narrowed until all fit."""
    if len(wanted_columns) * MIN_COLUMN * size > width:
        most = int(width / (MIN_COLUMN * size))
        raise InvalidRequest(
            f"{len(wanted_columns)} columns do not fit this page; {most} fit.",
            field="columns",
            advice="Choose columns, turn the paper, or take a smaller font.",
        )
    measured = [_measured(column, size, faces) for column in wanted_columns]
    roomy, tight = min(PADDING, ROOMY * size), min(PADDING, TIGHT * size)
    spare = width - sum(m.width(0) for m in measured)
    padding = max(tight, min(roomy, spare / (2 * len(measured))))
    free = [column.width is None for column in wanted_columns]
    widths = _share_width([m.width(padding) for m in measured], free, width, MIN_COLUMN * size)
    found = []
    for m, wide in zip(measured, widths, strict=True):
        source, title = m.wanted.source, m.wanted.title
        inset = round(max(tight, min(roomy, (wide - m.needed) / 2)), 2)
        found.append(PlacedColumn(source, title, round(x, 2), round(wide, 2), m.align, inset, m.point))
        x += wide
    return tuple(found)


class _Measured(msgspec.Struct, frozen=True):
    """A column, and the width that its texts need."""

    wanted: WantedColumn
    align: Align
    point: Point
    needed: float

    def width(self, padding: float) -> float:
        return self.wanted.width or self.needed + 2 * padding


def _measured(wanted: WantedColumn, size: float, faces: Faces) -> _Measured:
    auto: Align = "right" if wanted.number else _align(wanted.texts)
    align = auto if wanted.align == "auto" else wanted.align
    point = NO_POINT
    if wanted.align == "auto" and align == "right":
        point = point_of(wanted.mark, wanted.texts, wanted.totals, size, (faces.regular, faces.bold))
    widest = max(_widths(wanted, size, faces))
    return _Measured(wanted, align, point, max(widest, point.before + point.behind) + 0.5)


def _widths(wanted: WantedColumn, size: float, faces: Faces) -> Iterator[float]:
    for text in (wanted.title, *wanted.totals):
        yield faces.bold.width(printable(text), size)
    for text in wanted.texts:
        for line in printable_lines(text):
            yield faces.regular.width(line, size)


def _share_width(needed: list[float], free: list[bool], width: float, least: float) -> list[float]:
    """Return widths with the sum `width`. If there is too little, a common limit cuts the widest.

    Spare width is shared equally by the columns whose width was not given; if all were, they grow in proportion.
    """
    wanted = [max(least, value) for value in needed]
    if sum(wanted) > width:
        low, high = least, max(wanted)
        for _ in range(50):
            limit = (low + high) / 2
            low, high = (low, limit) if sum(min(limit, value) for value in wanted) > width else (limit, high)
        wanted = [min(low, value) for value in wanted]
    shares = [float(some) for some in free] if any(free) else wanted
    unit = (width - sum(wanted)) / sum(shares)
    return [value + unit * share for value, share in zip(wanted, shares, strict=True)]


def _align(texts: Sequence[str]) -> Align:
    """Right if all filled cells are numbers, else left."""
    filled = [text.strip() for text in texts if text.strip()]
    return "right" if filled and all(NUMBER.fullmatch(text) for text in filled) else "left"
