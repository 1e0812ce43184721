"""What speaks against the way a listing is read is named, or the listing is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import documents
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.inputs.snapshot import _with_line_feeds
from pipeline.documents.job import DocumentJob
from pipeline.documents.table.setup import TablePlan

from .test_reading import SETTINGS, planned, refused
from .test_reading import known_documents as known_documents

ONE_COLUMN = (
    "The listing is read as one column, although most of its lines have {!r}; give the delimiter, and begin with "
    "the titles."
)


@pytest.mark.parametrize(
    ("data", "sign"),
    [
        ("Report of 2024\n\nName;Wert\nA;1\nB;2\n", ";"),
        ("# made by x\nName\tWert\nA\t1\n", "\t"),
        ("a:b\n1:2\n3:4\n", ":"),
        ("a^b\n1^2\n", "^"),
        ("sep=,\na;b\n1;2\n", ";"),
        ("sep=;\na\n1\n", None),
        ("time\n10:30\n11:30\n", None),
        ('name\n"Doe, Jane"\n"Roe, Richard"\n', None),
        ("note\nfirst; second\nthird\n", None),
    ],
)
def test_one_column_is_named_where_lines_look_like_several(tmp_path: Path, data: str, sign: str | None) -> None:
    _, plan = planned(tmp_path, data.encode())
    assert plan.warnings == ((ONE_COLUMN.format(sign),) if sign else ())
    assert not planned(tmp_path, data.encode(), delimiter="|")[1].warnings


def test_columns_set_apart_by_spaces_are_named(tmp_path: Path) -> None:
    _, plan = planned(tmp_path, b"name   amount\nA      10.00\nB       2.50\n")
    (words,) = plan.warnings
    assert "as one column, although its lines look like columns set apart by spaces" in words
    assert planned(tmp_path, b"text\nHello.  World\nshort\n")[1].warnings == ()


@pytest.mark.parametrize(
    ("data", "sign"),
    [
        ("a||b||c\n1||2||3\n", "|"),
        ("a~|~b\n1~|~2\n3~|~4\n", "~"),
        ("a|~b\n1|~2\n", "~"),
        ('a;;b\n"x;y";;2\n', ";"),
        ('"a";;"b"\n"1";;"2"\n', ";"),
        ("a||b|c\n1||2|3\n", None),
        ("a,,b\n1,,2\n", None),  # a column without a title
        ("a|b\n1|\n", None),
        ("a~|b\n1|2\n", None),
    ],
)
def test_a_delimiter_of_several_characters_is_named(tmp_path: Path, data: str, sign: str | None) -> None:
    words = "The delimiter is read as {!r}, but {!r} precedes or follows each of them."
    delimiter = ";" if ";" in data else "|"
    assert planned(tmp_path, data.encode())[1].warnings == ((words.format(delimiter, sign),) if sign else ())
    assert not planned(tmp_path, data.encode(), delimiter=delimiter if sign else ",")[1].warnings


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
def test_delimiters_between_cells_that_are_all_in_quotes_are_no_longer_one(tmp_path: Path, delimiter: str) -> None:
    """As banks write them."""
    data = "".join(delimiter.join(f'"{cell}"' for cell in row) + "\n" for row in ("abc", "123", "456"))
    rows, plan = planned(tmp_path, data.encode(), strict=True)
    assert (rows, plan.warnings) == ([list("abc"), list("123"), list("456")], ())


def test_a_sep_line_names_one_character(tmp_path: Path) -> None:
    told = refused(tmp_path, b"sep=||\na||b\n1||2\n")
    assert "Line 1 of rows names a delimiter of several characters" in told


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("2024-01-01,5.00,x\n2024-01-02,6.00,y\n", "2024-01-01"),
        ('x,"1.234,50"\ny,"1,00"\n', "1.234,50"),
        ("Ann;ann@a.example\nBob;bob@b.example\n", "ann@a.example"),
        ("name,2024-01-01,2024-02-01\na,5.00,6\n", None),
        ("name,2023,2024\na,2025,2026\n", None),
        ("0,1,2\n3,4,5\n", None),
        ("1.1,1.2\nyes,no\n", None),
    ],
)
def test_titles_that_look_like_values_are_named(tmp_path: Path, data: str, value: str | None) -> None:
    words = "The first row is read as titles, although {!r} looks like a value; add titles above."
    _, plan = planned(tmp_path, data.encode())
    assert plan.warnings == ((words.format(value),) if value else ())


@pytest.mark.parametrize(
    "data",
    ["| a | b |\n|---|:-:|\n| 1 | 2 |\n", " a | b\n---+---\n 1 | x\n", "+---+\n| a |\n+---+\n| 1 |\n+---+\n"],
    ids=["markdown", "psql", "mysql"],
)
def test_a_table_that_is_drawn_with_lines_is_named(tmp_path: Path, data: str) -> None:
    _, plan = planned(tmp_path, data.encode())
    assert plan.warnings[0].startswith("The listing looks like a table drawn with lines")


@pytest.mark.parametrize(
    "data",
    [
        '// of May\n{"a":1}\n{"a":2}\n',
        '\n#\n  {"a":"x"}\n',
        '# by x, on Monday\n{"a":1,"b":2}\n{"a":3,"b":4}\n',
        '\x1e{"a":1,"b":2}\n\x1e{"a":3,"b":4}\n',
        '[id],x\n{"a":1,"b":2},\n',
    ],
)
def test_json_that_is_read_as_csv_is_named(tmp_path: Path, data: str) -> None:
    words = "The listing is read as CSV, although most of its lines look like JSON; begin with the first record."
    assert words in planned(tmp_path, data.encode())[1].warnings


@pytest.mark.parametrize(
    "data",
    [
        "a,{b}\n{x},1\n",
        'json;at\n{"a":1};2\n',
        "id,of\n{6F96-8B86},{7F96-8B86}\n",
        "id\n{6F96}\n{7F96}\n",
        "a;b\n{x,y};{1,2}\n",
    ],
)
def test_columns_may_have_braces(tmp_path: Path, data: str) -> None:
    assert planned(tmp_path, data.encode(), strict=True)


@pytest.mark.parametrize(
    ("data", "title"),
    [
        ("1,Ann,5\n2,Bob,6\n", "1"),
        ("7\n8\n9\n", "7"),
        ("10001;x\n10002;y\n", "10001"),
        ("Region,2023,2024\nN,1,2\n", None),
        ("2023,2024\n1,2\n", None),
        ("0,1,2\n7,x,y\n", None),
        ("1990,2000,2010\n7,8,9\n", None),
        ("1990,2000\n7,8\n", None),
        ("2023,2022,2021\n7,8,9\n", None),
        ("2015;2018;2020\n7;8;9\n", None),
        ("2023,2021,2022\n7,8,9\n", "2023"),
        ("15,18,20\n7,8,9\n", "15"),
        ("7,7,7\n8,8,8\n", "7"),
        ("9,8,7\n8,8,8\n", "9"),
        ("1,a\nx,2\n", None),
    ],
)
def test_titles_that_begin_with_the_number_of_a_row_are_named(tmp_path: Path, data: str, title: str | None) -> None:
    words = f"The first row is read as titles, although {title!r} looks like a value; add titles above."
    assert planned(tmp_path, data.encode())[1].warnings == ((words,) if title else ())


def test_zeros_that_spreadsheets_keep_are_no_delimiter(tmp_path: Path) -> None:
    data = b'id,"=x",n\n="007",="a,b",1\n="008",x,2\n'
    (words,) = planned(tmp_path, data)[1].warnings  # the comma was not within quotes, as they begin no cell
    assert words.startswith("Rows have more fields than titles")


@pytest.mark.parametrize("given", ["cp1252", "iso8859-2"])
def test_an_encoding_that_was_given_for_utf_8_is_named(tmp_path: Path, given: str) -> None:
    rows, plan = planned(tmp_path, "a,b\nMüller,2\n".encode(), encoding=given)
    assert rows[1][0] != "Müller"
    assert plan.warnings == (f"The listing is read as {given}, as was given, but its bytes are UTF-8.",)
    assert planned(tmp_path, "a,b\nMüller,2\n".encode(given), encoding=given)[1].warnings == ()


@pytest.mark.parametrize("above", ["\n", "\n  \n", "\r\n\r\n", "\nsep=,\n", "\ufeff\n"])
def test_blank_lines_may_stand_above_the_titles(tmp_path: Path, above: str) -> None:
    data = f"{above}Name,Place\nAnn,Cork\n".encode()
    assert planned(tmp_path, data, strict=True)[0] == [["Name", "Place"], ["Ann", "Cork"]]


def test_blank_rows_above_the_titles_are_named(tmp_path: Path) -> None:
    rows, plan = planned(tmp_path, b",\n,\nName,Place\nAnn,Cork\n")
    assert rows == [["Name", "Place"], ["Ann", "Cork"]]
    assert plan.warnings == ("Rows of blank cells above the titles are left out (2 times).",)


RECORDS = [{"a": "x, }", "b": 1.5}, {"a": "y", "b": [{"c": 1}]}]


@pytest.mark.parametrize("between", ["\n", "", "\r\n\r\n"])
@pytest.mark.parametrize("before", ["", "\ufeff", "\n "])
def test_records_over_several_lines_are_read(tmp_path: Path, between: str, before: str) -> None:
    text = before + between.join(json.dumps(record, indent=2) for record in RECORDS)
    rows, _ = planned(tmp_path, text.encode(), strict=True)
    assert rows == [["a", "b"], ["x, }", "1.5"], ["y", '[{"c":1}]']]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{\n"a":1\n}\n{\n"a":2\n', "has a JSON record without an end"),
        (b'{\n"a":1\n},\n{\n"a":2\n}\n', "Record 2 of the listing rows is not a JSON object"),
        (b'{\n"a":1\n} x', "has a JSON record without an end"),
    ],
)
def test_records_that_are_not_whole_are_refused(tmp_path: Path, data: bytes, words: str) -> None:
    assert words in refused(tmp_path, data)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"data": RECORDS}, "data"),
        ({"count": 2, "results": RECORDS}, "results"),
        ({"a": {"0": 1, "1": 2}, "b": {"0": 3, "1": 4}}, "a"),
        ({"a": [1, 2], "b": [3, 4]}, "a"),
        ({"a": [1, 2], "b": 3}, None),
        ({"a": [1, 2]}, None),
        ({"a": "[{", "b": 3, "c": []}, "a"),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_a_record_that_holds_others_is_named(
    tmp_path: Path, data: Any, field: str | None, indent: int | None
) -> None:
    words = f"There is one record, and its field {field!r} holds others; if those are the rows, send them alone."
    _, plan = planned(tmp_path, json.dumps(data, indent=indent).encode())
    assert plan.warnings == ((words,) if field else ())
    assert planned(tmp_path, json.dumps(data).encode(), columns=[{"field": min(data)}])[1].warnings == ()
    assert planned(tmp_path, (json.dumps(data) + "\n").encode() * 2)[1].warnings == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<table>\n<tr><td>a</td></tr>\n</table>", "an HTML page"),
        ("\ufeff<html><table>", "an HTML page"),
        ("<!-- made by x -->\n<!DOCTYPE html>", "an HTML page"),
        ("<meta charset='utf-8'><table>", "an HTML page"),
        ("\ufeff<?xml version='1.0'?>", "an XML file"),
        ("<rows>\n <row><a>1</a></row></rows>", "an XML file"),
        ("<!--x--><!--y--><!DOCTYPE rows>", "an XML file"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tags_are_no_listing(tmp_path: Path, text: str, words: str, encoding: str) -> None:
    assert words in refused(tmp_path, text.encode(encoding))


@pytest.mark.parametrize(
    "text", ["<id>,<name>\n1,x\n", "<b,a>\n1,2\n", "<!---->" * 70 + ",a\n1,2\n", "<5 kg,a\n1,2\n"]
)
def test_titles_may_have_angles(tmp_path: Path, text: str) -> None:
    assert len(planned(tmp_path, text.encode())[0]) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("rows", [1, 20_000])
def test_lines_may_end_in_carriage_returns(tmp_path: Path, encoding: str, rows: int) -> None:
    text = "sep=;\ra;\u00fc\r" + '1;"x\ry"\r' + f"2;{'z' * 60}\r" * rows
    found, _ = planned(tmp_path, text.encode(encoding))
    assert (found[:3], len(found)) == ([["a", "\u00fc"], ["1", "x\ny"], ["2", "z" * 60]], rows + 2)


@pytest.mark.parametrize("block", [2, 3, 5])
def test_a_line_end_may_be_cut(block: int) -> None:
    data = b"a\r\rb\r\nc\r"
    pieces = _with_line_feeds(data[at : at + block] for at in range(0, len(data), block))
    assert b"".join(pieces) == b"a\n\nb\nc\n"


def test_of_columns_with_one_name_those_left_out_are_named(tmp_path: Path) -> None:
    data = b"n,a,g,a,g\nx,1,p,2,q\ny,3,p,4,r\n"
    columns = [{"field": "n"}, {"field": "a", "total": True}]
    _, plan = planned(tmp_path, data, columns=columns, group_by=[{"field": "g"}], summary="back")
    assert plan.warnings == (
        "Of 2 columns 'a', only the first one is shown, as was asked for.",
        "Of 2 columns 'g', the first makes groups.",
    )
    assert msgspec.convert(plan.found, TablePlan).totals == ("4",)
    assert planned(tmp_path, data, columns=[*columns, {"field": "a"}])[1].warnings == ()
    assert planned(tmp_path, data)[1].warnings == ()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Cafe\u0301", "Caf\u00e9"),
        ("Re\u00a0gion", "Re gion"),
        ("\u200bRegion", "Region"),
        ("Region", "Region\u00a0"),
    ],
)
def test_a_column_is_found_by_what_its_name_looks_like(tmp_path: Path, title: str, name: str) -> None:
    data = f"{title},b\nx,1\n".encode()
    _, plan = planned(tmp_path, data, strict=True, columns=[{"field": name}])
    assert msgspec.convert(plan.found, TablePlan).places[0].source == 0
    assert "There is no column 'cafe'" in refused(tmp_path, data, columns=[{"field": "cafe"}])


def test_a_record_without_columns_is_refused(tmp_path: Path) -> None:
    assert "Line 1 of rows is a record without columns" in refused(tmp_path, b"{}\n{}\n")


@pytest.mark.parametrize(
    ("input", "pattern", "guess"),
    [
        ("%d.%m.%y", "d.M.yyyy", True),
        ("%x", "EEEE", True),
        ("%d.%m.%y", "full", True),  # with a weekday
        ("%d.%m.%y", "d.M.y", False),
        ("%d.%m.%y", "medium", False),
        ("%d.%m.%y", "short", False),
        ("%d.%m.%y", "d.M.yy", False),
        ("%d.%m.%Y", "d.M.yyyy", False),
    ],
)
def test_a_century_that_is_guessed_is_named(tmp_path: Path, input: str, pattern: str, guess: bool) -> None:
    columns = [{"field": "born", "format": {"kind": "date", "input": input, "pattern": pattern}}, {"field": "n"}]
    data = b"born,n\n" + {"%x": b"05/12/55", "%d.%m.%Y": b"12.05.1955"}.get(input, b"12.05.55") + b",1\n"
    words = "Years of column 'born' have two digits, and are read as 1969 to 2068; `y` shows two digits."
    warnings = planned(tmp_path, data, columns=columns, locale="fr_FR")[1].warnings
    assert warnings == ((words,) if guess else ())


def test_a_date_without_a_time_is_named_where_times_are_shown(tmp_path: Path) -> None:
    columns = [{"field": "at", "format": {"kind": "date", "pattern": "d.M.y HH:mm"}}]
    _, plan = planned(tmp_path, b"at,n\n2026-03-01T10:00,1\n2026-03-01,2\n", columns=columns)
    assert plan.warnings == ("Cells of column 'at' that are not dates with a time are shown as they are (row 2).",)


def test_a_row_of_a_request_may_hold_records(tmp_path: Path) -> None:
    table, inputs = documents.find("table"), FolderInputs(tmp_path)
    rows = [{"id": 1, "items": [{"n": 1}]}]
    (tmp_path / "rows").write_text(json.dumps(rows[0]))
    params = documents.decode(table, {"rows": rows, "strict": True})
    assert DocumentJob(table, params, str(tmp_path / "rows"), inputs).plan(SETTINGS).warnings == ()


@pytest.mark.parametrize(
    ("widths", "narrow"), [((300, 100), ["a", "b"]), ((150, 60), ["a"]), ((30, 30), []), ((150, None), [])]
)
def test_a_width_that_does_not_fit_is_named(
    tmp_path: Path, widths: tuple[float, float | None], narrow: list[str]
) -> None:
    columns = [{"field": "a", "width": widths[0]}, {"field": "b", "width": widths[1]}]
    words = "Column {!r} is narrower than its width, because the columns do not fit the page."
    found = planned(tmp_path, b"a,b\n1,2\n", columns=columns)[1].warnings
    assert found == tuple(words.format(name) for name in narrow)


def test_parquet_under_another_format_is_called_so(tmp_path: Path) -> None:
    told = refused(tmp_path, b"PAR1" + b"\0" * 20 + b"PAR1", format="csv")
    assert "or its format was given as another" in told


@pytest.mark.parametrize(
    ("format", "rows"),
    [
        ({"kind": "currency", "currency": "EUR"}, ["row 2", "row 3"]),
        ({"kind": "currency", "currency": "JPY"}, ["row 1", "row 2", "row 3"]),
        ({"kind": "currency", "currency": "EUR", "decimals": 2}, []),
        ({"kind": "percent"}, ["row 2", "row 3", "row 4"]),
        ({"kind": "percent", "decimals": 0}, []),
        ({"kind": "number"}, []),
    ],
)
def test_numbers_are_rounded_only_as_asked_or_named(tmp_path: Path, format: Any, rows: list[str]) -> None:
    """The last ones are what floats make of 0.1 + 0.2, and spreadsheets of sums, which no one misses."""
    data = b"n,v\nx,12.50\nx,-0.0125\nx,7.005\nx,0.30000000000000004\nx,-5.68434E-14\nx,n/a\n"
    if format["kind"] == "percent":
        data = b"n,v\nx,0.13\nx,0.125\nx,1.001\nx,0.0049\nx,0.070000000000000007\n"
    if format.get("currency") == "JPY":
        data = data.replace(b"0.30000000000000004", b"3.0000000000000004")
    _, plan = planned(tmp_path, data, columns=[{"field": "n"}, {"field": "v", "format": format, "total": True}])
    words = "Numbers of column 'v' are rounded; say by `decimals` in its format how many are shown"
    times = f"{len(rows)} times: {', '.join(rows)}"
    assert [each for each in plan.warnings if "rounded" in each] == ([f"{words} ({times})."] if rows else [])


@pytest.mark.parametrize(
    ("cell", "named"),
    [("0.0000000123", True), ("19.990001", True), ("19.989999771118164", False), ("19.9899998", False)],
)
def test_small_parts_of_a_number_are_named_unless_a_float_made_them(tmp_path: Path, cell: str, named: bool) -> None:
    """Clouds charge such amounts; the last two are 19.99 as a float of 32 bits."""
    column = {"field": "v", "format": {"kind": "currency", "currency": "USD"}}
    assert (
        bool(planned(tmp_path, f"n,v\nx,{cell}\n".encode(), columns=[{"field": "n"}, column])[1].warnings) is named
    )
