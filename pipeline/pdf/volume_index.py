"""The index of volumes: a small PDF with a line for each volume."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import BinaryIO

from .assembly import Assembly, page_number
from .catalog import About
from .numbering import Lane
from .page import Align, Page
from .paper import PAPER_SIZES
from .segment import SegmentWriter
from .segment_index import SegmentIndex

HEIGHT, WIDTH = PAPER_SIZES["A4"]  # landscape: file names and bookmarks are long
MARGIN = 42.0
SIZE = 8.0
LINE = 15.0
LINES = int((HEIGHT - 2 * MARGIN - 60) // LINE)
WHAT = "Texts in the index of volumes"
GREY = (0.6, 0.6, 0.6)
COLUMNS: Sequence[tuple[str, float, Align]] = (
    ("Volume", 0, "left"),
    ("File", 46, "left"),
    ("Pages", 340, "right"),
    ("MB", 385, "right"),
    ("From", 400, "left"),
    ("To", 582, "left"),
)


def write_volume_index(out: BinaryIO, about: About, summary: str, rows: Sequence[tuple[str, ...]]) -> SegmentIndex:
    """Write the index of the volumes, with one text a column in each row. Returns the index of its segment."""
    writer = SegmentWriter(out, Lane(0, 1), 0, header=True)
    pages = [rows[at : at + LINES] for at in range(0, len(rows), LINES)]
    for number, lines in enumerate(pages, 1):
        writer.tally.place = f"page {number} of the index"
        with writer.page(WIDTH, HEIGHT) as page:
            top = HEIGHT - MARGIN
            page.text(MARGIN, top - 14, 14, page.fit(about.title, 14, WIDTH - 2 * MARGIN, WHAT))
            page.text(MARGIN, top - 32, SIZE, summary)
            _table(page, top - 60, lines)
            page.text(WIDTH / 2, MARGIN * 0.6, SIZE, page_number(number, len(pages)), align="center")
    index = writer.finish(len(pages))
    for piece in Assembly(lambda: iter([index]), about).tail():
        out.write(piece)
    return index


def _table(page: Page, top: float, lines: Iterable[tuple[str, ...]]) -> None:
    for i, line in enumerate((tuple(title for title, _, _ in COLUMNS), *lines)):
        y = top - i * LINE
        for text, (_, x, align), room in zip(line, COLUMNS, _rooms(), strict=True):
            page.text(MARGIN + x, y, SIZE, page.fit(text, SIZE, room, WHAT), align=align)
        page.rectangle(MARGIN, y - LINE * 0.3, WIDTH - 2 * MARGIN, 0, stroke=GREY, line=0.8 if i == 0 else 0.3)


def _rooms() -> list[float]:
    """Return how wide the texts of each column may be, in points, so that they do not reach the next column."""
    return [40, 230, 62, 40, 174, WIDTH - 2 * MARGIN - 582]
