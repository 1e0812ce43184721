"""Paper sizes."""

from __future__ import annotations

import pytest
from reportlab.lib import pagesizes

from pipeline.pdf.paper import PAPER_SIZES


@pytest.mark.parametrize("name", PAPER_SIZES)
def test_paper_is_as_large_as_reportlab_says(name: str) -> None:
    assert PAPER_SIZES[name] == getattr(pagesizes, name if name[0] == "A" else name.upper())
