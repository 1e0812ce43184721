"""Object numbers."""

from __future__ import annotations

import pytest

from pipeline.errors import ChunkFailed
from pipeline.pdf.numbering import FIRST, MAX_OBJECT, Lane


def test_numbers_that_readers_cannot_take_are_refused() -> None:
    lane = Lane(3, 500)
    last = (MAX_OBJECT - FIRST - 3) // 500
    assert lane.number(last) <= MAX_OBJECT
    with pytest.raises(ChunkFailed, match="4194303"):
        lane.number(last + 1)
