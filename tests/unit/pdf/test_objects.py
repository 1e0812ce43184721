"""How objects are spelled."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.pdf.objects import Stream, name, number, text_string, write_object

PDF = Path(__file__).parents[3] / "pipeline" / "pdf"


def test_an_object_is_written_between_obj_and_endobj() -> None:
    assert b"".join(write_object(7, b"<</A 1>>")) == b"7 0 obj\n<</A 1>>\nendobj\n"


def test_a_stream_is_written_in_the_blocks_it_is_read_in() -> None:
    stream = Stream(b"/Filter/X", 6, lambda: iter([b"abc", memoryview(b"def")]))
    blocks = list(write_object(8, stream))
    assert blocks[1:3] == [b"abc", b"def"]
    assert b"".join(blocks) == b"8 0 obj\n<</Filter/X/Length 6>>stream\nabcdef\nendstream\nendobj\n"
    assert b"".join(write_object(8, stream)) == b"".join(blocks)


def test_one_place_spells_an_indirect_object() -> None:
    spelling = [path.name for path in sorted(PDF.rglob("*.py")) if "%d 0 obj" in path.read_text()]
    assert spelling == ["objects.py"]


@pytest.mark.parametrize(
    ("value", "spelled"), [(0.0, b"0"), (-0.0001, b"0"), (1.5, b"1.5"), (100, b"100"), (2 / 3, b"0.667")]
)
def test_numbers_have_at_most_three_decimals(value: float, spelled: bytes) -> None:
    assert number(value) == spelled


def test_names_and_texts_are_escaped() -> None:
    assert name("A b/#é") == b"/A#20b#2F#23#C3#A9"
    assert text_string("(é") == b"<FEFF002800E9>"
