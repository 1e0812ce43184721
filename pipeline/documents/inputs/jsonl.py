"""Records as JSON lines: the same text for the same value, whatever its source."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite, isnan
from typing import Any

import msgspec

from ...errors import InvalidRequest
from ...settings import MIB
from . import MAX_LINE

MAX_ZEROS = 1000  # before the decimals of a number or behind it; above that it is written with an exponent


def encode_records(records: Iterable[Mapping[str, Any]], what: str) -> Generator[bytes, None, None]:
    """Yield one line for each record; `what` names them in messages.

    Raises InvalidRequest if there are none, or if a line has more than MAX_LINE bytes.
    """
    number = 0
    for number, record in enumerate(records, 1):
        yield encode_record(record, number, what)
    if not number:
        raise InvalidRequest(f"There are no rows in {what}.", field="listing")


def encode_record(record: Mapping[str, Any], number: int, what: str) -> bytes:
    """Return the line of a record, the `number`-th of what. Raises InvalidRequest, also above MAX_LINE bytes."""
    try:
        line = _encoder.encode({name: _cell(value) for name, value in record.items()}) + b"\n"
    except (ValueError, TypeError, RecursionError) as error:
        reason = f"Row {number:,} of {what} cannot be written as JSON: {error}."
        raise InvalidRequest(reason, field="listing") from None
    if len(line) > MAX_LINE:
        raise InvalidRequest(
            f"Row {number:,} of {what} is longer than {MAX_LINE // MIB} MiB as text.",
            field="listing",
            advice="Leave out columns that hold pictures or files.",
        )
    return line


def to_json_value(value: Any) -> Any:
    """Return a value that JSON can hold: dates as ISO 8601, decimals with all digits, bytes in hexadecimal."""
    write = _writers[type(value)]
    return write(value) if write else value


def _cell(value: Any) -> Any:
    """Return a value of a record: as `to_json_value`, but of a decimal such as 1.234 the point is an escape.

    All readers decode the same text. A table sees by it that a number is meant, where a text might mean 1234.
    """
    write = _cell_writers[type(value)]
    return write(value) if write else value


def duration(nanoseconds: int) -> str:
    """Return a duration: 1 day, 2:03:04.5. Of a negative one, each part has the sign: -1 day, -2:03:04.5."""
    sign = "-" if nanoseconds < 0 else ""
    seconds, rest = divmod(abs(nanoseconds), 10**9)
    days, seconds = divmod(seconds, 86_400)
    clock = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if rest:
        clock += f".{rest:09}" if rest % 1000 else f".{rest // 1000:06}"
    return f"{sign}{days} day{'' if days == 1 else 's'}, {clock}" if days else clock


def check_names(names: Sequence[str], what: str, field: str = "listing") -> None:
    """Raise InvalidRequest if two columns have one name: as records they would lose one of their values."""
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        advice = "Give each column a name of its own."
        raise InvalidRequest(f"There are two columns {twice[0]!r} in {what}.", field=field, advice=advice)


def _float(value: float) -> float | str:
    return float(value) if isfinite(value) else "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _int(value: int) -> int | str:
    return int(value) if -(2**63) <= value < 2**63 else str(int(value))


def _decimal(value: Decimal) -> str:
    return format(value, "f") if abs(value.adjusted()) <= MAX_ZEROS else str(value)


def _decimal_cell(value: Decimal) -> str | msgspec.Raw:
    text = _decimal(value)
    return msgspec.Raw(b'"%b"' % text.replace(".", "\\u002e").encode()) if text[-4:-3] == "." else text


def _list(value: Iterable[Any]) -> list[Any]:
    return [to_json_value(item) for item in value]


def _dict(value: Mapping[Any, Any]) -> dict[str, Any]:
    found = {str(key): to_json_value(item) for key, item in value.items()}
    if len(found) < len(value):
        raise ValueError("two of its names are equal as text")
    return found


def _text(value: object) -> str:
    """Return a value of another type as text. Raises TypeError for one that has none, such as an iterator."""
    text = str(value)
    if _PLACE.search(text):
        raise TypeError(f"a value of type {type(value).__name__} has no text")
    return text


Write = Callable[[Any], Any]


class _Writers(dict[type, Write | None]):
    """How values of each type are written; None for those that msgspec writes as they are, or `_text` does."""

    def __missing__(self, kind: type) -> Write | None:
        self[kind] = found = self._of_base(kind)
        return found

    def _of_base(self, kind: type) -> Write | None:
        """Return how a subclass is written, and what else has fields or items: msgspec would lose their NaN."""
        if issubclass(kind, bool | str | timedelta):  # a duration may have nanoseconds, of pandas
            return None
        if issubclass(kind, Enum):
            return lambda value: to_json_value(value.value)
        if issubclass(kind, date | time):
            return kind.isoformat if kind not in (date, datetime, time) else None
        if is_dataclass(kind) or issubclass(kind, msgspec.Struct):
            names = [each.name for each in fields(kind)] if is_dataclass(kind) else kind.__struct_fields__
            return lambda value: _dict({name: getattr(value, name) for name in names})
        if issubclass(kind, Mapping):
            return _dict
        if issubclass(kind, Set):
            return _list
        return next((self[base] for base in kind.__mro__[1:] if base in self), None)


_PLACE = re.compile(r" at 0x[0-9a-fA-F]+>\Z")  # what Python writes of such a value: where it is in memory
# Types that msgspec writes differently or not at all. It writes dates, times and UUIDs in ISO format by itself.
_writers = _Writers(
    {
        float: _float,
        int: _int,
        Decimal: _decimal,
        bytes: bytes.hex,
        bytearray: bytearray.hex,
        memoryview: memoryview.hex,
        timedelta: lambda value: duration(
            (value.days * 86_400 + value.seconds) * 10**9 + value.microseconds * 1000
        ),
        list: _list,
        tuple: _list,
        dict: _dict,
    }
)
_cell_writers = _Writers(_writers | {Decimal: _decimal_cell})
_encoder = msgspec.json.Encoder(enc_hook=_text)
