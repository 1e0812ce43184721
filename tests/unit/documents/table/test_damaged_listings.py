"""A damaged listing is drawn or refused in plain words, whatever is in it.

`EXAMPLES=20000 pytest tests/unit/documents/table/test_damaged_listings.py` tries longer.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from pipeline.documents.job import spool_to_disk
from pipeline.errors import InvalidRequest, NotExact

from ....examples import examples
from .test_table import job, made


def a_parquet_file() -> bytes:
    out = io.BytesIO()
    columns = {
        "n": [1, None, 3],
        "text": ["a", "é", None],
        "amount": [Decimal("1.10"), None, Decimal("-2.00")],
        "at": [datetime(2024, 1, 31, tzinfo=UTC), None, None],
        "nested": [[1, 2], [], None],
    }
    parquet.write_table(pa.table(columns), out, row_group_size=2)
    return out.getvalue()


LISTINGS = [
    b"name,note,amount\nA,\"x\ny\",1.50\n\"B \"\"b\"\"\",,2\n",
    b"sep=;\r\nName;Wert\r\n\xc3\x84;1,5\r\nB;2,5\r\n",
    "Name\tOrt\nMüller\tKöln\nJosé\tGenève\n".encode("cp1252"),
    "姓名,值\n张三,1\n李四,2\n".encode("gb18030"),
    "a|b\n1|2\n".encode("utf-16"),
    '{"a":1.10,"b":{"c":[1,-0]}}\n{"a":null,"b":"ü"}\n'.encode(),
    b'[\n  {"a": 1, "b": "x, ]"},\n  {"a": 2, "b": "\\"}"}\n]\n',
    a_parquet_file(),
]  # fmt: skip
BITS = [
    b'"', b"'", b",", b";", b"\t", b"|", b"\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe9",
    b"\x81", b"sep=;\n", b"{", b"}", b"[", b"]", b":", b'"a":1,', b"\\", b"\\ud800", b"1e999", b"-0", b"NaN",
    b"\xed\xa0\xbd",
    b"\xf0\x9f\x98\x80", b"\xe2\x80\xa8", b"\x85", b"\x1c", b"PAR1", b"9" * 50, b"a" * 2000, b"," * 300, b"[" * 300,
]  # fmt: skip
ENCODINGS = [
    "utf-8-sig",
    "utf-16",
    "cp949",
    "gb18030",
    "utf-7",
    "hz",
    "idna",
    "punycode",
    "rot13",
    "undefined",
    "x",
]
changes = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 40), st.sampled_from(BITS) | st.binary(max_size=3)), max_size=5
)
wishes = st.fixed_dictionaries(
    {},
    optional={
        "format": st.sampled_from(["auto", "csv", "jsonl", "parquet"]),
        "delimiter": st.sampled_from([",", ";", "\t", " ", "a", "é", "\0", "\\"]),
        "encoding": st.sampled_from(ENCODINGS),
        "strict": st.booleans(),
        "summary": st.sampled_from(["front", "back"]),
        "page_mm": st.just([400, 300]),
    },
)


def damaged(listing: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """Puts each of some bytes in the place of so many others."""
    data = bytearray(listing)
    for at, length, bits in changes:
        begin = at % (len(data) + 1)
        data[begin : begin + length] = bits
    return bytes(data)


@examples(80)
@given(listing=st.sampled_from(LISTINGS), changes=changes, wish=wishes)
def test_a_damaged_listing_is_drawn_or_refused(listing: bytes, changes: Any, wish: dict[str, Any]) -> None:
    with TemporaryDirectory() as name, spool_to_disk() as spool:
        folder = Path(name)
        try:
            _, result, plan = made(job(folder, damaged(listing, changes), **wish).snapshot(spool), folder)
        except (InvalidRequest, NotExact) as error:
            assert error.message.endswith((".", "?"))
        else:
            assert result.drawn == result.records == plan.records > 0
            assert not (wish.get("strict") and result.warnings)


LONG = b"-" + b"1" * 5000


@pytest.mark.parametrize(
    ("data", "begins"),
    [
        (b'{"a":1}\n{"a":%b}\n' % LONG, "Line 2 of rows has"),
        (b'{"a":1}\n{"a":[%b]}\n' % LONG, "Line 2 of rows has"),
        (b'{"a":%b}\n' % LONG, "Line 1 of rows has"),
        (b'[{"a":%b}]' % LONG, "Record 1 of the listing rows has"),
    ],
)
def test_an_integer_that_is_too_long_is_named(tmp_path: Path, data: bytes, begins: str) -> None:
    with pytest.raises(InvalidRequest) as caught, spool_to_disk() as spool:
        made(job(tmp_path, data).snapshot(spool), tmp_path)
    words = f"{begins} an integer of more than 4,300 digits; send it as text, in quotes"
    assert caught.value.message.startswith(words)
