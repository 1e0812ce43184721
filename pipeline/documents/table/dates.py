"""Dates by a CLDR pattern. Names are looked up once; then each part of a date is one call."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
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
ISO = r"(?:\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d-?\d)"  # with a day: Python would take Monday for a week
ISO_TIME = r"[Tt ]\d.*"  # Python takes any sign between date and time, so 1712010112345 would be in 1712
TIME = set("Hhams")  # letters of patterns
YEAR = set("yYGcx")  # directives of strptime
KEPT = 4096  # dates in words, about 1 MB for each format of a process


class DateWriter(msgspec.Struct, frozen=True, dict=True):
    """Reads and writes the dates of one column. `input` is a format of strptime, empty for ISO 8601.

    `timed` says that a time is shown: a date without one is then none of the column. `century` says that more is
    shown than years of two digits tell, as by `yyyy` or a weekday; `y` then shows the two digits.
    """

    parts: tuple[Part, ...]
    input: str
    timed: bool
    century: bool

    @property
    def noun(self) -> str:
        """What the cells are."""
        return "dates with a time" if self.timed else "dates"

    @cached_property
    def _show(self) -> Callable[[datetime], str]:
        """Return what writes a date; most tables have few different ones."""
        return lru_cache(KEPT)(lambda value: "".join([part(value) for part in self.parts]))

    def rewritten(self, texts: Sequence[str]) -> None:  # noqa: ARG002  # of Writer
        """None: dates must be read."""
        return

    def read_all(self, texts: Sequence[str]) -> Sequence[datetime | None]:
        """Return the date of each cell, None for one without."""
        if not self.input and self._iso.fullmatch("\n".join(texts)):
            with suppress(ValueError):
                return list(map(datetime.fromisoformat, texts))
        return list(map(self._read, texts))

    @cached_property
    def _iso(self) -> re.Pattern[str]:
        """An expression for lines of dates in ISO 8601, with times if those are shown."""
        date = f"{ISO}{ISO_TIME}" if self.timed else f"{ISO}(?:{ISO_TIME})?"
        return re.compile(rf"(?:{date}\n)*+{date}", re.ASCII)

    def show_all(self, values: Sequence[datetime]) -> Sequence[str]:
        """Return dates as they are written, each as it is in its own time zone."""
        # The same moment in another zone is equal, so it would be shown as that is. No part of a date is its zone.
        return list(map(self._show, [each.replace(tzinfo=None) if each.tzinfo else each for each in values]))

    def rounds(self, value: datetime) -> bool:  # noqa: ARG002  # of Writer
        """False: what a pattern leaves out was asked for."""
        return False

    def _read(self, text: str) -> datetime | None:
        """Return the date of a cell, None if there is none."""
        text = text.strip()
        try:
            if self.input:
                return self._with_input(text)
            return datetime.fromisoformat(text) if self._iso.fullmatch(text) else None
        except ValueError:
            return None

    @cached_property
    def _with_input(self) -> Callable[[str], datetime]:
        """Return what reads a date by `input`. One without a year gets a leap year: 29 February is a date."""
        has_year = _directives(self.input) & YEAR
        year, format = ("", self.input) if has_year else ("2000 ", f"%Y {self.input}")
        return lambda text: datetime.strptime(year + text, format)


def date_writer(pattern: str, input: str, locale: Locale) -> DateWriter:
    """Return the writer of a pattern; short, medium, long and full name a pattern of the locale.

    Raises InvalidRequest for a pattern that would show what no cell says.
    """
    from babel.dates import tokenize_pattern  # with time zones, 15 ms

    if pattern in ("short", "medium", "long", "full"):
        pattern = locale.date_formats[pattern].pattern
    tokens = [value for _, value in tokenize_pattern(pattern)]
    two_digits = bool(_directives(input) & set("yx"))
    if two_digits:  # `y` is a year of as many digits as there are
        tokens = [("y", 2) if value == ("y", 1) else value for value in tokens]
    parts = tuple(_part(value, locale) for value in tokens)
    fields = [value for value in tokens if isinstance(value, tuple)]
    letters = [letter for letter, _ in fields]
    _check_minutes(pattern, [value[0] if isinstance(value, tuple) else value for value in tokens])
    if input:
        _check_input(input, pattern, letters)
    century = two_digits and any(field[0] in "yGEc" and field != ("y", 2) for field in fields)
    return DateWriter(parts, input, not input and not TIME.isdisjoint(letters), century)


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
    except ValueError as error:  # expected: an empty text is no date
        if not str(error).startswith("time data"):
            advice = "Its parts are those of strptime, such as %d, %m and %Y."
            words = f"The date format {input!r} has a part that there is not."
            raise InvalidRequest(words, field="columns", advice=advice) from None
    except re.error:
        raise InvalidRequest(f"The date format {input!r} has a part twice.", field="columns") from None
    if found := [each for each in letters if not _is_read(each, _directives(input))]:
        raise InvalidRequest(
            f"The date pattern {pattern!r} shows {found[0]!r}, which the format {input!r} does not read.",
            field="columns",
            advice="Give a pattern with the parts that the dates have.",
        )


def _directives(input: str) -> set[str]:
    return set(re.findall("%(.)", input))


def _is_read(letter: str, by: Set[str]) -> bool:
    """Return whether directives of strptime say what a letter of a pattern shows; True for text between letters.

    It reads weeks only together with a year and a weekday, and makes no date of a weekday.
    """
    year = by & YEAR
    counted = year and ("j" in by or (by & set("UWV") and by & set("aAuw")))
    month, day = by & set("mbBcx") or counted, by & set("dcx") or counted
    hour, weekday = by & set("HcX") or {"I", "p"} <= by, year and month and day
    said = {
        "y": year, "G": year, "M": month, "L": month, "d": day, "E": weekday, "c": weekday,
        "H": hour, "a": hour, "h": hour or "I" in by, "m": by & set("McX"), "s": by & set("ScX"),
    }  # fmt: skip
    return bool(said.get(letter, True))


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
