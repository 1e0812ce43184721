"""What other programs write into Parquet files, and pyarrow reads as another value or not at all."""

from __future__ import annotations

import datetime as dt
import io
import struct
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from pipeline.errors import InvalidRequest
from pipeline.tasks import client

from .test_snapshot import as_parquet, records, taken

SPARK = {"use_deprecated_int96_timestamps": True}  # as Spark, Hive and Impala do
DAY = 86_400 * 10**6


@pytest.mark.parametrize(
    ("number", "unit", "expected"),
    [
        (dt.datetime(9999, 12, 31, 23, 59, 59), "us", "9999-12-31T23:59:59"),
        (dt.datetime(1, 1, 1), "us", "0001-01-01T00:00:00"),
        (dt.datetime(1500, 1, 1, 12, 0, 0, 5), "us", "1500-01-01T12:00:00.000005"),
        (1_704_448_800_123_456_789, "ns", "2024-01-05T10:00:00.123456789"),
        (-1, "ns", "1969-12-31T23:59:59.999999999"),
        (None, "us", None),
    ],
)
def test_a_time_of_96_bits_is_itself_in_any_year(tmp_path: Path, number: Any, unit: str, expected: str) -> None:
    time = pa.timestamp(unit)
    columns = {
        "v": pa.array([number], time),
        "list": pa.array([[number, None]], pa.list_(time)),
        "struct": pa.array([{"at": number, "n": float("nan")}], pa.struct([("at", time), ("n", pa.float64())])),
        "text": pa.array(["x"]),
    }
    (found,) = records(taken(tmp_path, as_parquet(columns, **SPARK)))
    assert found == {"v": expected, "list": [expected, None], "struct": {"at": expected, "n": "NaN"}, "text": "x"}


def test_times_of_96_bits_keep_their_rows(tmp_path: Path) -> None:
    times = [dt.datetime(1000 + n % 8000, 1, 1) for n in range(5000)]
    data = as_parquet({"v": pa.array(times, pa.timestamp("us"))}, row_group_size=1500, **SPARK)
    assert [each["v"] for each in records(taken(tmp_path, data))] == [each.isoformat() for each in times]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (DAY, "24:00:00"),  # of DuckDB and PostgreSQL
        (DAY + 7200 * 10**6, "26:00:00"),  # a timedelta of fastparquet
        (-1, "-00:00:00.000001"),
        (DAY - 1, "23:59:59.999999"),
        (0, "00:00:00"),
    ],
)
def test_a_time_of_a_day_or_more_is_no_other_time(tmp_path: Path, number: int, expected: str) -> None:
    assert records(taken(tmp_path, as_parquet({"v": pa.array([number], pa.time64("us"))}))) == [{"v": expected}]
    seconds = pa.table({"v": pa.array([number // 10**6], pa.time32("s"))})
    (found,) = client.records(seconds)
    assert found == {"v": {"-00:00:00.000001": "-00:00:01"}.get(expected, expected[:8])}


def test_an_interval_of_a_parquet_file_is_read(tmp_path: Path) -> None:
    """As DuckDB writes it. pyarrow cannot write one, so a byte of the schema is changed."""
    stored = pa.array([struct.pack("<III", 1, 2, 10_800_000), None, struct.pack("<III", 0, 0, 5)], pa.binary(12))
    out = io.BytesIO()
    parquet.write_table(pa.table({"v": stored, "w": stored}), out, store_schema=False)
    data = out.getvalue()
    column = b"\x15\x0e\x15\x18\x15\x02\x18\x01v"  # type 7, length 12, optional, the name
    assert data.count(column) == 1
    typed = data.replace(column, column + b"\x25\x2a")  # with the converted type 21
    length = int.from_bytes(data[-8:-4], "little") + 2
    typed = typed[:-8] + length.to_bytes(4, "little") + b"PAR1"
    found = records(taken(tmp_path, typed))
    assert [each["v"] for each in found] == ["1 month, 2 days, 3:00:00", None, "0:00:00.005000"]
    assert found[0]["w"] == "010000000200000080cba400"  # which is said to be bytes


def test_what_pyarrow_does_not_read_is_not_called_damaged(tmp_path: Path) -> None:
    """Integers of 128 bits, as Polars writes them."""
    data = as_parquet({"v": pa.array([1], pa.int64())})
    schema = parquet.read_metadata(io.BytesIO(data)).metadata[b"ARROW:schema"]
    bits = b64decode(schema)
    assert bits.count(b"\x40\0\0\0") == 1
    wider = b64encode(bits.replace(b"\x40\0\0\0", b"\x80\0\0\0"))
    with pytest.raises(InvalidRequest, match=r"in the listing rows cannot be read: .* not implemented") as caught:
        taken(tmp_path, data.replace(schema, wider))
    assert "other types" in caught.value.advice


def test_periods_of_pandas_are_not_shown_as_numbers(tmp_path: Path) -> None:
    field = pa.field("v", pa.int64(), metadata={"ARROW:extension:name": "pandas.period"})
    table, out = pa.table([pa.array([648])], schema=pa.schema([field])), io.BytesIO()
    parquet.write_table(table, out)
    with pytest.raises(InvalidRequest, match="The column 'v' in the listing rows holds periods of pandas"):
        taken(tmp_path, out.getvalue())
    with pytest.raises(InvalidRequest, match="holds periods of pandas"):
        list(client.records(table))
