"""Rows that were written in any way are read back as they were, and their sums are exact."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pyarrow import parquet

from pipeline import documents
from pipeline.documents.table.setup import TablePlan

from ....examples import examples
from .test_reading import SETTINGS, Row, planned

TITLES = ["id", "text", "amount"]


@pytest.fixture(scope="module", autouse=True)
def known_documents() -> None:
    documents.load(SETTINGS.documents)


# A lone carriage return ends a line of a CSV, and a null character makes a file no text.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=20)
amounts = st.decimals(-(10**18), 10**18, places=2, allow_nan=False).map(str)
rows = st.lists(st.tuples(st.integers(1, 10**6).map(str), texts, amounts).map(list), min_size=1, max_size=30)
read_back: dict[str, Any] = {
    "columns": [{"field": "text"}, {"field": "amount", "total": True}],
    "summary": "back",
}


def as_csv(rows: list[Row], **dialect: Any) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, **dialect).writerows([TITLES, *rows])
    return out.getvalue()


def as_lines(rows: list[Row]) -> str:
    """JSON lines in which amounts are numbers."""
    return "".join(
        f'{{"id":{json.dumps(id)},"text":{json.dumps(text, ensure_ascii=False)},"amount":{amount}}}\n'
        for id, text, amount in rows
    )


def check(data: bytes, rows: list[Row], **params: Any) -> None:
    with TemporaryDirectory() as folder:
        found, plan = planned(Path(folder), data, **read_back, **params)
    assert found == [TITLES, *rows]
    (total,) = msgspec.convert(plan.found, TablePlan).totals
    assert Fraction(total.replace("\u2212", "-")) == sum(Fraction(amount) for _, _, amount in rows)


@examples(60)
@given(
    rows=rows,
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]),
)
def test_a_csv_of_any_dialect_is_read_back(
    rows: list[Row], delimiter: str, quoting: Any, end: str, encoding: str
) -> None:
    text = as_csv(rows, delimiter=delimiter, quoting=quoting, lineterminator=end)
    data = ("\ufeff" + text if encoding == "utf-16-le" else text).encode(encoding)
    check(data, rows, strict=True, delimiter=delimiter)


@examples(60)
@given(rows=rows, delimiter=st.sampled_from([",", ";", "\t", "|"]), data=st.data())
def test_the_delimiter_is_found(rows: list[Row], delimiter: str, data: st.DataObject) -> None:
    others = set(",;\t|\n") - {delimiter}
    assume(not any(set(text) & others for _, text, _ in rows))
    check(as_csv(rows, delimiter=delimiter, lineterminator="\n").encode(), rows, strict=True)


@examples(60)
@given(rows=rows, encoding=st.sampled_from(["cp1252", "iso8859-2", "cp949", "gb18030", "shift_jis"]))
def test_an_encoding_that_was_given_is_read_back(rows: list[Row], encoding: str) -> None:
    rows = [[id, text.encode(encoding, "ignore").decode(encoding), amount] for id, text, amount in rows]
    assume(all("\r" not in text for _, text, _ in rows))
    data = as_csv(rows, lineterminator="\n").encode(encoding)
    assume(data.isascii() or not is_utf8(data))  # that is named, which a strict export refuses
    check(data, rows, strict=True, encoding=encoding, format="csv")


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@examples(60)
@given(rows=rows, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), array=st.booleans(), data=st.data())
def test_json_is_read_back(rows: list[Row], encoding: str, array: bool, data: st.DataObject) -> None:
    lines = as_lines(rows)
    between = data.draw(st.sampled_from([",", ",\n", " ,\r\n\t"]))
    text = "[" + between.join(lines.splitlines()) + "]" if array else lines
    assume(not array or len(lines.splitlines()) == len(rows))  # other line breaks stand in texts
    check(text.encode(encoding), rows, strict=True)


@examples(60)
@given(rows=rows)
def test_parquet_is_read_back(rows: list[Row]) -> None:
    ids, texts, amounts = zip(*rows, strict=True)
    decimals = pa.array(list(map(Decimal, amounts)), pa.decimal128(30, 2))
    out = io.BytesIO()
    parquet.write_table(pa.table({"id": list(ids), "text": list(texts), "amount": decimals}), out)
    check(out.getvalue(), rows, strict=True)
