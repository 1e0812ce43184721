"""1.234 is read as a decimal number; where it may be 1234, the guess is named, or refused."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.documents.inputs.jsonl import encode_records
from pipeline.documents.inputs.parquet import stream
from pipeline.documents.table.decimal_points import unsure_cells
from pipeline.errors import NotExact

from .test_groups import EURO
from .test_measures import SIZES, check
from .test_reading import planned
from .test_table import SETTINGS, as_csv, job, made

GUESS = (
    "Points in column 'amount' are read as decimal marks, but may stand between thousands (1.234 or 1234); "
    "say which by `mark` in the column's format"
)
UNREAD = "Cells of column 'amount' that are not numbers are shown as they are and left out of the total"
TOTAL: dict[str, Any] = {"field": "amount", "total": True}


def table(texts: list[str], **dialect: Any) -> bytes:
    return as_csv([["item", "amount"], *(["x", text] for text in texts)], **dialect)


def look(locale: str, column: dict[str, Any]) -> dict[str, Any]:
    return {"locale": locale, "columns": [{"field": "item"}, column], "summary": "back"}


def found(folder: Path, data: bytes, locale: str, column: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Returns the total, and the warnings."""
    plan = job(folder, data, **look(locale, column)).plan(SETTINGS)
    return ("", *plan.found["totals"])[-1], plan.warnings


def marked(mark: str) -> dict[str, Any]:
    return TOTAL | {"format": {"kind": "number", "decimals": 3, "mark": mark}}


@pytest.mark.parametrize(
    ("locale", "texts", "total", "warnings"),
    [
        ("de_DE", ["1.234", "500"], "501.234", (f"{GUESS} (row 1).",)),
        ("de_AT", ["9.999"], "9.999", (f"{GUESS} (row 1).",)),
        ("fr_FR", ["500", "-1.234", " 2.000 ", "+3.000"], "503.766", (f"{GUESS} (3 times: row 2, row 3, row 4).",)),
        ("de_DE", ["1.234"] * 5, "6.170", (f"{GUESS} (5 times: row 1, row 2, row 3 and others).",)),
        ("de_DE", ["1.234", "0.500"], "1.734", ()),
        ("de_DE", ["1.234", "12.5"], "13.734", ()),
        ("de_DE", ["1234.567", "1.234"], "1235.801", ()),
        ("de_DE", ["1.234"] * 200 + [".5"], "247.3", ()),
        ("de_DE", ["1.234e3", "1.234"], "1235.234", ()),
        ("de_DE", ["500", "12.", "7e2", ""], "1212", ()),
        ("en_US", ["1.234", "500"], "501.234", ()),
        ("de_CH", ["1.234", "500"], "501.234", ()),
        ("en_US", ["1,234", "500"], "500", (f"{UNREAD} (row 1).",)),
        ("de_DE", ["1,234", "500"], "500", (f"{UNREAD} (row 1).",)),
        ("de_DE", ["1.234.567", "1.234"], "1.234", (f"{UNREAD} (row 1).", f"{GUESS} (row 2).")),
    ],
)  # fmt: skip
def test_a_point_that_may_stand_between_thousands_is_named(
    folder: Path, locale: str, texts: list[str], total: str, warnings: tuple[str, ...]
) -> None:
    shown, named = found(folder, table(texts), locale, TOTAL)
    assert (Decimal(shown), named) == (Decimal(total), warnings)


@pytest.mark.parametrize(
    ("column", "total", "guessed"),
    [
        (TOTAL | {"format": EURO}, "501,23 €", True),
        ({"field": "amount", "format": {"kind": "number"}}, "", True),
        ({"field": "amount", "format": {"kind": "percent", "decimals": 1}}, "", True),
        (marked(","), "1.734,000", False),
        (marked("."), "501,234", False),
        ({"field": "amount", "format": {"kind": "date", "input": "%H.%M", "pattern": "HH:mm"}}, "", False),
        ({"field": "amount"}, "", False),
        (TOTAL | {"format": EURO, "locale": "en_US"}, "€501.23", False),
    ],
    ids=["currency", "number", "percent", "comma", "point", "date", "text", "locale of the column"],
)
def test_a_format_that_says_the_mark_is_no_guess(
    folder: Path, column: dict[str, Any], total: str, guessed: bool
) -> None:
    shown, named = found(folder, table(["1.234", "500"]), "de_DE", column)
    assert shown.replace("\u00a0", " ") == total
    assert (f"{GUESS} (row 1)." in named) is guessed


def test_a_group_of_numbers_is_named_too(folder: Path) -> None:
    data, group = table(["1.234", "500"]), {"field": "amount", "format": {"kind": "number"}}
    plan = job(folder, data, locale="de_DE", group_by=[group]).plan(SETTINGS)
    assert plan.warnings == (f"{GUESS} (row 1).",)


def test_semicolons_are_those_of_a_spreadsheet_with_decimal_commas(folder: Path) -> None:
    data = table(["1.234", "500"], delimiter=";")
    assert found(folder, data, "en_US", TOTAL) == ("501.234", (f"{GUESS} (row 1).",))


def test_numbers_of_json_have_decimal_points_and_texts_may_not(folder: Path) -> None:
    lines = b'{"item":"x","amount":1.234}\n{"item":"x","amount":%b}\n'
    assert found(folder, lines % b"500", "de_DE", TOTAL) == ("501.234", ())
    assert found(folder, lines % b'"2.500"', "de_DE", TOTAL) == ("3.734", (f"{GUESS} (row 2).",))


def test_decimals_of_a_database_are_no_texts(folder: Path) -> None:
    """They travel as text, so that they keep their digits; a text of the same look may mean 1234."""
    rows = [{"item": "x", "amount": Decimal("1.234")}, {"item": "y", "amount": Decimal("-500")}]
    assert found(folder, b"".join(encode_records(rows, "rows")), "de_DE", TOTAL) == ("-498.766", ())
    arrow = pa.table({"item": ["x"], "amount": pa.array([Decimal("1.234")], pa.decimal128(9, 3))})
    lines = b"".join(encode_records(stream(arrow, "rows"), "rows"))
    assert found(folder, lines, "de_DE", TOTAL) == ("1.234", ())
    rows.append({"item": "z", "amount": "2.500"})
    lines = b"".join(encode_records(rows, "rows"))
    assert found(folder, lines, "de_DE", TOTAL) == ("-496.266", (f"{GUESS} (row 3).",))
    assert [json.loads(line)["amount"] for line in lines.splitlines()] == ["1.234", "-500", "2.500"]


def test_each_of_two_columns_with_one_name_proves_its_own_points(folder: Path) -> None:
    data = b"item,amount,amount\nx,0.5,1.234\n"
    columns = [{"field": "item"}, {"field": "amount"} | TOTAL, {"field": "amount"} | TOTAL]
    plan = job(folder, data, locale="de_DE", columns=columns).plan(SETTINGS)
    assert plan.warnings == (f"{GUESS} (row 1).",)


def test_a_strict_table_refuses_the_guess(folder: Path) -> None:
    wish = look("de_DE", TOTAL) | {"strict": True}
    with pytest.raises(NotExact, match="may stand between thousands"):
        job(folder, table(["1.234", "500"]), **wish).plan(SETTINGS)
    with pytest.raises(NotExact, match="are not numbers"):
        job(folder, table(["1,234", "500"]), **wish | {"locale": "en_US"}).plan(SETTINGS)
    _, result, _ = made(job(folder, table(["1.234", "500"]), **wish | look("de_DE", marked(","))), folder)
    assert not result.warnings


amounts = st.sampled_from(["1.234", "500", "-9.000", "", "n/a", "1.234.567"])


@settings(deadline=None, max_examples=40)
@given(
    texts=st.lists(amounts, min_size=1, max_size=60),
    proofs=st.lists(st.sampled_from(["0.5", "12.25"]), max_size=1),
    at=st.integers(0, 60), size=st.sampled_from(SIZES), saving=st.booleans(), lines=st.booleans(),
)  # fmt: skip
@example(texts=["1.234"] * 60, proofs=["0.5"], at=60, size=5, saving=True, lines=False)
@example(texts=["1.234"] * 60, proofs=[], at=0, size=5, saving=True, lines=True)
def test_any_division_names_the_same_guesses(
    texts: list[str], proofs: list[str], at: int, size: int, saving: bool, lines: bool
) -> None:
    texts = [*texts[:at], *proofs, *texts[at:]]
    records = (msgspec.json.encode({"item": "x", "amount": text}) for text in texts)
    data = b"\n".join(records) if lines else table(texts)
    outcome = check(data, "plain", size, saving, **look("de_DE", TOTAL))
    assert isinstance(outcome, dict)
    guesses = [each for each in outcome["warnings"] if each.startswith(GUESS)]
    doubts = [row for row, text in enumerate(texts, 1) if text in ("1.234", "-9.000")]
    assert bool(guesses) is bool(doubts and not proofs)
    if guesses:
        assert f"row {doubts[0]}" in guesses[0]
        assert len(doubts) == 1 or f"({len(doubts)} times" in guesses[0]


def test_what_is_in_doubt() -> None:
    assert unsure_cells(["1.234", "12.000", "999.999", "-1.000"]) == ([0, 1, 2, 3], None)
    assert unsure_cells(["1", "1.2345", "1.234"]) == ([], 1)
    assert unsure_cells(["", "1234.567"]) == ([], 1)
    assert unsure_cells(["0.123"]) == ([], 0)
    assert unsure_cells(["1.234.567", "1.", "12,5", "1.2.3", "v1.234"]) == ([], None)


def test_a_number_of_json_has_a_point_whatever_the_mark(tmp_path: Path) -> None:
    """Read by the mark, 1.234 would be 1234 without a word."""
    columns = [{"field": "n"}, {"field": "v", "format": {"kind": "number", "mark": ","}, "total": True}]
    data = b'{"n":"x","v":"1.234"}\n{"n":"y","v":1.234}\n{"n":"z","v":"7,5"}\n{"n":"z","v":7}\n'
    words = "Numbers of column 'v' have a point in JSON, but the mark of its format is a comma (row 2)."
    assert planned(tmp_path, data, columns=columns)[1].warnings == (words,)
    assert planned(tmp_path, b"n;v\nx;1.234\n", columns=columns)[1].warnings == ()
