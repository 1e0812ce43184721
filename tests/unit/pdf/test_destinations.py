"""Links from page to page, whatever canvas, chunk or segment draws them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from pikepdf import Array

from pipeline.pdf.assembly import Assembly
from pipeline.pdf.destinations import LEAF, name_tree
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter
from pipeline.pdf.segment_index import SegmentIndex
from pipeline.pdf.tail_bound import TailBound

from ...make_pdf import opened
from .chunk_segments import ABOUT, assembled


def drawn(chunk: int, chunks: int, pages: int, links: list[str]) -> tuple[SegmentIndex, bytes]:
    out = io.BytesIO()
    writer = SegmentWriter(out, Lane(chunk, chunks), chunk, header=chunk == 0)
    for page in range(pages):
        with writer.canvas(200, 100) as canvas:
            canvas.bookmarkHorizontal(f"Straße {chunk}.{page}", 0, 40)
            for i, name in enumerate(links):
                canvas.linkRect("", name, (0, i, 10, i + 1))
    return writer.finish(pages), out.getvalue()


def leads(pdf: Any) -> list[tuple[int, float]]:
    """Where the links of the first page lead: page index and top."""
    names = {bytes(key): value for key, value in _named(pdf.Root.Names.Dests)}
    pages = [page.obj.objgen for page in pdf.pages]
    found = []
    for link in pdf.pages[0].Annots:
        place = link.Dest if isinstance(link.Dest, Array) else names.get(bytes(link.Dest))
        if place is not None:
            found.append((pages.index(place[0].objgen), float(place[3])))
    return found


def _named(node: Any) -> list[tuple[Any, Any]]:
    names = list(node.get("/Names", []))
    pairs = list(zip(names[::2], names[1::2], strict=True))
    return pairs + [pair for kid in node.get("/Kids", []) for pair in _named(kid)]


def test_a_link_may_lead_to_another_canvas_or_chunk(tmp_path: Path) -> None:
    wanted = ["Straße 0.1", "Straße 1.99", "Straße 0.0"]
    path = assembled(tmp_path / "file.pdf", [drawn(0, 2, 3, wanted), drawn(1, 2, 150, [])])
    with opened(path.read_bytes()) as pdf:
        assert leads(pdf) == [(1, 40), (3 + 99, 40), (0, 40)]
        assert len(_named(pdf.Root.Names.Dests)) == 3  # only those that links need


def test_a_link_that_leads_nowhere_fails_nothing_and_is_named() -> None:
    index, data = drawn(0, 1, 1, ["nowhere", "Straße 0.0"])
    assembly = Assembly(lambda: iter([index]), ABOUT)
    assert assembly.lost_links == ["nowhere"]
    opened(data + b"".join(assembly.tail())).close()


def test_a_destination_on_a_page_that_is_never_shown_leads_nowhere() -> None:
    writer = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    with writer.canvas(200, 100) as canvas:
        canvas.linkRect("", "end", (0, 0, 10, 10))
        canvas.showPage()
        canvas.bookmarkPage("end")
    index = writer.finish(1)
    assert (index.destinations, index.links) == ({}, ["end"])


def test_what_is_taken_back_leaves_no_names() -> None:
    writer = SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True)
    mark = writer.rollback_point()
    with writer.canvas(200, 100) as canvas:
        canvas.bookmarkPage("a")
        canvas.linkRect("", "b", (0, 0, 10, 10))
    writer.roll_back(mark)
    index = writer.finish(0)
    assert (index.destinations, index.links) == ({}, [])


@pytest.mark.parametrize("count", [1, LEAF, LEAF + 1, 1000])
def test_names_are_in_order_and_each_node_has_its_limits(count: int) -> None:
    nodes = list(name_tree({f"n{i}": b"[1 0 R /Fit]" for i in range(count)}, 50))
    assert [obj for obj, _ in nodes] == list(range(50, 50 + len(nodes)))
    assert nodes[-1][1].count(b" 0 R") == len(nodes) - 1 == -(-count // LEAF)


def test_the_bound_of_the_tail_covers_names() -> None:
    segments = [drawn(0, 2, 3, [f"Straße 1.{i}" for i in range(300)]), drawn(1, 2, 300, [])]
    bound = TailBound()
    most = sum(bound.add(index) for index, _ in segments) + bound.overhead
    tail = b"".join(Assembly(lambda: (index for index, _ in segments), ABOUT).tail())
    assert tail.count(b"/Limits") == 5
    assert len(tail) <= most
