"""The outline of a file."""

from __future__ import annotations

from pathlib import Path

import pikepdf
from hypothesis import given
from hypothesis import strategies as st

from pipeline.pdf.numbering import OUTLINES
from pipeline.pdf.outline import outline_objects
from pipeline.pdf.segment_index import Bookmark

from ...readback import read
from .chunk_segments import assembled, segment


@given(st.lists(st.integers(1, 4), min_size=1, max_size=40))
def test_outline_items_are_linked_both_ways_and_up(levels: list[int]) -> None:
    marks = [Bookmark(level, 7, 0.0, str(i)) for i, level in enumerate(levels)]
    items = dict(outline_objects(iter(marks), 100))
    assert set(items) == {OUTLINES, *range(100, 100 + len(levels))}
    parsed = {obj: pikepdf.Object.parse(_plain(data)) for obj, data in items.items()}
    for obj, item in parsed.items():
        if obj != OUTLINES:
            parent = parsed[int(item.Parent)]
            assert obj == int(parent.First) or int(parsed[int(item.Prev)].Next) == obj
            assert obj == int(parent.Last) or int(parsed[int(item.Next)].Prev) == obj
    assert sum(abs(int(item.get("/Count", 0))) for item in parsed.values()) == len(levels)


def _plain(data: bytes) -> bytes:
    """References as plain numbers, so that a dictionary can be parsed alone."""
    return data.replace(b" 0 R", b"")


def test_nested_bookmarks_cross_the_borders_of_chunks(tmp_path: Path) -> None:
    levels = [1, 2, 3, 2]
    path = assembled(tmp_path / "out.pdf", [segment(k, 3, 5, levels) for k in range(3)])
    seen = read(path)
    assert [(title, depth) for title, _, _, depth in seen.bookmarks] == [
        (f"{k}.{n}", levels[n % 4]) for k in range(3) for n in range(5)
    ]
    assert [page for _, page, _, _ in seen.bookmarks] == list(range(15))
