"""Cells broken column by column have the lines that each has alone."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import is_normalized

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.documents.table.broken_cells import broken_cell, broken_words
from pipeline.documents.table.params import TableParams
from pipeline.documents.table.row_texts import RowTexts, row_texts
from pipeline.documents.table.rows import InputFormat
from pipeline.documents.table.setup import TableSetup, measure_columns, table_setup
from pipeline.pdf.fonts.characters import printable, shown_as_is
from pipeline.pdf.fonts.line_breaking import WORD

FIELDS = ("a", "b")
words = st.sampled_from(["the", "parcel,", "i", "W", "München", "Иванов", "Ελένη", "no.", "W" * 30])
numbers = st.sampled_from(["12", "1250000", "1 250 000", "CHF", "2024-01-05", "No.", "7", "8" * 60, "9" * 61, "x1"])
others = st.sampled_from(["x-y", "don't", "王小明", "محمد", "", "…", "a\tb", "e\u0301", "\x07"])
texts = st.lists(words | numbers | others, max_size=30).map(" ".join)
columns = st.lists(texts, min_size=1, max_size=20)
widths = st.sampled_from([50.0, 70.5, 113.744, 190.0])
sizes = st.sampled_from([4.5, 8, 10, 14])


def setup(width: float, size: float) -> TableSetup:
    """Two equal columns on pages of few lines, so many mm wide."""
    params = TableParams(font_size=size, page_mm=(width, 60), margin=5)
    format = InputFormat("csv", "utf-8", ",", FIELDS, 0)
    return table_setup(params, format, measure_columns(params, format, [["x", "x"]]))


@given(columns, widths, sizes)
@example(["", " ", "the  parcel"], 50.0, 10)
def test_texts_broken_at_once_have_the_lines_that_each_has_alone(
    found: list[str], width: float, size: float
) -> None:
    layout = setup(width, size).layout
    room = layout.places[0].inside
    wide = [text for text in found if layout.face.width(printable(text), size) > room]
    for text, cell in zip(wide, broken_words(wide, room, layout), strict=True):
        assert cell is None or cell == broken_cell(printable(text), room, layout, formatted=False)


def test_notes_of_words_and_numbers_are_broken_at_once() -> None:
    layout = setup(80.0, 10).layout
    notes = ["the parcel was returned, please call", "München, Иванов and Ελένη asked", "Gate 7: 2 parcels of 12."]
    assert all(broken_words(notes, layout.places[0].inside, layout))
    assert broken_words(["CHF 1 250 000 and more"], layout.places[0].inside, layout) == [None]


def test_a_number_that_just_fits_its_column_makes_the_print_smaller() -> None:
    """Then the whole note is smaller, as it is when it is broken alone."""
    layout, note = setup(80.0, 10).layout, "the number 987654321 and more"
    room = layout.face.width("987654321", layout.size) / 0.9995
    alone = broken_cell(note, room, layout, formatted=False)
    assert alone.size < layout.size
    assert broken_words([note], room, layout) == [None]
    assert broken_words([note], room * 1.01, layout) == [broken_cell(note, room * 1.01, layout, formatted=False)]


@given(st.text(st.characters(max_codepoint=0x600), max_size=6) | words | numbers)
def test_a_word_is_drawn_as_it_is(text: str) -> None:
    if WORD.fullmatch(text):
        assert printable(text) == text
        assert shown_as_is(text)
        assert is_normalized("NFC", text)


@given(st.lists(st.tuples(texts, texts).map(list), max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_rows_may_be_parted_and_joined(rows: list[list[str]], first: int, stop: int) -> None:
    known = setup(50.0, 8).texts

    def laid(some: Sequence[list[str]]) -> RowTexts:
        return row_texts(some, known) if some else RowTexts([], [], [], [])

    whole, parts = laid(rows), laid(rows[:first]).joined(laid(rows[first:])) if rows[first:] else laid(rows)
    for one, other in ((whole, parts), (whole.part(first, stop), laid(rows[first:stop]))):
        assert list(map(list, one.columns)) == list(map(list, other.columns)) or not len(one)
        assert list(map(list, one.broken)) == list(map(list, other.broken)) or not len(one)
        assert list(one.lines) == list(other.lines)
