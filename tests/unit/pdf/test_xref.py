"""The cross-reference stream."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from pipeline.errors import DamagedSegment
from pipeline.pdf.assembly import Assembly
from pipeline.pdf.numbering import FIRST

from .chunk_segments import ABOUT, segment


def test_two_segments_with_the_same_numbers_are_noticed() -> None:
    twins = [segment(1, 3, 2), segment(1, 3, 2)]
    with pytest.raises(DamagedSegment, match=f"same object numbers, from {FIRST + 1} on"):
        Assembly(lambda: (index for index, _ in twins), ABOUT)


def test_memory_does_not_grow_with_the_number_of_objects() -> None:
    """The tails of 20,000 and of 2,000,000 objects, each in a process of its own."""
    # ru_maxrss would be that of this process, if it was larger before exec.
    few, many = (int(_run(ASSEMBLE.format(chunks=chunks))) for chunks in (1, 100))
    assert many < few * 1.15


ASSEMBLE = """
import dataclasses, re
from pathlib import Path
from tests.unit.pdf.chunk_segments import ABOUT, segment
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


def test_offsets_beyond_four_gigabytes_fit() -> None:
    """A first segment that claims to be 20 GB long: what comes behind it is found all the same."""
    first, _ = segment(0, 2, 1)
    second, _ = segment(1, 2, 1)
    far = dataclasses.replace(first, size=20_000_000_000)
    tail = b"".join(Assembly(lambda: iter([far, second]), ABOUT).tail())
    assert int(tail.split(b"startxref\n")[1].split(b"\n")[0]) > 20_000_000_000
