"""Segments and their tail."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.errors import ChunkFailed
from pipeline.pdf.assembly import Assembly
from pipeline.pdf.numbering import FIRST, MAX_OBJECT

from ...readback import read
from .chunk_segments import ABOUT, assembled, segment


def test_segments_may_stand_in_any_order_behind_the_first(tmp_path: Path) -> None:
    segments = [segment(k, 3, 2) for k in range(3)]
    path = assembled(tmp_path / "out.pdf", [segments[0], segments[2], segments[1]])
    assert [page.text for page in read(path).pages][2] == "chunk 2 page 0"


def test_a_tail_that_needs_too_many_numbers_is_refused() -> None:
    index, _ = segment(0, 1, 1, [1])
    last = replace(index, first_slot=MAX_OBJECT - FIRST - len(index.offsets))
    with pytest.raises(ChunkFailed, match="4194303"):
        list(Assembly(lambda: iter([last]), ABOUT).tail())
