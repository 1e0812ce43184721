"""The paper that a document is drawn on."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta
from reportlab.lib import pagesizes

from ..errors import InvalidRequest
from . import Params

MM = 72 / 25.4
Side = Annotated[float, Meta(ge=50, le=5000)]  # PDF allows 5,080 mm (ISO 32000-1, annex C)


class PaperParams(Params, frozen=True):
    """Parameters of a document whose pages are all of one size."""

    page_size: Annotated[Literal["A3", "A4", "A5", "Letter", "Legal"], Meta(description="paper")] = "A4"
    page_mm: Annotated[
        tuple[Side, Side] | None,
        Meta(description="[width, height] in mm, 50 to 5000 each, instead of page_size"),
    ] = None
    landscape: Annotated[bool, Meta(description="turn the paper")] = False

    @property
    def paper(self) -> tuple[float, float]:
        """Width and height in points."""
        if self.page_mm:
            return self.page_mm[0] * MM, self.page_mm[1] * MM
        size = getattr(pagesizes, self.page_size if self.page_size[0] == "A" else self.page_size.lower())
        short, long = sorted(size)
        return (long, short) if self.landscape else (short, long)

    def check_paper(self) -> None:
        """InvalidRequest when the paper is asked for in two ways."""
        if self.page_mm and self.landscape:
            raise InvalidRequest(
                "page_mm says already which side is which.",
                field="landscape",
                advice="Leave landscape out and give [width, height] as the page is to be.",
            )
