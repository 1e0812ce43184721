"""Whatever is cut is named; what only wraps is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .test_groups import LIST
from .test_table import as_csv, job, made, text_of

ONE = as_csv([["a", "b"], ["1", "2"]])
SALES = ["region", "text", "amount"]


@pytest.mark.parametrize(
    ("data", "look", "warning"),
    [
        (as_csv([["a" * 300, "b"], ["1", "2"]]), {}, "The title of column 'aaaaaaaa"),
        (ONE, {"text": ["word " * 99], "page_mm": [60, 100]}, "Text 1 below the title is cut"),
        (ONE, {"title": "word " * 39, "page_mm": [60, 60], "font_size": 6}, "The title is cut"),
        (as_csv([SALES, ["x" * 190, "t", "1"]]), LIST, "Headings of groups are too long and end with … (page 1)."),
        (as_csv([SALES, ["x" * 190, "t", "1"]]), LIST, "Words beside totals are too long and end with … (page 1)."),
        (as_csv([SALES, ["x" * 300, "t", "1"]]), LIST, "Names of groups are cut behind 200 characters (row 1)."),
        (
            as_csv([SALES, ["x" * 190, "t", "1"]]), LIST | {"summary": "back"},
            "Names of groups in the summary are too long and end with … (page 2).",
        ),
        (ONE, {"words": {"of": "of pages " * 6}, "page_mm": [60, 60]}, "Page numbers are too long and end"),
    ],
    ids=["column", "text", "title", "heading", "words", "name", "summary", "page number"],
)  # fmt: skip
def test_what_is_cut_is_named(folder: Path, data: bytes, look: dict[str, Any], warning: str) -> None:
    _, result, _ = made(job(folder, data, **look), folder, 1)
    assert any(each.startswith(warning) for each in result.warnings), result.warnings


def test_long_titles_and_texts_wrap(folder: Path) -> None:
    look = {"title": "A title " * 20, "subtitle": "A subtitle " * 18, "text": ["word " * 99], "date": "date " * 12}
    seen, result, _ = made(job(folder, ONE, **look), folder)
    text = text_of(seen)
    assert not result.warnings
    assert [text.count(word) for word in ("title", "subtitle", "word", "date")] == [38, 18, 99, 12]
    assert "…" not in text


def test_a_cell_of_two_directions_that_wraps_is_not_named(folder: Path) -> None:
    data = as_csv([["a", "b"], ["x", "שלום עולם one two three four five six seven " * 3]])
    columns = [{"field": "a", "width": 150}, {"field": "b", "width": 30}]
    _, result, _ = made(job(folder, data, columns=columns), folder)
    assert not result.warnings


@pytest.mark.parametrize("chunk_pages", [1, 9])
def test_missing_characters_are_counted_and_named_with_the_first_page(folder: Path, chunk_pages: int) -> None:
    rows = [["a", "b"], *([["x", "y"]] * 100), *([["ก", "ก\x07"]] * 100)]
    _, result, _ = made(job(folder, as_csv(rows), style="plain"), folder, chunk_pages)
    assert result.warnings == (
        "No font has these characters, so they are drawn as \ufffd: ก U+0E01 (200 times, first: page 2). "
        "Add a font that has them to FONTS.",
        "Control characters are drawn as \ufffd: U+0007 (100 times, first: page 2). No font shows them; "
        "remove them from the source.",
    )
