"""Rows of any kind as JSON lines, one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any, Union

from .errors import InvalidRow

MAX_LINE = 1024 * 1024  # bytes, as the app reads them
Row = Union[Mapping[str, Any], Sequence[Any]]


def lines(rows: Iterable[Row], titles: Sequence[str] = ()) -> Iterator[bytes]:
    """Yield a line for each row. A row is a mapping, or a sequence with a value for each title.

    Dates become ISO 8601, decimals text with all digits, bytes hexadecimal. Raises InvalidRow, also without rows.
    """
    number = 0
    for number, row in enumerate(rows, 1):
        line = _line(row if isinstance(row, Mapping) else _named(row, titles, number), number)
        if len(line) > MAX_LINE:
            raise InvalidRow(f"Row {number:,} has {len(line):,} bytes.", advice=f"It may have {MAX_LINE:,}.")
        yield line
    if not number:
        raise InvalidRow("There are no rows.", advice="A document needs at least one.")


def _named(row: Sequence[Any], titles: Sequence[str], number: int) -> Mapping[str, Any]:
    if isinstance(row, (str, bytes)) or len(row) != len(titles):
        raise InvalidRow(
            f"Row {number:,} does not have one value for each of the {len(titles)} titles.",
            advice="Give mappings, or sequences together with `titles`.",
        )
    return dict(zip(titles, row))


def _line(row: Mapping[str, Any], number: int) -> bytes:
    try:
        try:
            text = _write(row)
        except (ValueError, TypeError):  # NaN, or a key that is no text
            text = _write(plain(row))
        return text.encode() + b"\n"
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidRow(f"Row {number:,} cannot be written as JSON: {error}.") from None


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if isfinite(value) else "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value if value is None or isinstance(value, (str, int)) else _other(value)


def _other(value: Any) -> Any:
    """Return a value of a type that JSON does not know: of Python's library, NumPy, Django or a data frame."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, (Mapping, set, frozenset)):
        return plain(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return str(value)


_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_other).encode
