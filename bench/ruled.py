"""The ruled table that `tables` and `wrapped` draw: its page, its columns, and its rows page by page."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import accumulate, islice
from pathlib import Path

from .inputs import ON_FIRST, ON_OTHERS

TITLE = "Orders"
WIDTH, HEIGHT = 595.2756, 841.8898
SIZE = 10.0
MARGIN = 16 * 72 / 25.4
ROW = 17.5
PAD = 2.2
BASELINE = 11.8  # below a row's upper edge
WIDTHS = (98.0, 86.0, 124.0, 76.0, 56.0, 64.57)
RIGHT = (False, False, False, False, True, True)
EDGES = tuple(accumulate(WIDTHS, initial=MARGIN))
FOOT = MARGIN + 4
FONT_FOLDER = "fonts"
Row = list[str]


def sheets(source: Path) -> Iterator[tuple[int, float, list[Row]]]:
    """Each page's number, the upper edge of its column titles, and its rows; the titles stand first."""
    with source.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        titles = next(reader)
        number, most = 1, ON_FIRST
        while rows := list(islice(reader, most)):
            yield number, HEIGHT - MARGIN - (28.8 if number == 1 else 0), [titles, *rows]
            number, most = number + 1, ON_OTHERS


def font_beside(source: Path) -> Path:
    return source.parent / FONT_FOLDER / "NotoSans-Regular.ttf"
