"""Numbers in narrow columns: one line, smaller, or ###; never in pieces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from pipeline.errors import NotExact

from ....readback import drawn_pages
from .test_cells_drawn import read_back
from .test_table import as_csv, job, made

INDENTED = [{"field": "a", "title": "Place", "width": 40}, {"field": "b", "width": 30}, {"field": "a", "title": ""}]
EURO = {"kind": "currency", "currency": "EUR"}


def narrow(folder: Path, text: str, width: float, **column: Any) -> tuple[list[str], tuple[str, ...]]:
    """The lines of a cell in a column of this width in mm, and the warnings."""
    columns = [
        {"field": "a", "width": 8.47},
        {"field": "b", "width": width, **column},
        {"field": "c", "width": min(150, 177.5 - width)},  # the page has 186 mm
    ]
    (row,), result, _ = read_back([["x", text, "y"]], folder, 1, columns=columns)
    return row[1], result.warnings


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("123,456,789,012.75", 15),
        ("€123,456.75", 12),
        ("123 456 789,75 €", 15),
        ("(1,234,567.00)", 12),
        ("2026-03-01T12:30:00Z", 18),
        ("31.12.2026 12:30", 15),
        ("12:30:00 pm", 10),
        ("CHF 1’234’567.00", 15),  # noqa: RUF001  # as in Switzerland
        ("INV-2024-000123", 15),
        ("DE89 3704 0044 0532", 18),
        ("+49 30 1234567", 14),
        ("1.2345678901e-10", 15),
        ("AB12-CD34-EF56", 15),
    ],
)
def test_a_value_that_is_wide_is_printed_smaller_on_one_line(folder: Path, text: str, width: float) -> None:
    lines, warnings = narrow(folder, text, width)
    assert lines == [text]
    assert not warnings


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("123,456,789,012,345,678.75", ["###"]),
        ("123 456 789 012 345,75 €", ["### €"]),
        ("186 693 676 281 222 381 933 815 €", ["### €"]),
        ("98765432109876543210", ["###"]),
        ("paid 98765432109876543210", ["paid", "###"]),
        ("١٢٣٬٤٥٦٬٧٨٩٬٠١٢٫٠٠", ["###"]),  # noqa: RUF001  # digits of Arabic
        ("１２３，４５６，７８９，０００．５０", ["###"]),  # noqa: RUF001  # of Japanese
        ("2026-01-31T10:00:00.123456+09:00", ["###"]),
        ("at 2026-01-31T10:00:00.123456+09:00", ["at", "###"]),
    ],
)
def test_a_number_that_would_be_illegible_is_replaced_and_named(folder: Path, text: str, shown: list[str]) -> None:
    lines, warnings = narrow(folder, text, 7.6)
    assert lines == shown
    assert warnings == (
        "Numbers in column 'b' are too wide, even in smaller print, so they are shown as ### (row 1).",
    )


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("order 1234567 of May", ["order", "1234567", "of May"]),
        ("about 1 234 567 rows", ["about", "1 234 567", "rows"]),
        ("x" * 20, ["x" * 9, "x" * 9, "xx"]),
        ("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19", ["1 2 3 4 5 6", "7 8 9 10 11", "12 13 14", "15 16 17",
                                                             "18 19"]),
        ("https://a.example/987654321", ["https://", "a.example", "/987654321"]),
    ],
)  # fmt: skip
def test_text_wraps_between_its_numbers(folder: Path, text: str, lines: list[str]) -> None:
    assert narrow(folder, text, 14.8) == (lines, ())


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("100\n200\n300", ["100", "200", "300"]),
        ("1 234\n567", ["1 234", "567"]),
        ("Main St 5\r\n\r\nAB1 2CD", ["Main St 5", "", "AB1 2CD"]),
        ("\n one\rtwo\u2028three \n", [" one", "two", "three"]),
        ("a word\nand some that wrap", ["a word", "and some", "that wrap"]),
        ("12\t13\v14", ["12 13", "14"]),
    ],
)
def test_a_line_break_in_a_cell_ends_a_line(folder: Path, text: str, lines: list[str]) -> None:
    assert narrow(folder, text, 14.8) == (lines, ())


def test_a_line_break_keeps_the_size_of_a_cell(folder: Path) -> None:
    """A number in smaller print makes the other lines of its cell smaller, too."""
    assert narrow(folder, "a\n123,456,789,012.75", 15) == (["a", "123,456,789,012.75"], ())
    lines, (warning,) = narrow(folder, "a\n98765432109876543210", 7.6)
    assert (lines, "so they are shown as ###" in warning) == (["a", "###"], True)


def test_a_cell_of_more_lines_than_a_page_is_cut_and_named(folder: Path) -> None:
    lines, warnings = narrow(folder, "\n".join(f"line {n}" for n in range(200)), 30)
    assert lines[:2] == ["line 0", "line 1"]
    assert lines[-1] == f"line {len(lines) - 1} …"
    assert warnings == ("Cells of column 'b' are too long and end with … (row 1).",)


def test_a_column_is_as_wide_as_the_longest_line_of_its_cells(folder: Path) -> None:
    (row,), *_ = read_back([["one line\n" * 40, "x" * 90, ""]], folder, 1)
    assert row[0] == ["one line"] * 40
    assert len(row[1]) == 1


def test_a_formatted_column_of_growing_numbers(folder: Path) -> None:
    """The sample that decides the widths ends before the large number."""
    long = (
        "a name that leaves the numbers no more room than the first rows needed, and that is really very long " * 2
    )
    rows = [["name", "amount"], *([long, f"{i}.5"] for i in range(1001)), ["last", "12345678.75"]]
    columns = [{"field": "name"}, {"field": "amount", "format": EURO}]
    _, result, _ = made(job(folder, as_csv(rows), columns=columns), folder)
    *_, page = drawn_pages(folder / "None.pdf")
    assert "€12,345,678.75" in [line.text for line in page.lines]
    assert not result.warnings


def test_totals_are_smaller_or_replaced(folder: Path) -> None:
    columns = [{"field": "a", "width": 150}, {"field": "b", "width": 11, "total": True}]
    small = as_csv([["a", "b"], ["x", "1234567.25"]])
    huge = as_csv([["a", "b"], *([["x", "9" * 40]] * 3)])
    look = {"columns": columns, "summary": "back", "page_mm": [190, 100]}
    _, result, _ = made(job(folder, small, **look), folder)
    assert not result.warnings
    assert "Total 1234567.25" in " ".join(line.text for p in drawn_pages(folder / "None.pdf") for line in p.lines)
    with pytest.raises(NotExact, match="Numbers in column 'b' are too wide"):
        made(job(folder, huge, strict=True, **look), folder)
    _, result, _ = made(job(folder, huge, **look), folder)
    assert result.warnings[1:] == (
        "Totals of column 'b' are too wide, even in smaller print, so they are shown as ### (page 1).",
    )
    shown = [line.text for page in drawn_pages(folder / "None.pdf") for line in page.lines]
    assert shown.count("###") == 4
    assert str(3 * int("9" * 40)) in shown  # in the summary


def test_a_column_without_a_format_has_one_decimal_mark(folder: Path) -> None:
    columns = [{"field": "n"}, {"field": "v", "total": True}]
    data = as_csv([["n", "v"], ["a", "1234.5"], ["b", "2.25"]])
    made(job(folder, data, columns=columns, locale="de_DE"), folder)
    (page,) = drawn_pages(folder / "None.pdf")
    assert {"1234.5", "2.25", "1236.75", "Summe"} <= {line.text for line in page.lines}


@pytest.mark.parametrize(
    "text",
    [
        "  Petty cash",
        "\t Petty cash",
        "\u00a0\u00a0Petty cash",
        "  Petty cash, and all that is paid from it at once",
    ],
)
def test_a_cell_is_indented_as_it_was(folder: Path, text: str) -> None:
    """Also on pages on which some cell wraps, and if it wraps itself."""
    indents = []
    for beside in ("short", "a text of some words that has several lines"):
        made(job(folder, as_csv([["a", "b"], [text, beside]]), columns=INDENTED), folder)
        with pypdfium2.PdfDocument(folder / "None.pdf") as pdf:
            page = pdf[0].get_textpage()
            left = [page.get_charbox(page.get_text_range().index(word))[0] for word in ("Petty", "Place")]
            indents.append(round(left[0] - left[1], 1))
    assert indents[0] == indents[1] > 3


def test_spaces_behind_a_number_do_not_move_it(folder: Path) -> None:
    columns = [{"field": "a", "width": 40}, {"field": "b", "align": "right"}]
    made(job(folder, as_csv([["a", "b"], ["x", "71  "], ["x", "72"]]), columns=columns), folder)
    with pypdfium2.PdfDocument(folder / "None.pdf") as pdf:
        page = pdf[0].get_textpage()
        left = [page.get_charbox(page.get_text_range().index(number))[0] for number in ("71", "72")]
    assert left[0] == pytest.approx(left[1], abs=0.1)


def test_an_indent_is_no_wider_than_half_of_a_line(folder: Path) -> None:
    lines, warnings = narrow(folder, " " * 500 + "some words", 30)
    assert [line.strip() for line in lines] == ["some", "words"]
    assert not warnings
