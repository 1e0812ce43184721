"""Parquet files and Arrow streams as records. pyarrow, an optional extra, is imported here only.

A Parquet file is untrusted: how much is read at once follows from limits here, not from what the file says. If
one still kills its process, its export fails after a few attempts.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import RawIOBase
from itertools import islice
from typing import Any

from msgspec.structs import replace

from ...errors import InvalidRequest, InvalidSetting
from ...exports.frozen import Share
from ...settings import MIB
from .jsonl import check_names, duration

MAX_FOOTER = 16 * MIB
MAX_COLUMNS = 2000
BATCH_ROWS = 1024
BATCH_BYTES = 4 * MIB
BUFFERS = 8 * MIB  # read-ahead buffers of all columns together
MIN_BUFFER = 64 * 1024
SHARE_BYTES = 16 * MIB  # about two seconds of work
MAX_SHARES = 2000  # about: each reads the footer anew, and the sizes in it may be made up

HALF = 65520.0  # from here on a float of 16 bits is infinite
AS_PYTHON = {"arrow.uuid", "arrow.bool8"}  # extension types whose values are not those that are stored

Record = dict[str, Any]


def is_stream(source: object) -> bool:
    """Return True for anything with an Arrow C stream: a table, a RecordBatchReader, a data frame."""
    return hasattr(source, "__arrow_c_stream__")


def stream(source: Any, what: str) -> Iterator[Record]:
    """Yield the records of an Arrow stream, a batch at a time."""
    arrow = _pyarrow()
    try:
        reader = arrow.RecordBatchReader.from_stream(source)
    except arrow.ArrowInvalid:  # a column alone
        raise InvalidRequest(f"Arrow gave values in place of rows: {what}.", advice="Pass a table.") from None
    check_names(reader.schema.names, what)
    for batch in reader:
        for at in range(0, batch.num_rows, BATCH_ROWS):
            yield from _records(batch.slice(at, BATCH_ROWS), what)


def parquet(file: RawIOBase, what: str) -> Iterator[Record]:
    """Yield the records of a Parquet file. InvalidRequest if it is damaged or over a limit."""
    for some in _batches(file, what):
        yield from some


def shares(file: RawIOBase, what: str) -> tuple[Share, ...]:
    """Return a Parquet file in shares: one row group, or as many as have SHARE_BYTES in memory together; more in a
    very large file, so that there are at most 2 * MAX_SHARES + 1: any two neighbours exceed the size of one."""
    found: list[Share] = []
    with _damage(f"The Parquet file in {what}"):
        groups = list(_groups(_metadata(file, what)))
        most = max(SHARE_BYTES, sum(size for _, _, size in groups) // MAX_SHARES)
        for group, rows, size in groups:
            last = found[-1] if found else Share(0, 0, 0, 0, 0)
            if found and (not rows or last.size + size <= most):
                found[-1] = replace(last, stop=group + 1, rows=last.rows + rows, size=last.size + size)
            else:
                found.append(Share(group, group + 1, last.begin + last.rows, rows, size))
    return tuple(found)


def share_records(file: RawIOBase, what: str, share: Share, start: int) -> Iterator[list[Record]]:
    """Yield the records of a share from its row `start` on, a batch at a time; empty ones for those before."""
    return _batches(file, what, share.first, share.stop, start)


def _batches(
    file: RawIOBase, what: str, first: int = 0, stop: int | None = None, start: int = 0
) -> Iterator[list[Record]]:
    """Yield the records of row groups, a batch at a time."""
    from pyarrow import parquet

    with _damage(f"The Parquet file in {what}"):
        found = _metadata(file, what)
        opened = parquet.ParquetFile(
            file, metadata=found, pre_buffer=False, buffer_size=max(MIN_BUFFER, BUFFERS // found.num_columns),
            page_checksum_verification=True,
        )  # fmt: skip
    with opened:
        batch, before = _batch_rows(found), sum(found.row_group(group).num_rows for group in range(first))
        for group in range(first, found.num_row_groups if stop is None else stop):
            rows = found.row_group(group).num_rows
            name = f"Row group {group + 1:,} of {found.num_row_groups:,}, rows {before + 1:,} to {before + rows:,},"
            with _damage(f"{name} of the Parquet file in {what}"):
                yield from _group(opened.iter_batches(batch, [group], use_threads=False), rows, what, start)
            start, before = max(0, start - rows), before + rows


def _group(batches: Iterable[Any], rows: int, what: str, start: int) -> Iterator[list[Record]]:
    """Yield the records of a row group from row `start` on. ValueError if it has not as many as the file says."""
    at = 0
    for batch in batches:
        yield list(_records(batch.slice(min(batch.num_rows, max(0, start - at))), what))
        at += batch.num_rows
    if at != rows:
        raise ValueError(f"it has {at:,} rows")


@contextmanager
def _damage(what: str) -> Iterator[None]:
    """Name what is damaged when it cannot be read."""
    arrow = _pyarrow()
    try:
        yield
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        words = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise InvalidRequest(
            f"{what} is damaged: {words[:200]}.", field="listing", advice="Write the file again."
        ) from error


def _metadata(file: RawIOBase, what: str) -> Any:
    """Return what the footer of a file says of it. ValueError if it contradicts itself: rows would be lost."""
    from pyarrow import parquet

    _check_footer(file, what)
    found = parquet.read_metadata(file)
    _check_columns(found.schema.to_arrow_schema().names, what)
    rows = [count for _, count, _ in _groups(found)]
    if sum(rows) != found.num_rows or min(rows, default=0) < 0:
        raise ValueError(f"its footer says {found.num_rows:,} rows, its row groups {sum(rows):,}")
    return found


def _groups(found: Any) -> Iterator[tuple[int, int, int]]:
    """Yield the number, the rows and the bytes in memory of each row group."""
    for number in range(found.num_row_groups):
        group = found.row_group(number)
        yield number, group.num_rows, max(0, group.total_byte_size)


def _check_footer(file: RawIOBase, what: str) -> None:
    """Check the length of the footer, which must be in memory at once. The last 8 bytes hold it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    (length,) = struct.unpack("<I", file.read(4) or b"\0\0\0\0")
    if length > MAX_FOOTER:
        raise InvalidRequest(
            f"The footer of the Parquet file in {what} has {length // MIB} MiB; {MAX_FOOTER // MIB} are allowed.",
            field="listing",
            advice="Write it with larger row groups, or fewer columns.",
        )
    file.seek(0)


def _check_columns(names: list[str], what: str) -> None:
    if not 0 < len(names) <= MAX_COLUMNS:
        raise InvalidRequest(
            f"The Parquet file in {what} has {len(names):,} columns; 1 to {MAX_COLUMNS:,} are allowed.",
            field="listing",
        )
    check_names(names, what)


def _batch_rows(found: Any) -> int:
    """Return how many average rows make a batch of 4 MiB."""
    size = sum(size for _, _, size in _groups(found))
    rows: int = BATCH_BYTES * found.num_rows // max(1, size)
    return max(1, min(BATCH_ROWS, rows))


def _records(batch: Any, what: str) -> Iterator[Record]:
    names = batch.schema.names
    columns = [_column(column, name, what) for column, name in zip(batch.columns, names, strict=True)]
    for row in zip(*columns, strict=True):
        yield dict(zip(names, row, strict=True))


def _column(column: Any, name: str, what: str) -> list[Any]:
    """Return a column's values. InvalidRequest names a column that has a value without a text."""
    try:
        return _values(column)
    except (_pyarrow().ArrowException, ValueError, OverflowError, LookupError) as error:
        words = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise InvalidRequest(
            f"The column {name!r} in {what}, of type {column.type}, cannot be read: {words[:200]}.",
            field="listing",
            advice="Write it as text, or leave out the column.",
        ) from None


def _values(column: Any) -> list[Any]:
    """Return a column's values in Python's types; jsonl.to_json_value writes each as JSON."""
    arrow = _pyarrow()
    kind, types = column.type, arrow.types
    if types.is_dictionary(kind):
        return _values(column.dictionary_decode())
    if isinstance(kind, arrow.BaseExtensionType):
        return column.to_pylist() if kind.extension_name in AS_PYTHON else _values(column.storage)
    if types.is_float16(kind):
        return [None if value is None else _half(value) for value in column.to_pylist()]
    if types.is_float32(kind):  # as 0.1, not 0.10000000149011612
        return [None if text is None else float(text) for text in column.cast(arrow.string()).to_pylist()]
    if types.is_duration(kind):
        unit = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}[kind.unit]
        numbers = column.cast(arrow.int64()).to_pylist()
        return [None if number is None else duration(number * unit) for number in numbers]
    if types.is_interval(kind):
        return [None if value is None else _interval(value) for value in column.to_pylist()]
    if types.is_temporal(kind):
        return _times(column)
    if types.is_struct(kind):
        return _structs(column)
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        return [_values(each.values) if each.is_valid else None for each in column]
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind) or types.is_map(kind):
        return _lists(column)
    values: list[Any] = column.to_pylist()
    return values


def _half(value: float) -> float:
    """Return a float of 16 bits with as few digits as tell it from others: 0.1, not 0.0999755859375."""
    shorter = (float(f"{value:.{digits}g}") for digits in range(1, 6))
    packed = struct.pack("e", value)
    return next((each for each in shorter if abs(each) < HALF and struct.pack("e", each) == packed), value)


def _structs(column: Any) -> list[Any]:
    names = [column.type.field(i).name for i in range(column.type.num_fields)]
    check_names(names, f"the nested values of type {column.type}")
    rows = zip(*map(_values, column.flatten()), strict=True) if names else iter([()] * len(column))
    there = column.is_valid().to_pylist()
    return [dict(zip(names, row, strict=True)) if valid else None for row, valid in zip(rows, there, strict=True)]


def _lists(column: Any) -> list[Any]:
    from pyarrow import compute

    arrow, kind = _pyarrow(), column.type
    if arrow.types.is_map(kind):
        pair = arrow.struct([("key", kind.key_type), ("value", kind.item_type)])
        lists = _lists(column.cast(arrow.list_(pair)))
        return [each and [[item["key"], item["value"]] for item in each] for each in lists]
    items = iter(_values(column.flatten()))
    lengths = compute.list_value_length(column).to_pylist()
    return [None if length is None else list(islice(items, length)) for length in lengths]


def _times(column: Any) -> list[Any]:
    """Return times: text for those that are finer than Python's microseconds, or past the year 9999."""
    try:
        values: list[Any] = _as_microseconds(column).to_pylist()
        return values
    except (_pyarrow().ArrowException, ValueError, OverflowError, LookupError):
        if len(column) > 1:
            return [value for i in range(len(column)) for value in _times(column.slice(i, 1))]
    zone = getattr(column.type, "tz", None)
    try:
        (text,) = column.cast(_pyarrow().string()).to_pylist()
    except _pyarrow().ArrowException:
        raise ValueError(f"There is no time zone {zone!r}" if zone else "it is no time") from None
    if "out of range" in text:  # so Arrow writes a time past the year 32767
        raise ValueError(f"{column[0].value} is no time")
    text = re.sub(r"\.0+(?!\d)", "", text.replace(" ", "T", 1))
    return [re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text) if zone else text]


def _as_microseconds(column: Any) -> Any:
    """Return times in nanoseconds in microseconds; raises ArrowInvalid if that would cut one."""
    arrow, kind = _pyarrow(), column.type
    if getattr(kind, "unit", "") != "ns":
        return column
    return column.cast(arrow.timestamp("us", kind.tz) if arrow.types.is_timestamp(kind) else arrow.time64("us"))


def _interval(value: Any) -> str:
    """Return an interval of months, days and nanoseconds, none of which is a fixed number of another."""
    named = [(value.months, "month"), (value.days, "day")]
    parts = [f"{number} {word}{'' if abs(number) == 1 else 's'}" for number, word in named if number]
    return ", ".join([*parts, duration(value.nanoseconds)])


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise InvalidSetting(
            "Parquet and Arrow need pyarrow, which is not installed here.",
            advice="Add pyarrow to requirements.txt, or install pipeline[parquet].",
        ) from None
    return pyarrow
