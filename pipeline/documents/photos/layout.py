"""The geometry of a page of photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ...pdf.images.scaling import Room
from ...pdf.paper import MM
from .params import PhotosParams

GAP = 4 * MM
CAPTION = 9.0
NUMBER = 8.0
LEADING = 1.25


@dataclass(frozen=True)
class Box:
    """A rectangle on the page, in points."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class PhotoLayout:
    """The geometry of every page; it depends on the parameters only."""

    params: PhotosParams

    @cached_property
    def area(self) -> Box:
        """The page without its margins and the line of the page number."""
        width, height = self.params.paper
        margin = self.params.margin * MM
        foot = NUMBER * 2 if self.params.page_numbers else 0
        return Box(margin, margin + foot, width - 2 * margin, height - 2 * margin - foot)

    @cached_property
    def caption_size(self) -> float:
        """Nine points, smaller in small cells."""
        return max(4.0, min(CAPTION, self.cells[0].width / 14))

    @cached_property
    def cells(self) -> Sequence[Box]:
        """The cells of a page, counted row by row from the top."""
        rows, columns, area = self.params.rows, self.params.columns, self.area
        width = (area.width - GAP * (columns - 1)) / columns
        height = (area.height - GAP * (rows - 1)) / rows
        top = area.y + area.height
        return [
            Box(area.x + column * (width + GAP), top - (row + 1) * height - row * GAP, width, height)
            for row in range(rows)
            for column in range(columns)
        ]

    @cached_property
    def pictures(self) -> Sequence[Box]:
        """The cells without the two lines of their captions."""
        below = self.caption_size * LEADING * 2.4 if self.params.captions else 0
        return [Box(cell.x, cell.y + below, cell.width, cell.height - below) for cell in self.cells]

    @cached_property
    def rooms(self) -> Sequence[Room | None]:
        """The pixels that each photo of a page has; None when photos are not scaled down."""
        scale, fill = self.params.most_dpi / 72, self.params.fit == "fill"
        return [Room(box.width * scale, box.height * scale, fill) if scale else None for box in self.pictures]
