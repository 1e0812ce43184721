"""Records become JSON lines: the same text for the same value, wherever it came from."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from math import isfinite, isnan
from typing import Any

import msgspec

from ...errors import InvalidRequest
from ...settings import MIB

RECORD_MOST = 1 * MIB  # as JSON; the longest line that a table reads


def lines(records: Iterable[Mapping[str, Any]], what: str) -> Generator[bytes, None, None]:
    """One line a record; InvalidRequest when there is none, or one is too large. `what` they are, for messages."""
    number = 0
    for number, record in enumerate(records, 1):
        line = _line(record, f"Row {number:,} of {what}")
        if len(line) > RECORD_MOST:
            raise InvalidRequest(
                f"Row {number:,} of {what} is longer than {RECORD_MOST // MIB} MiB as text.",
                field="listing",
                advice="Leave out columns that hold pictures or files.",
            )
        yield line
    if not number:
        raise InvalidRequest(f"There are no rows in {what}.", field="listing")


def _line(record: Mapping[str, Any], what: str) -> bytes:
    try:
        return _encoder.encode({name: plain(value) for name, value in record.items()}) + b"\n"
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidRequest(f"{what} cannot be written as text: {error}.", field="listing") from None


def plain(value: Any) -> Any:
    """A value as JSON takes it: dates as ISO 8601, decimals with all their digits, bytes in hexadecimal."""
    write = _WRITE.get(type(value))
    return write(value) if write else value


def _float(value: float) -> float | str:
    return value if isfinite(value) else "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _int(value: int) -> int | str:
    return value if -(2**63) <= value < 2**63 else str(value)


def _list(value: Iterable[Any]) -> list[Any]:
    return [plain(item) for item in value]


def _dict(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): plain(item) for key, item in value.items()}


# What msgspec would write in another way, or not at all; dates, times and UUIDs are ISO already.
_WRITE: dict[type, Callable[[Any], Any]] = {
    float: _float,
    int: _int,
    Decimal: lambda value: format(value, "f"),
    bytes: bytes.hex,
    bytearray: bytearray.hex,
    memoryview: memoryview.hex,
    timedelta: str,
    list: _list,
    tuple: _list,
    dict: _dict,
}
_encoder = msgspec.json.Encoder(enc_hook=str)
