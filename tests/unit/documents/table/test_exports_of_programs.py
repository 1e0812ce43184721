"""Exports of programs that are read as another table than they are: the doubt is named, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import NotExact

from .test_reading import known_documents as known_documents
from .test_reading import planned

DRAWN = "The listing looks like a table drawn with lines, which are read as rows; save it as CSV."
SPACED = (
    "The listing is read as one column, although its lines look like columns set apart by spaces; save it as CSV."
)
COMMENTS = "The first lines begin with '#', as comments do, but are read as titles and rows; remove them."
QUOTED = "The listing is read as one column, although its texts in quotes have {!r}; quote cells, not rows."
SINGLE = "Texts in single quotes are cut at delimiters; write double quotes."
SOME = (
    "The listing is read as one column, although some of its lines have {!r}; give the delimiter, and begin with "
    "the titles."
)
MOST = SOME.replace("some", "most")
TITLES = "The first row is read as titles, although {!r} looks like a value; add titles above."


def test_the_advice_of_a_strict_table_is_of_tables(tmp_path: Path) -> None:
    with pytest.raises(NotExact) as caught:
        planned(tmp_path, "a,b\nMüller,1\n".encode("cp1252"), strict=True)
    assert caught.value.advice.startswith("Correct the input, or say what was guessed by a parameter, such as `enc")
    assert planned(tmp_path, "a,b\nMüller,1\n".encode("cp1252"), strict=True, encoding="cp1252")


def warnings(folder: Path, text: str) -> tuple[str, ...]:
    return planned(folder, text.encode())[1].warnings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("┌────┬──────┐\n│ id │ name │\n├────┼──────┤\n│  1 │ Ann  │\n└────┴──────┘\n", DRAWN),  # DuckDB
        ("shape: (1, 1)\n┌─────┐\n│ a   │\n│ --- │\n│ i64 │\n╞═════╡\n│ 1   │\n└─────┘\n", DRAWN),  # Polars
        ("u v w\n1 2 3\n4 5.5 6e3\n", SPACED),
        ("1 2 3\n4 5 NaN\n", SPACED),
        ("name of\nAnn Lee\nBob Ray\n", None),
        ("Street and place\n12 Main Street\n13 High Street\n", None),
        ("paid at\n2024-01-05 10:00:00\n2024-01-06 11:00:00\n", None),
        ("#Software: IIS\n#Fields: date time\n2024-01-05 GET /\n2024-01-05 GET /a\n2024-01-06 GET /b\n", COMMENTS),
        ("# by x\n# units: m\nt,u,v\n1,2,3\n4,5,6\n7,8,9\n", COMMENTS),
        ("# ---\n# Site\n# 20240101\n# ---\nDay,Users\n1,12\n", COMMENTS),  # Google Analytics
        ("#tags\n#a\n#b\n#c\n", None),
        ("#tags\n#a\nb\n#c\n", None),
        ("# of items\n3\n4\n", None),
        ("#,name\n1,Ann\n2,Bob\n", None),
        ("Tabelle 1\nStand;;;\n;;;\nTag;Wert\n1.1.;5\n2.1.;6\n____\n© Amt\n", SOME.format(";")),
        ("note\none; two; three\nfour\nfive; six; seven\n", None),
        ("a¦b¦c\n1¦2¦3\n4¦5¦6\n", MOST.format("¦")),
        ("a¶b\n1¶2\n3¶4\n", MOST.format("¶")),
        ('"id,name,amount"\n"1,Ann,2"\n', QUOTED.format(",")),
        ('"id,""name"""\n"1,""Ann"""\n', QUOTED.format(",")),
        ('"id;name;n",,\n"1;Ann;2",,\n', QUOTED.format(";")),
        ('"Name, first"\n"Doe, Jane"\n', None),
        ('"Address"\n"1 Main Street, Cork, Ireland"\n', None),
        ("'id','name, first','x'\n1,'a, b','c'\n", SINGLE),  # SQLite in its mode `quote`
        ("'id','name'\n1,'Ann'\n", None),
        ("zip,town\n'01234,'s-Hertogenbosch'\n'01235,Cork\n", None),
        ("say,x\n'n beetje,rock 'n' roll'\n", None),
    ],
)
def test_another_table_is_named(tmp_path: Path, text: str, words: str | None) -> None:
    found = [each for each in warnings(tmp_path, text) if not each.startswith("Rows have")]
    assert found == ([words] if words else [])


@pytest.mark.parametrize(
    "titles",
    [
        "2024/01/05",
        "2024. 1. 5",
        "05-01-2024",
        "05/01/2024 10:30",
        "05/Jan/24",
        "5 January 2024",
        "Jan 5 2024",
        "10:30:00",
        "100.00-",
        '"(1,234.50)"',
        "EUR 100.00",
        "100.00 EUR",
        "10.50 %",
        "true",
        "https://a.example/x",
        "10.0.0.1",
        "6f9619ff-8b86-d011-b42d-00c04fc964ff",
        "DE89370400440532013000",
        "+49 30 123456",
    ],
)
def test_a_title_that_is_a_value_is_named(tmp_path: Path, titles: str) -> None:
    value = titles.strip('"')
    assert warnings(tmp_path, f"Ann,{titles}\nBob,{titles}\n") == (TITLES.format(value),)
    assert warnings(tmp_path, f"{titles},\n{titles},\n") == (TITLES.format(value),)
    assert warnings(tmp_path, f"Name,{titles}\nBob,\nCid,x\n") == ()  # columns of years, days, hosts


@pytest.mark.parametrize("titles", ["May", "Mar 2024", "10:30", "1.1", "1.5 %", "KW 12", "Q1 2024", "USD", "no"])
def test_a_title_may_be_as_its_cells(tmp_path: Path, titles: str) -> None:
    assert warnings(tmp_path, f"Name,{titles}\nBob,{titles}\n") == ()


def test_addresses_without_a_title_are_not_said_to_have_colons(tmp_path: Path) -> None:
    assert warnings(tmp_path, "https://a.example/x\nhttps://b.example/y\n") == (
        TITLES.format("https://a.example/x"),
    )


def test_commas_in_a_table_set_apart_by_tabs_are_no_doubt(tmp_path: Path) -> None:
    """As Eurostat writes it."""
    rows, plan = planned(tmp_path, b"unit,geo\\TIME\t2020 \t2021 \nA,DE\t1.5 \t: \nA,FR\t2 p\t3 b\n")
    assert (rows[1], plan.warnings) == (["A,DE", "1.5 ", ": "], ())


@pytest.mark.parametrize("sign", [",", ";"])
def test_a_sign_before_each_tab_belongs_to_the_delimiter(tmp_path: Path, sign: str) -> None:
    words = f"The delimiter is read as '\\t', but {sign!r} precedes or follows each of them."
    assert warnings(tmp_path, f"a{sign}\tb\n1{sign}\t2\n") == (words,)


@pytest.mark.parametrize("text", ["Discount %,code\n5%,A\n7.5 %,B\n", "Price $,name\n5 $,A\n7 $,B\n"])
def test_a_unit_before_each_delimiter_is_no_longer_delimiter(tmp_path: Path, text: str) -> None:
    assert warnings(tmp_path, text) == ()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"took":1,"hits":{"total":2,"hits":[{"a":1},{"a":2}]}}', "hits"),  # Elasticsearch
        ('{"data":{"users":{"edges":[{"node":{"id":1}}]}}}', "data"),  # GraphQL
        ('{"name":"Ann","address":{"lines":["a","b"]}}', None),
        ('{"name":"[{","address":{"town":"Cork"}}', "name"),
    ],
)
def test_records_deep_in_the_only_one_are_named(tmp_path: Path, text: str, field: str | None) -> None:
    words = f"There is one record, and its field {field!r} holds others; if those are the rows, send them alone."
    assert warnings(tmp_path, text) == ((words,) if field else ())
