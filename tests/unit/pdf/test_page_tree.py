"""The page tree."""

from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest

from pipeline.pdf.page_tree import FANOUT

from .chunk_segments import assembled, segment


@pytest.mark.parametrize("pages", [0, 1, FANOUT, FANOUT + 1, FANOUT * FANOUT + 1])
def test_page_trees_of_every_size_are_balanced(tmp_path: Path, pages: int) -> None:
    path = assembled(tmp_path / "out.pdf", [segment(0, 2, pages), segment(1, 2, 3)])
    with pikepdf.open(path) as pdf:
        assert len(pdf.pages) == pages + 3
        assert not pdf.check_pdf_syntax()
        nodes = [obj for obj in pdf.objects if isinstance(obj, pikepdf.Dictionary) and obj.get("/Type") == "/Pages"]
        assert max(len(node.Kids) for node in nodes) <= FANOUT
