"""The cross-reference stream."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.errors import ChunkFailed, DamagedSegment
from pipeline.pdf import xref
from pipeline.pdf.assembly import Assembly
from pipeline.pdf.numbering import FIRST, MAX_OBJECT
from pipeline.pdf.xref import CrossReference

from .chunk_segments import ABOUT, segment


def test_two_segments_with_the_same_numbers_are_noticed() -> None:
    twins = [segment(1, 3, 2), segment(1, 3, 2)]
    with pytest.raises(DamagedSegment, match=f"same object numbers, from {FIRST + 1} on"):
        Assembly(lambda: (index for index, _ in twins), ABOUT)


def test_offsets_beyond_four_gigabytes_fit() -> None:
    """A first segment that claims to be 20 GB long: what comes behind it is found all the same."""
    first, _ = segment(0, 2, 1)
    second, _ = segment(1, 2, 1)
    far = replace(first, size=20_000_000_000)
    tail = b"".join(Assembly(lambda: iter([far, second]), ABOUT).tail())
    assert int(tail.split(b"startxref\n")[1].split(b"\n")[0]) > 20_000_000_000


Row = tuple[int, int, int]  # type, offset, generation


def rows(table: CrossReference) -> list[Row]:
    """The rows that a reader gets."""
    stream = table.stream(b"/Root 1 0 R")
    size = len(data := b"".join(stream.read())) and table.size
    assert stream.length == len(data)
    assert stream.entries == b"/Type/XRef/Size %d/W[1 5 2]/Root 1 0 R/Filter/FlateDecode" % size
    plain = zlib.decompress(data)
    parts = [(plain[at], plain[at + 1 : at + 6], plain[at + 6 : at + 8]) for at in range(0, len(plain), 8)]
    return [
        (kind, int.from_bytes(offset, "big"), int.from_bytes(generation, "big"))
        for kind, offset, generation in parts
    ]


FREE, HEAD = (0, 0, 0), (0, 0, 65535)


def test_each_object_has_a_row_with_its_offset() -> None:
    table = CrossReference(4)
    assert rows(table) == [HEAD, FREE, FREE, FREE]
    table.set(2, 15)
    table.set(5, 2**40 - 1)
    assert rows(table) == [HEAD, FREE, (1, 15, 0), FREE, FREE, (1, 2**40 - 1, 0)]
    table.set(1, 0)  # a lower number changes no size
    table.set(2, 16)
    assert rows(table)[1:3] == [(1, 0, 0), (1, 16, 0)]
    assert table.size == 6


def test_the_objects_of_a_segment_are_every_kth_row() -> None:
    table = CrossReference(1)
    table.set_all(range(2, 11, 4), [0, -1, 30], base=100)
    assert rows(table) == [HEAD, FREE, (1, 100, 0), *[FREE] * 7, (1, 130, 0)]
    table.set_all(range(3, 3), [], base=0)
    assert table.size == 11
    table.set_all(range(4, 5), [5], base=200)
    assert rows(table)[4] == (1, 205, 0)
    assert table.size == 11, "a lower number changes no size"


def test_an_object_of_a_segment_that_is_written_later_gets_its_row_then() -> None:
    table = CrossReference(1)
    table.set_all(range(1, 4), [0, -1, 30], base=100)
    table.set(2, 500)
    assert rows(table) == [HEAD, (1, 100, 0), (1, 500, 0), (1, 130, 0)]


def test_many_objects_all_have_their_rows() -> None:
    """More than are stored, and compressed, at once."""
    count = 20_000
    table = CrossReference(1)
    table.set_all(range(1, 2 * count, 2), range(count), base=7)
    for number in range(2, 2 * count + 1, 2):
        table.set(number, number)
    expected = [HEAD] + [(1, n if n % 2 == 0 else 7 + n // 2, 0) for n in range(1, 2 * count + 1)]
    assert rows(table) == expected


def test_the_highest_object_number_has_a_row_and_the_next_is_refused() -> None:
    table = CrossReference(1)
    table.set(MAX_OBJECT, 9)
    assert table.size == MAX_OBJECT + 1
    with pytest.raises(ChunkFailed, match="more than 4194303 objects"):
        table.set(MAX_OBJECT + 1, 9)
    with pytest.raises(ChunkFailed, match="more than 4194303 objects"):
        table.set_all(range(1, MAX_OBJECT + 2), [], 0)


def test_one_shared_number_is_noticed_wherever_it_is() -> None:
    table = CrossReference(1)
    table.set_all(range(1, 5000), [3] * 4999, base=0)
    table.set_all(range(4999, 9000), [3] * 4001, base=0)
    with pytest.raises(DamagedSegment, match="same object numbers"):
        table.place()


@pytest.mark.parametrize("waiting", [1, 5000, 1 << 18])
def test_rows_of_neighbours_are_those_of_each_alone(monkeypatch: pytest.MonkeyPatch, waiting: int) -> None:
    """Lanes of different lengths, placed one by one, some together, or all."""
    monkeypatch.setattr(xref, "AT_ONCE", 8 * waiting)
    table, lengths = CrossReference(1), [1500, 0, 2049, 1024, 1]
    for lane, length in enumerate(lengths):
        table.set_all(range(1 + lane, 1 + lane + 5 * length, 5), [-1, *range(1, length)][:length], base=10 * lane)
    found = rows(table)
    for lane, length in enumerate(lengths):
        wanted = [(0, 0, 0) if slot == 0 else (1, 10 * lane + slot, 0) for slot in range(length)]
        assert [found[1 + lane + 5 * slot] for slot in range(length)] == wanted
    assert sum(row != (0, 0, 0) for row in found[1:]) == sum(length - 1 for length in lengths if length)


def resident() -> int:
    """The bytes of tables that are in memory now: of mapped files that have no name."""
    maps = Path("/proc/self/smaps").read_text()
    return 1024 * sum(map(int, re.findall(r"\(deleted\)\n(?:\w+: .*\n)*?Rss: +(\d+) kB", maps)))


def faults() -> int:
    """How often this process touched a memory page that was not there."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="it tells what is in memory")
def test_a_few_rows_are_in_memory_wherever_they_are() -> None:
    """Every 600th number has a memory page of its own."""
    before, most = resident(), 0
    table = CrossReference(1)
    spread = range(1, MAX_OBJECT, 600)
    for number in spread:
        table.set(number, 1)
        most = max(most, resident() - before) if number % 101 == 0 else most
    assert 0 < most <= 2**18  # the system may add pages beside those that are touched
    table.set_all(range(2, MAX_OBJECT, 600), [1] * len(spread), base=0)
    table.place()
    assert resident() <= before
    read = table.stream(b"").read()
    for _ in read:
        assert resident() - before <= 2**18
    assert resident() <= before


def test_objects_beside_each_other_share_a_memory_page() -> None:
    """A page that was given back and is needed again takes longer than all else."""
    table, before = CrossReference(1), faults()
    for number in range(1, 20_001):
        table.set(number, 1)
    assert faults() - before < 2_000


def test_the_rows_of_neighbours_come_into_a_memory_page_together() -> None:
    """One segment alone touches a page for each of its rows."""
    table, before, lanes, slots = CrossReference(1), faults(), 600, 500
    for lane in range(1, lanes + 1):
        table.set_all(range(lane, lane + lanes * slots, lanes), range(slots), base=0)
    table.place()
    assert faults() - before < lanes * slots / 10


def test_memory_does_not_grow_with_the_number_of_objects() -> None:
    """The tails of 20,000 and of 2,000,000 objects, each in a process of its own."""
    # ru_maxrss would be that of this process, if it was larger before exec.
    few, many = (int(_run(ASSEMBLE.format(chunks=chunks))) for chunks in (1, 100))
    assert many < few * 1.15


ASSEMBLE = """
import re
from pathlib import Path
from msgspec.structs import replace
from tests.unit.pdf.chunk_segments import ABOUT, segment
from pipeline.pdf.assembly import Assembly
index, _ = segment(0, 1, 1)
def indexes():
    for chunk in range({chunks}):
        yield replace(index, chunk=chunk, chunks={chunks}, offsets=list(range(20_000)), size=20_000)
for piece in Assembly(indexes, ABOUT).tail():
    pass
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def _run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
