"""Rows of a CSV with an error are repaired and named, or refused with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.documents.inputs import MAX_LINE
from pipeline.errors import NotExact

from .test_reading import Row, planned, refused
from .test_reading import known_documents as known_documents


def test_text_behind_a_quote_is_named_of_titles_too(tmp_path: Path) -> None:
    rows, plan = planned(tmp_path, b'"a" x,b\n1,2\n')
    assert rows[0] == ["a x", "b"]
    assert plan.warnings == ("Text follows a closing quote; it is joined to its cell (titles).",)


UNSPACED = "Spaces stand before a quote that opens a cell; they are left out ({})."


@pytest.mark.parametrize(
    ("data", "expected", "places"),
    [
        (b'a, "b, c"\nx, "1, 2"\n', [["a", "b, c"], ["x", "1, 2"]], ["titles", "row 1"]),
        (b'a,b\n  "x ""y""",2\n', [["a", "b"], ['x "y"', "2"]], ["row 1"]),
        (b'a;b\n 1;2\n3;  "4;5"\n', [["a", "b"], [" 1", "2"], ["3", "4;5"]], ["row 2"]),
        (b'a,b\n5 " pipe,x" y\n', [["a", "b"], ['5 " pipe', 'x" y']], []),
        (b'a,b\n" ""x""",y\n', [["a", "b"], [' "x"', "y"]], []),
        (b'a,b\nx,"1, ""2"""\n', [["a", "b"], ["x", '1, "2"']], []),
    ],
)
def test_spaces_before_a_quote_that_opens_a_cell_are_named(
    tmp_path: Path, data: bytes, expected: list[Row], places: list[str]
) -> None:
    rows, plan = planned(tmp_path, data)
    assert rows == expected
    often = f"2 times: {', '.join(places)}" if len(places) > 1 else "".join(places)
    assert plan.warnings == ((UNSPACED.format(often),) if places else ())
    if places:
        with pytest.raises(NotExact):
            planned(tmp_path, data, strict=True)


def test_spaces_before_quotes_are_seen_among_many_rows(tmp_path: Path) -> None:
    """Most rows are measured without being read."""
    data = b"a,b\n" + b"x,1\n" * 50_000 + b'y, "2, 3"\n' + b"x,1\n" * 50_000
    rows, plan = planned(tmp_path, data)
    assert rows[50_001] == ["y", "2, 3"]
    assert plan.warnings == (UNSPACED.format("row 50001"),)


def test_a_quote_behind_spaces_may_not_close(tmp_path: Path) -> None:
    told = refused(tmp_path, b'a,b\nx, "y\nz"\n')
    assert "Line 2 of rows has a quote that opens a cell and does not close. Leave out spaces before it" in told
    assert "spaces" not in refused(tmp_path, b'a,b\nx,"y\nz\n')
    assert planned(tmp_path, b'a,b\nx,"y\nz"\n')[0][1] == ["x", "y\nz"]


def test_spaces_before_quotes_in_a_row_of_several_lines_are_named(tmp_path: Path) -> None:
    rows, plan = planned(tmp_path, b'a,b\n"x\ny", "z"\n')
    assert rows[1] == ["x\ny", ' "z"']
    words = "Cells begin with a space and a quote, in rows of several lines; both are read as text (row 1)."
    assert plan.warnings == (words,)


@pytest.mark.parametrize("lines", [2, 100_000])
def test_a_space_and_a_quote_within_quotes_are_not_named_in_a_row_of_several_lines(
    tmp_path: Path, lines: int
) -> None:
    """The cell may be in an earlier block of the file than the end of its row."""
    note = "word\n" * lines
    data = f'a,b,c\n" ""x"" y","{note}"," ""z"""\n1,2,3\n'.encode()
    rows, plan = planned(tmp_path, data, strict=True, columns=[{"field": "a"}, {"field": "c"}])
    assert rows[1:] == [[' "x" y', note, ' "z"'], ["1", "2", "3"]]
    assert plan.warnings == ()


@pytest.mark.parametrize("total", [False, True])
@pytest.mark.parametrize("length", [MAX_LINE + 20_000, MAX_LINE + 200_000])
def test_a_line_that_is_too_long_is_refused(tmp_path: Path, length: int, total: bool) -> None:
    """Where the blocks of the file end does not matter."""
    columns = [{"field": "a", "total": total}, {"field": "b"}]
    told = refused(tmp_path, b"a,b\n1," + b"x" * length + b"\n2,3\n", columns=columns)
    assert told.startswith("Line 2 of rows is longer than 1 MiB")


def test_a_cell_that_is_too_long_is_refused(tmp_path: Path) -> None:
    told = refused(tmp_path, b'a,b\n1,2\n1,"' + b"word word\n" * 120_000 + b'"\n')
    assert told.startswith("Line 3 of rows has a quote that opens a cell and does not close within 104,")
    assert ", or a cell of more than 1 MiB. " in told


def test_empty_fields_behind_the_last_title_are_left_out_and_named(tmp_path: Path) -> None:
    columns = [{"field": "a"}, {"field": "b", "total": True}]
    rows, plan = planned(tmp_path, b"a,b\n1,2,\n3,4,, \n5,6\n", columns=columns)
    assert rows[1:] == [["1", "2"], ["3", "4"], ["5", "6"]]
    words = "Rows have more fields than titles; the extra fields are empty and left out (2 times: row 1, row 2)."
    assert plan.warnings == (words,)


BACKSLASHED = 'Quotes have a backslash before them (\\"), not a second quote; they are read as quotes ({}).'


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (r'1,"Ann \"A\" X",y', ["1", 'Ann "A" X', "y"]),
        (r'"a, \"b\", c",2,y', ['a, "b", c', "2", "y"]),
        (r'1,"{\"a\":1,\"b\":\"x, y\"}",y', ["1", '{"a":1,"b":"x, y"}', "y"]),
        (r'1,"C:\\dir \"x\"",""', ["1", r'C:\\dir "x"', ""]),
    ],
)
def test_quotes_behind_backslashes_are_read_as_quotes_and_named(tmp_path: Path, line: str, row: Row) -> None:
    """As Spark, MySQL and Go write them."""
    rows, plan = planned(tmp_path, f"a,b,c\nx,y,z\n{line}\nx,y,z\n".encode())
    assert rows[1:] == [["x", "y", "z"], row, ["x", "y", "z"]]
    assert plan.warnings == (BACKSLASHED.format("row 2"),)


def test_backslashes_that_precede_no_quote_of_a_text_stay(tmp_path: Path) -> None:
    rows, plan = planned(tmp_path, b'a,b\n"C:\\x\\",1\n\\\\host\\"x",2\n"\\\\",3\n')
    assert (rows[1:], plan.warnings) == ([["C:\\x\\", "1"], ['\\\\host\\"x"', "2"], ["\\\\", "3"]], ())
    told = refused(tmp_path, b'a,b\n1,"x\\""\n2,"y\\""\n')
    assert "Line 2 of rows has a quote that opens a cell and does not close" in told
    assert "not with a backslash" in told


@pytest.mark.parametrize("rows", [1, 30_000])
@pytest.mark.parametrize(("titles", "row"), [("a,b", "1,2"), ("name", "some text"), ('"a","b"', '"1","2"')])
def test_the_sign_of_dos_for_the_end_of_a_file_is_no_row(tmp_path: Path, titles: str, row: str, rows: int) -> None:
    data = f"{titles}\r\n" + f"{row}\r\n" * rows + "\x1a"
    found, plan = planned(tmp_path, data.encode(), strict=True)
    assert len(found) == rows + 1
    assert plan.records == rows


def test_titles_alone_are_refused_with_what_is_missing(tmp_path: Path) -> None:
    assert "The first line is read as titles, and nothing follows" in refused(tmp_path, "a,b\x851,2\x85".encode())
