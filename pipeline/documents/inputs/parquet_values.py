"""Values of Arrow and Parquet as Python's, or as text where its types cannot hold them."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from ...errors import InvalidRequest, InvalidSetting
from .jsonl import check_names, duration

AS_PYTHON = {"arrow.uuid", "arrow.bool8"}  # extension types whose values are not those that are stored
PERIOD = "pandas.period"
NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}
HALF = 65520.0  # from here on a float of 16 bits is infinite

Record = dict[str, Any]


def records(batch: Any, what: str) -> Iterator[Record]:
    """Yield the rows of a batch. InvalidRequest for one that holds what it has no text for."""
    names = batch.schema.names
    _check_extensions(batch.schema, what)
    columns = [_column(column, name, what) for column, name in zip(batch.columns, names, strict=True)]
    for row in zip(*columns, strict=True):
        yield dict(zip(names, row, strict=True))


def _check_extensions(schema: Any, what: str) -> None:
    """Raise InvalidRequest for periods of pandas: they are stored as how many there were since 1970."""
    for field in schema:
        name = (field.metadata or {}).get(b"ARROW:extension:name", b"").decode()
        if PERIOD in (name, getattr(field.type, "extension_name", "")):
            raise InvalidRequest(
                f"The column {field.name!r} in {what} holds periods of pandas, as numbers.",
                field="listing",
                advice="Write it as text or as dates.",
            )


def _column(column: Any, name: str, what: str) -> list[Any]:
    """Return a column's values. InvalidRequest names a column that has a value without a text."""
    try:
        return _values(column)
    except (pyarrow().ArrowException, ValueError, OverflowError, LookupError) as error:
        raise InvalidRequest(
            f"The column {name!r} in {what}, of type {column.type}, cannot be read: {in_words(error)}.",
            field="listing",
            advice="Write it as text, or leave out the column.",
        ) from None


def _values(column: Any) -> list[Any]:
    """Return a column's values in Python's types; jsonl.to_json_value writes each as JSON."""
    arrow = pyarrow()
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
        numbers = column.cast(arrow.int64()).to_pylist()
        return [None if number is None else duration(number * NANOSECONDS[kind.unit]) for number in numbers]
    if types.is_interval(kind):
        return [None if value is None else _interval(*value) for value in column.to_pylist()]
    if types.is_time(kind):
        numbers = column.cast(arrow.int32() if types.is_time32(kind) else arrow.int64()).to_pylist()
        return [None if number is None else _time_of_day(number * NANOSECONDS[kind.unit]) for number in numbers]
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


def _structs(column: Any) -> list[Any]:
    names = [column.type.field(i).name for i in range(column.type.num_fields)]
    check_names(names, f"the nested values of type {column.type}")
    rows = zip(*map(_values, column.flatten()), strict=True) if names else iter([()] * len(column))
    there = column.is_valid().to_pylist()
    return [dict(zip(names, row, strict=True)) if valid else None for row, valid in zip(rows, there, strict=True)]


def _lists(column: Any) -> list[Any]:
    from pyarrow import compute

    arrow, kind = pyarrow(), column.type
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
    except (pyarrow().ArrowException, ValueError, OverflowError, LookupError):
        if len(column) > 1:
            return [value for i in range(len(column)) for value in _times(column.slice(i, 1))]
    zone = getattr(column.type, "tz", None)
    try:
        (text,) = column.cast(pyarrow().string()).to_pylist()
    except pyarrow().ArrowException:
        raise ValueError(f"There is no time zone {zone!r}" if zone else "it is no time") from None
    if "out of range" in text:  # so Arrow writes a time past the year 32767
        raise ValueError(f"{column[0].value} is no time")
    text = re.sub(r"\.0+(?!\d)", "", text.replace(" ", "T", 1))
    return [re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text) if zone else text]


def _as_microseconds(column: Any) -> Any:
    """Return times in nanoseconds in microseconds; raises ArrowInvalid if that would cut one."""
    kind = column.type
    if getattr(kind, "unit", "") != "ns":
        return column
    return column.cast(pyarrow().timestamp("us", kind.tz))


def _half(value: float) -> float:
    """Return a float of 16 bits with as few digits as tell it from others: 0.1, not 0.0999755859375."""
    shorter = (float(f"{value:.{digits}g}") for digits in range(1, 6))
    packed = struct.pack("e", value)
    return next((each for each in shorter if abs(each) < HALF and struct.pack("e", each) == packed), value)


def _time_of_day(nanoseconds: int) -> str:
    """Return a time of day: 07:30:00. Durations are written as such too: 24:00:00, 26:00:00, -00:00:01."""
    seconds, rest = divmod(abs(nanoseconds), 10**9)
    text = f"{'-' if nanoseconds < 0 else ''}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if not rest:
        return text
    return f"{text}.{rest:09}" if rest % 1000 else f"{text}.{rest // 1000:06}"


def stored_interval(value: bytes) -> str:
    """Return an interval as Parquet stores it: months, days and milliseconds."""
    months, days, milliseconds = struct.unpack("<III", value)
    return _interval(months, days, milliseconds * 10**6)


def _interval(months: int, days: int, nanoseconds: int) -> str:
    """Return an interval, of whose parts none is a fixed number of another."""
    named = [(months, "month"), (days, "day")]
    parts = [f"{number} {word}{'' if abs(number) == 1 else 's'}" for number, word in named if number]
    return ", ".join([*parts, duration(nanoseconds)])


def with_nanoseconds(coarse: Any, fine: Any) -> Any:
    """Return a value that was read in microseconds with its nanoseconds.

    `fine` is the same value read in nanoseconds. It is another time where that wrapped.
    """
    if isinstance(coarse, dict):
        return {name: with_nanoseconds(value, fine[name]) for name, value in coarse.items()}
    if isinstance(coarse, list):
        return list(map(with_nanoseconds, coarse, fine))
    is_finer = isinstance(coarse, datetime) and isinstance(fine, str) and fine.startswith(coarse.isoformat())
    return fine if is_finer else coarse


def in_words(error: Exception) -> str:
    """Return the first line of an error's text, as a part of a sentence."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:200].rstrip(".")


def pyarrow() -> Any:
    """Return the library. Raises InvalidSetting if it is not there."""
    try:
        import pyarrow
    except ImportError:
        raise InvalidSetting(
            "Parquet and Arrow need pyarrow, which is not installed here.",
            advice="Add pyarrow to requirements.txt, or install pipeline[parquet].",
        ) from None
    return pyarrow
