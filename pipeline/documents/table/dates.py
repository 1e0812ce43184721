"""Dates by a CLDR pattern. Names are looked up once; then each part of a date is one call."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import product
from typing import TYPE_CHECKING

import msgspec

from ...errors import InvalidRequest

if TYPE_CHECKING:
    from babel import Locale

# No-break spaces become plain ones, direction marks are removed: fonts need not have them.
SPACES = dict.fromkeys(map(ord, "\u00a0\u202f\u2009"), " ") | dict.fromkeys(map(ord, "\u200e\u200f\u061c"))
Part = Callable[[datetime], str]
READ_BY = {  # letters of a pattern: those of strptime, by one of which they are read
    "yGEc": "yYGcx",
    "ML": "mbBjUWVcx",
    "dEc": "djAauwcx",
    "Hha": "HIcX",
    "m": "McX",
    "s": "ScX",
}
KEPT = 4096  # dates in words, about 1 MB for each format of a process


class DateWriter(msgspec.Struct, frozen=True, dict=True):
    """Reads and writes the dates of one column. `input` is a format of strptime, empty for ISO 8601."""

    parts: tuple[Part, ...]
    input: str
    noun = "dates"

    @cached_property
    def _show(self) -> Callable[[datetime], str]:
        """Return what writes a date; most tables have few different ones."""
        return lru_cache(KEPT)(lambda value: "".join([part(value) for part in self.parts]))

    def rewritten(self, texts: Sequence[str]) -> None:  # noqa: ARG002  # of Writer
        """None: dates must be read."""
        return

    def read_all(self, texts: Sequence[str]) -> Sequence[datetime | None]:
        """Return the date of each cell, None for one without."""
        if not self.input:
            with suppress(ValueError):
                return list(map(datetime.fromisoformat, texts))
        return list(map(self._read, texts))

    def show_all(self, values: Sequence[datetime]) -> Sequence[str]:
        """Return dates as they are written, each as it is in its own time zone."""
        # The same moment in another zone is equal, so it would be shown as that is. No part of a date is its zone.
        return list(map(self._show, [each.replace(tzinfo=None) if each.tzinfo else each for each in values]))

    def _read(self, text: str) -> datetime | None:
        """Return the date of a cell, None if there is none."""
        try:
            if self.input:
                return datetime.strptime(text.strip(), self.input)
            return datetime.fromisoformat(text.strip())
        except ValueError:
            return None


def date_writer(pattern: str, input: str, locale: Locale) -> DateWriter:
    """Return the writer of a pattern; short, medium, long and full name a pattern of the locale.

    Raises InvalidRequest for a pattern that would show what no cell says.
    """
    from babel.dates import tokenize_pattern  # with time zones, 15 ms

    if pattern in ("short", "medium", "long", "full"):
        pattern = locale.date_formats[pattern].pattern
    tokens = [value for _, value in tokenize_pattern(pattern)]
    parts = tuple(_part(value, locale) for value in tokens)
    letters = [value[0] if isinstance(value, tuple) else value for value in tokens]
    _check_minutes(pattern, letters)
    if input:
        _check_input(input, pattern, letters)
    return DateWriter(parts, input)


def _check_minutes(pattern: str, letters: Sequence[str]) -> None:
    """Raise InvalidRequest where m stands for months or M for minutes, as in patterns of other programs."""
    if "m" in letters and not {"H", "h", "s"}.intersection(letters):
        words, advice = "minutes (m) without hours", "Months are M, as in yyyy-MM-dd."
    elif set(product("Hh", ":.", "M")).intersection(zip(letters, letters[1:], letters[2:], strict=False)):
        words, advice = "months (M) behind hours", "Minutes are m, as in HH:mm."
    else:
        return
    raise InvalidRequest(f"The date pattern {pattern!r} has {words}.", field="columns", advice=advice)


def _check_input(input: str, pattern: str, letters: Sequence[str]) -> None:
    """Raise InvalidRequest if the pattern shows what the input does not say, or the input has a part twice."""
    try:
        datetime.strptime("", input)
    except ValueError:  # expected: an empty text is no date
        pass
    except re.error:
        raise InvalidRequest(f"The date format {input!r} has a part twice.", field="columns") from None
    read = set(re.findall("%(.)", input))
    for shown, by in READ_BY.items():
        if (found := [each for each in letters if each in tuple(shown)]) and not read.intersection(by):
            raise InvalidRequest(
                f"The date pattern {pattern!r} shows {found[0]!r}, which the format {input!r} does not read.",
                field="columns",
                advice="Give a pattern with the parts that the dates have.",
            )


def _part(value: str | tuple[str, int], locale: Locale) -> Part:
    if isinstance(value, str):
        text = value.translate(SPACES)
        return lambda _: text
    letter, count = value
    make = _NUMBERS.get(letter) or _NAMES.get(letter)
    if make is None:
        known = " ".join([*_NUMBERS, *_NAMES])
        raise InvalidRequest(f"A date pattern cannot have {letter!r}; possible are {known}.", field="columns")
    return make(locale, count)


def _padded(value: Callable[[datetime], int]) -> Callable[[Locale, int], Part]:
    """A number with at least as many digits as the pattern has letters."""
    return lambda _, count: lambda date: f"{value(date):0{count}}"


def _year(_: Locale, count: int) -> Part:
    return (lambda date: f"{date.year % 100:02}") if count == 2 else (lambda date: f"{date.year:0{count}}")


def _month(context: str) -> Callable[[Locale, int], Part]:
    def make(locale: Locale, count: int) -> Part:
        if count < 3:
            return lambda date: f"{date.month:0{count}}"
        names = locale.months[context][_width(count)]
        return lambda date: str(names[date.month]).translate(SPACES)

    return make


def _weekday(context: str) -> Callable[[Locale, int], Part]:
    def make(locale: Locale, count: int) -> Part:
        names = locale.days[context][_width(count)]
        return lambda date: str(names[date.weekday()]).translate(SPACES)

    return make


def _half(locale: Locale, _: int) -> Part:
    names = locale.day_periods["format"]["abbreviated"]
    return lambda date: str(names["am" if date.hour < 12 else "pm"]).translate(SPACES)


def _era(locale: Locale, _: int) -> Part:
    name = str(locale.eras["abbreviated"][1]).translate(SPACES)
    return lambda _date: name


def _width(count: int) -> str:
    return {4: "wide", 5: "narrow"}.get(count, "abbreviated")


_NUMBERS = {
    "d": _padded(lambda date: date.day),
    "H": _padded(lambda date: date.hour),
    "h": _padded(lambda date: (date.hour - 1) % 12 + 1),
    "m": _padded(lambda date: date.minute),
    "s": _padded(lambda date: date.second),
    "y": _year,
}
_NAMES = {
    "M": _month("format"),
    "L": _month("stand-alone"),
    "E": _weekday("format"),
    "c": _weekday("stand-alone"),
    "a": _half,
    "G": _era,
}
