"""The index of a segment."""

from __future__ import annotations

from pipeline.pdf.segment_index import SegmentIndex

from .chunk_segments import segment


def test_an_index_survives_being_stored() -> None:
    index, _ = segment(1, 3, 4, [1, 2])
    assert SegmentIndex.decode(index.encode()) == index
