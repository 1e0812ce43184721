"""The bound for the tail of a file, against real tails."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.pdf.assembly import Assembly
from pipeline.pdf.catalog import About
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter
from pipeline.pdf.tail_bound import TailBound

ABOUT = About("Álbum", 1_700_000_000, "an-export")


@settings(max_examples=30, deadline=None)
@given(levels=st.lists(st.lists(st.text(max_size=30), max_size=8), min_size=1, max_size=30), labels=st.booleans())
def test_no_tail_is_longer_than_its_bound(levels: list[list[str]], labels: bool) -> None:
    out = io.BytesIO()
    writer = SegmentWriter(out, Lane(0, 7), 0, header=True, overlay=True)
    for titles in levels:
        with writer.page(100, 100) as page:
            for level, title in enumerate(titles, 1):
                page.bookmark(title, level)
            if labels:
                page.number_later(50, 50, 8, "center")
    index = writer.finish(len(levels))
    bound = TailBound()
    most = bound.add(index) + bound.overhead
    tail = b"".join(Assembly(lambda: iter([index]), ABOUT).tail())
    assert len(tail) <= most
