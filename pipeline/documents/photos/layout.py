"""The geometry of a page of photos."""

from __future__ import annotations

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
        return max(4.0, min(CAPTION, self.cell(0).width / 14))

    def cell(self, position: int) -> Box:
        """The cell of the n-th photo of a page, counted row by row from the top."""
        rows, columns, area = self.params.rows, self.params.columns, self.area
        width = (area.width - GAP * (columns - 1)) / columns
        height = (area.height - GAP * (rows - 1)) / rows
        row, column = divmod(position, columns)
        x = area.x + column * (width + GAP)
        return Box(x, area.y + area.height - (row + 1) * height - row * GAP, width, height)

    def picture(self, position: int) -> Box:
        """The cell without the two lines of its caption."""
        cell = self.cell(position)
        below = self.caption_size * LEADING * 2.4 if self.params.captions else 0
        return Box(cell.x, cell.y + below, cell.width, cell.height - below)

    def room(self, position: int) -> Room | None:
        """The pixels that the n-th photo of a page has; None when photos are not scaled down."""
        if not self.params.most_dpi:
            return None
        box, scale = self.picture(position), self.params.most_dpi / 72
        return Room(box.width * scale, box.height * scale, self.params.fit == "fill")
