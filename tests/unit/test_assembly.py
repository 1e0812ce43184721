from __future__ import annotations

import dataclasses
import io
import subprocess
import sys
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ChunkFailed, DamagedSegment
from pipeline.exports.coverage import chain
from pipeline.pdf.assembly import About, Assembly
from pipeline.pdf.numbering import FIRST, MAX_OBJECT, OUTLINES, Lane
from pipeline.pdf.outline import outline_objects
from pipeline.pdf.page_tree import FANOUT
from pipeline.pdf.segment import SegmentWriter
from pipeline.pdf.segment_index import Bookmark, SegmentIndex

from ..readback import read

ABOUT = About("Title", 0.0, "id")


def segment(chunk: int, chunks: int, pages: int, levels: list[int] | None = None) -> tuple[SegmentIndex, bytes]:
    out = io.BytesIO()
    writer = SegmentWriter(out, Lane(chunk, chunks), chunk * 100, header=chunk == 0)
    for number in range(pages):
        with writer.page(100, 100) as page:
            page.text(10, 10, 8, f"chunk {chunk} page {number}")
            if levels:
                page.bookmark(f"{chunk}.{number}", levels[number % len(levels)])
    return writer.finish(pages), out.getvalue()


def assembled(path: Path, segments: list[tuple[SegmentIndex, bytes]]) -> Path:
    assembly = Assembly(lambda: (index for index, _ in segments), ABOUT)
    path.write_bytes(b"".join([*(data for _, data in segments), *assembly.tail()]))
    return path


@pytest.mark.parametrize("pages", [0, 1, FANOUT, FANOUT + 1, FANOUT * FANOUT + 1])
def test_page_trees_of_every_size_are_balanced_and_count_right(tmp_path: Path, pages: int) -> None:
    path = assembled(tmp_path / "out.pdf", [segment(0, 2, pages), segment(1, 2, 3)])
    with pikepdf.open(path) as pdf:
        assert len(pdf.pages) == pages + 3
        assert not pdf.check_pdf_syntax()
        nodes = [obj for obj in pdf.objects if isinstance(obj, pikepdf.Dictionary) and obj.get("/Type") == "/Pages"]
        assert max(len(node.Kids) for node in nodes) <= FANOUT


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


def test_segments_may_stand_in_any_order_behind_the_first(tmp_path: Path) -> None:
    segments = [segment(k, 3, 2) for k in range(3)]
    path = assembled(tmp_path / "out.pdf", [segments[0], segments[2], segments[1]])
    assert [page.text for page in read(path).pages][2] == "chunk 2 page 0"


def test_two_segments_with_the_same_numbers_are_noticed() -> None:
    twins = [segment(1, 3, 2), segment(1, 3, 2)]
    with pytest.raises(DamagedSegment, match=f"same object numbers, from {FIRST + 1} on"):
        Assembly(lambda: (index for index, _ in twins), ABOUT)


def test_numbers_that_readers_cannot_take_are_refused() -> None:
    lane = Lane(3, 500)
    last = (MAX_OBJECT - FIRST - 3) // 500
    assert lane.number(last) <= MAX_OBJECT
    with pytest.raises(ChunkFailed, match="4194303"):
        lane.number(last + 1)


def test_a_tail_that_needs_more_numbers_than_there_are_is_refused() -> None:
    index, _ = segment(0, 1, 1, [1])
    last = dataclasses.replace(index, first_slot=MAX_OBJECT - FIRST - len(index.offsets))
    with pytest.raises(ChunkFailed, match="4194303"):
        list(Assembly(lambda: iter([last]), ABOUT).tail())


def test_memory_does_not_grow_with_the_number_of_objects() -> None:
    """The tails of 20,000 and of 2,000,000 objects, each in a process of its own."""
    # ru_maxrss would be that of this process, if it was larger before exec.
    few, many = (int(_run(ASSEMBLE.format(chunks=chunks))) for chunks in (1, 100))
    assert many < few * 1.15


ASSEMBLE = """
import dataclasses, re
from pathlib import Path
from tests.unit.test_assembly import ABOUT, segment
from pipeline.pdf.assembly import Assembly
index, _ = segment(0, 1, 1)
def indexes():
    for chunk in range({chunks}):
        yield dataclasses.replace(index, chunk=chunk, chunks=100, offsets=list(range(20_000)), size=20_000)
for piece in Assembly(indexes, ABOUT).tail():
    pass
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def _run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def test_an_index_survives_being_stored() -> None:
    index, _ = segment(1, 3, 4, [1, 2])
    assert SegmentIndex.decode(index.encode()) == index


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], []),
        ([(10, 5)], [(10, 5)]),
        ([(10, 2), (12, 3)], [(10, 2), (12, 3)]),
        ([(10, 2), (10, 5), (12, 3)], [(10, 5)]),  # two workers: the longest chain
        ([(10, 2), (13, 2)], [(10, 2)]),  # a gap
        ([(12, 3)], []),
        ([(10, 2), (12, 0)], [(10, 2)]),  # one without pages is no step forward
    ],
)
def test_a_chunk_is_a_gapless_chain_of_segments(
    found: list[tuple[int, int]], expected: list[tuple[int, int]]
) -> None:
    assert chain(0, 10, 5, found) == expected


def test_offsets_beyond_four_gigabytes_fit() -> None:
    """A first segment that claims to be 20 GB long: what comes behind it is found all the same."""
    first, _ = segment(0, 2, 1)
    second, _ = segment(1, 2, 1)
    far = dataclasses.replace(first, size=20_000_000_000)
    tail = b"".join(Assembly(lambda: iter([far, second]), ABOUT).tail())
    assert int(tail.split(b"startxref\n")[1].split(b"\n")[0]) > 20_000_000_000
