"""The same text for the same value, wherever it came from."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest

from pipeline.documents.inputs import MAX_LINE, lines
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.inputs.jsonl import encode_records
from pipeline.errors import InvalidRequest


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclass
class Money:
    amount: Decimal
    note: Any = None


class Point(msgspec.Struct):
    x: float
    y: Any


class Kind(Enum):
    NEW = b"\x01"


class Size(IntEnum):
    LARGE = 3


class Day(datetime):
    """As pandas and test libraries have."""


NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Pair(NAN, b"\x00\xff"), b'["NaN","00ff"]'),
        (Money(Decimal("1.10"), NAN), b'{"amount":"1.10","note":"NaN"}'),
        (Point(NAN, timedelta(seconds=5)), b'{"x":"NaN","y":"0:00:05"}'),
        (OrderedDict(a=NAN), b'{"a":"NaN"}'),
        (MappingProxyType({"a": b"\x01"}), b'{"a":"01"}'),
        (frozenset({NAN}), b'["NaN"]'),
        (type("Real", (float,), {})(1.5), b"1.5"),
        (type("Real", (float,), {})("inf"), b'"Infinity"'),
        (type("Whole", (int,), {})(2**70), b'"1180591620717411303424"'),
        (type("Bytes", (bytes,), {})(b"\xff"), b'"ff"'),
        (type("Text", (str,), {})("x"), b'"x"'),
        (Kind.NEW, b'"01"'),
        (Size.LARGE, b"3"),
        (Day(2026, 1, 31, 12), b'"2026-01-31T12:00:00"'),
    ],
    ids=repr,
)
def test_a_value_of_a_subclass_is_written_as_that_of_its_base(value: Any, expected: bytes) -> None:
    assert list(encode_records([{"v": value}], "the rows")) == [b'{"v":' + expected + b"}\n"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, b"null"),
        (True, b"true"),
        ("Grün", '"Grün"'.encode()),
        (12, b"12"),
        (2**80, b'"1208925819614629174706176"'),
        (0.1, b"0.1"),
        (float("nan"), b'"NaN"'),
        (float("-inf"), b'"-Infinity"'),
        (Decimal("1E+3"), b'"1000"'),
        (Decimal("0.10"), b'"0.10"'),
        (Decimal("1E-999999999"), b'"1E-999999999"'),
        (Decimal("-1E+1001"), b'"-1E+1001"'),
        (date(2026, 1, 31), b'"2026-01-31"'),
        (datetime(2026, 1, 31, 12, 0, 5), b'"2026-01-31T12:00:05"'),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), b'"2026-01-31T12:00:00Z"'),
        (time(7, 30), b'"07:30:00"'),
        (timedelta(days=1, hours=2), b'"1 day, 2:00:00"'),
        (timedelta(seconds=-90), b'"-0:01:30"'),
        (timedelta(days=-2, microseconds=-1), b'"-2 days, -0:00:00.000001"'),
        (UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
        (b"\x00\xff", b'"00ff"'),
        ([Decimal("1.50"), {"a": b"\x01"}], b'["1.50",{"a":"01"}]'),
    ],
    ids=repr,
)
def test_a_value_becomes_its_canonical_text(value: Any, expected: bytes) -> None:
    assert list(encode_records([{"v": value}], "the rows")) == [b'{"v":' + expected + b"}\n"]


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([], "no rows in the rows"),
        ([{"a": 1}, {"a": "x" * MAX_LINE}], "Row 2 of the rows is longer than 1 MiB"),
        ([{"a": "\ud800"}], "Row 1 of the rows cannot be written as JSON"),
        (
            [{"a": iter(())}],
            "Row 1 of the rows cannot be written as JSON: a value of type tuple_iterator has no text",
        ),
        ([{"a": [object()]}], "Row 1 of the rows cannot be written as JSON: a value of type object has no text"),
        ([{"a": {1: "a", "1": "b"}}], "Row 1 of the rows cannot be written as JSON: two of its names are equal"),
    ],
    ids=["none", "long", "surrogate", "iterator", "object", "nested names"],
)
def test_records_that_cannot_be_lines_are_named(records: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        list(encode_records(records, "the rows"))


def test_a_line_is_made_when_it_is_taken() -> None:
    endless = itertools.count()
    stream = encode_records(({"n": n} for n in endless), "the rows")
    assert [next(stream), next(stream)] == [b'{"n":0}\n', b'{"n":1}\n']
    assert next(endless) == 2


def test_the_longest_record_that_is_written_can_be_read(tmp_path: Path) -> None:
    """A query's rows are written by one function and read by another: both have one limit."""
    longest = {"v": "x" * (MAX_LINE - len(b'{"v":""}\n'))}
    written = list(encode_records([longest, {"v": 1}], "the rows"))
    assert [len(line) for line in written] == [MAX_LINE, len(b'{"v":1}\n')]
    (tmp_path / "rows.jsonl").write_bytes(b"".join(written))
    assert [line + b"\n" for _, line in lines(FolderInputs(tmp_path), str(tmp_path / "rows.jsonl"))] == written
