"""Rows of JSON lines. Numbers keep the digits that they came with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain, islice
from typing import Any, NoReturn

import msgspec

from ..inputs.json_array import name_twice, why_refused
from .csv_rows import Row
from .lines import BadLine, LineReader

SHOWN = 60  # characters of a wrong line that a message shows
ONE_RECORD = "Each line is a record: {column: value}."


class JsonRows:
    """Rows of JSON lines, in the order of the fields."""

    def __init__(self, lines: LineReader, fields: tuple[str, ...]) -> None:
        self._reader = lines
        self._lines = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
        self._fields = fields
        self._last: list[str] = []
        self.repaired: dict[int, str] = {}  # of CSV

    def take(self, count: int) -> tuple[list[Row], list[int]]:
        """Return the next `count` rows, and the line number of each."""
        some = list(islice(self._lines, count))
        self._last = [line for _, line in some] or self._last
        rows = self._plain_rows(self._last) if some else []
        return rows or [self._row(line, number) for number, line in some], [number for number, _ in some]

    def is_text(self, row: int, value: str) -> bool:
        """Return whether a value of a row of the last ones is a text, not a number."""
        return f'"{value}"' in self._last[row]

    def _plain_rows(self, lines: Sequence[str]) -> list[Row] | None:
        """Return the rows of lines, decoded in one call; None when a line may need a look of its own."""
        text = "".join(lines)
        if any(each in text for each in _SPACED_OUT) or _has_minus_zero(text):
            return None
        try:
            found = _decode_lines(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        if len(found) != len(lines) or {line.count('":') for line in lines} != {len(self._fields)}:
            return None  # a name may occur twice
        if any(tuple(record) != self._fields for record in found):
            return None
        rows = [list(record.values()) for record in found]
        kinds = set(map(type, chain.from_iterable(rows)))
        if kinds & _NESTED:
            return None
        return rows if kinds <= {str} else [[v if type(v) is str else _text(v) for v in row] for row in rows]

    def _row(self, line: str, number: int) -> Row:
        at = self._reader.start
        try:
            found = record(line)
        except NotARecord as error:
            raise BadLine(at(number), f" {error}", ONE_RECORD) from None
        if tuple(found) == self._fields:
            values = list(found.values())
        elif unknown := found.keys() - set(self._fields):
            raise BadLine(
                at(number),
                f" has the field {min(unknown)!r}, which the first record does not have.",
                "Give every record the same fields.",
            )
        else:
            values = list(map(found.get, self._fields))
        return [value if type(value) is str else _text(value) for value in values]


class NotARecord(ValueError):
    """A line is not a JSON object with different names."""


def record(line: str) -> dict[str, Any]:
    """Return the record of a line: numbers with a point or an exponent as their text, nested values as JSON."""
    try:
        found = _decode(line)
        if line.count('":') != len(found) or any(each in line for each in _SPACED_OUT):
            twice = name_twice(line)
            if twice is not None:
                raise NotARecord(f"has the name {twice!r} twice.")
        if _NESTED & set(map(type, found.values())) or _has_minus_zero(line):
            return {name: _exact(value) for name, value in _decode_raw(line).items()}
    except (msgspec.DecodeError, ValueError, RecursionError, ArithmeticError) as error:
        _refuse(line, error)
    return found


def _has_minus_zero(text: str) -> bool:
    """Return whether a value may be -0: as an integer it would lose its sign."""
    return "-0" in text and _MINUS_ZERO.search(text) is not None


def _refuse(line: str, error: Exception) -> NoReturn:
    if isinstance(error, NotARecord):
        raise error
    shown = line.rstrip() if len(line) <= SHOWN else f"{line[:SHOWN]}…"
    raise NotARecord(f"{why_refused(error, line.encode())}: {shown!r}.") from None


def _exact(value: msgspec.Raw) -> Any:
    """Return a value with all its digits: a number as its text, a nested value as JSON without spaces."""
    text = bytes(value)
    if text[:1] in b"{[":
        return _nested_encoder.encode(_nested_decoder.decode(text)).decode()
    return text.decode() if text[:1] in b"-0123456789" else msgspec.json.decode(text)


def _text(value: object) -> str:
    """Return the text of a JSON value in a cell."""
    if value is None:
        return ""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


_NESTED: set[type] = {list, dict}
_SPACED_OUT = ('" ', '"\t', '"\r')  # there may be a colon behind it, which counting '":' misses
_MINUS_ZERO = re.compile(r":\s*-0")
_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=str)
_decode, _decode_lines = _decoder.decode, _decoder.decode_lines
_decode_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_nested_decoder = msgspec.json.Decoder(float_hook=Decimal)
_nested_encoder = msgspec.json.Encoder(decimal_format="number")
