"""Numbers and dates in the format of a locale.

Babel (CLDR) gives marks and names once for each column. The cells, up to 40 million, are then written by code
here, 20 times as fast. It is imported, and takes 30 ms, for what needs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache, lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import msgspec
from msgspec import Meta

from ...errors import InvalidRequest
from .dates import SPACES, DateWriter, date_writer

if TYPE_CHECKING:
    from babel import Locale
    from babel.numbers import NumberPattern

EXACT = Context(prec=400, rounding=ROUND_HALF_UP)  # a cell has at most 130 digits, a document at most 10^9 rows
NOISE, TRACE = Decimal("1e-3"), Decimal("1e-9")  # of the last digit: what floats, and their differences, err by
Decimals = Annotated[int, Meta(ge=0, le=12)]
Mark = Literal[".", ","]
COMMA, POINT = map(ord, ",.")  # as Python writes numbers


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="number"):
    """A number, with the decimals of the cell unless given.

    `mark` is the decimal mark of the input. If it is given, the other mark may stand between thousands there.
    """

    decimals: Decimals | None = None
    grouping: bool = True
    mark: Mark | None = None


class Percent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="percent"):
    """A share: 0.19 is 19 %, without decimals unless given."""

    decimals: Decimals | None = None
    grouping: bool = True
    mark: Mark | None = None


class Currency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="currency"):
    """An amount in a currency such as EUR, with the decimals of the currency unless given."""

    currency: str
    decimals: Decimals | None = None
    grouping: bool = True
    mark: Mark | None = None


class Date(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="date"):
    """A date or time: `pattern` is short, medium, long, full or a CLDR pattern such as "d. MMM y, HH:mm".

    `input` is the format of the input, as for strptime; ISO 8601 unless given.
    """

    pattern: Annotated[str, Meta(min_length=1, max_length=60)] = "medium"
    input: Annotated[str, Meta(max_length=60)] = ""


Format = Number | Percent | Currency | Date


def known_locale(name: str) -> Locale:
    """Return the locale with this name, such as de_DE. Raises InvalidRequest."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise InvalidRequest(
            f"There is no locale {name!r}.", field="locale", advice="Use a locale such as en_US or de_DE."
        ) from None


def writer(format: Format, locale: Locale) -> Writer:
    """Return the writer of a format. InvalidRequest for an unknown currency or a wrong date format."""
    if isinstance(format, Date):
        return _date_writer(format, locale)
    places, symbol = 0 if isinstance(format, Percent) and format.decimals is None else format.decimals, ""
    if isinstance(format, Currency):
        from babel.numbers import get_currency_precision, get_currency_symbol, is_currency

        if not is_currency(format.currency):
            raise InvalidRequest(f"There is no currency {format.currency!r}.", field="columns")
        places = get_currency_precision(format.currency) if places is None else places
        symbol = get_currency_symbol(format.currency, locale)
    return _number_writer(format, locale, places, symbol)


def guesses_century(format: Format, locale: Locale) -> bool:
    """Return whether dates show more than years of two digits tell."""
    return isinstance(format, Date) and _date_writer(format, locale).century


@lru_cache(8)
def _date_writer(format: Date, locale: Locale) -> DateWriter:
    """Return the writer of dates, which keeps what it wrote for the chunks that follow."""
    return date_writer(format.pattern, format.input, locale)


class Writer(Protocol):
    """Reads and writes the cells of one column."""

    def rewritten(self, texts: Sequence[str]) -> Sequence[str] | None:
        """How cells are written, found without what they say; None if one of them must be read."""

    @property
    def noun(self) -> str:
        """What the cells are, such as numbers."""

    def read_all(self, texts: Sequence[str]) -> Sequence[Any]:
        """What each cell says, None for one that says nothing of the kind."""

    def show_all(self, values: Sequence[Any]) -> Sequence[str]:
        """How what was read is written."""

    def rounds(self, value: Any) -> bool:
        """Return whether a value loses digits that were not asked to be left out."""


class Alike(msgspec.Struct, frozen=True):
    """Numbers that have the right decimals in the input: written, only their marks differ.

    `lines` matches them, without a sign and with at most one mark between thousands, which stands before the `last`
    characters; 0 where none is wanted.
    """

    lines: re.Pattern[str]
    last: int

    def grouped(self, texts: Sequence[str]) -> str:
        """Return lines with Python's mark between thousands; nothing if no number has it."""
        last = self.last
        if not last or max(map(len, texts)) <= last:
            return ""
        return "\n".join([text if len(text) <= last else f"{text[:-last]},{text[-last:]}" for text in texts])


class NumberWriter(msgspec.Struct, frozen=True):
    """Reads and writes the numbers of one column."""

    prefixes: tuple[str, str]  # of a positive and of a negative number
    suffixes: tuple[str, str]
    marks: dict[int, str]  # Python's marks -> those of the locale
    unit: Decimal | None  # the last decimal shown; None: as many as there are
    shift: int  # decimal places to the left: 2 for per cent
    spell: Callable[[Decimal], str]
    alike: Alike | None
    asked: bool  # whether the format says how many decimals are shown
    pattern: re.Pattern[str]
    replaced: dict[int, str]
    noun = "numbers"

    def rewritten(self, texts: Sequence[str]) -> Sequence[str] | None:
        """Return how numbers are written that have the right decimals already; None if others are among them."""
        lines = "\n".join(texts)
        if not self.alike or not self.alike.lines.fullmatch(lines) or lines.count("\n") >= len(texts):
            return None
        return self._with_marks(self.alike.grouped(texts) or lines)

    def read_all(self, texts: Sequence[str]) -> Sequence[Decimal | None]:
        """Return the exact values of cells, None for text; in one pass if all are plain numbers or empty."""
        joined = "\n".join(texts)
        one_line_each = joined.count("\n") == len(texts) - 1
        if not self.replaced and one_line_each and re.fullmatch(PLAIN_LINES, joined, re.ASCII):
            return [Decimal(text) if text else None for text in texts] if "" in texts else list(map(Decimal, texts))
        return list(map(self.read, texts))

    def show_all(self, values: Sequence[Decimal]) -> Sequence[str]:
        """Return values as they are written; if none is negative, marks are replaced in one call for all."""
        if self.shift or self.unit is None or not values or any(map(Decimal.is_signed, values)):
            return list(map(self.show, values))
        rounded = list(map(EXACT.quantize, values, repeat(self.unit)))
        return self.rewritten(list(map(str, rounded))) or self._with_marks("\n".join(map(self.spell, rounded)))

    def _with_marks(self, lines: str) -> list[str]:
        """Return numbers that are not negative as they are written, from lines with Python's marks."""
        before, behind = self.prefixes[0], self.suffixes[0]
        between = lines.translate(self.marks).replace("\n", f"{behind}\n{before}")
        return f"{before}{between}{behind}".split("\n")

    def read(self, text: str) -> Decimal | None:
        """Return the exact value of a cell, None if it is not a number."""
        text = text.strip()
        if not self.pattern.fullmatch(text):
            return None
        return Decimal(text.translate(self.replaced) if self.replaced else text)

    def rounds(self, value: Decimal) -> bool:
        """Return whether a value loses decimals, though the format has none. One of nine digits may be a float."""
        if self.asked or self.unit is None:
            return False
        value = EXACT.scaleb(value, self.shift)
        lost = abs(EXACT.subtract(value, EXACT.quantize(value, self.unit))) / self.unit
        return lost > NOISE or (lost > TRACE and len(value.as_tuple().digits) < 9)

    def show(self, value: Decimal) -> str:
        """Return a value as it is written, rounded half up as on invoices."""
        if self.shift:
            value = EXACT.scaleb(value, self.shift)
        if self.unit is not None:
            value = EXACT.quantize(value, self.unit)
        text = self.spell(value)
        if text[0] == "-" and value:
            return self.prefixes[1] + text[1:].translate(self.marks) + self.suffixes[1]
        return self.prefixes[0] + text.lstrip("-").translate(self.marks) + self.suffixes[0]


PLAIN = r"[-+]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,2})?"
PLAIN_LINES = rf"(?:(?:{PLAIN})?\n)*+(?:{PLAIN})?"


# A summed column without a format shows the input. Its totals have the same decimal mark: a point,
# since only such numbers are read.
@cache
def plain_writer() -> NumberWriter:
    """Return the writer of a column without a format, which needs no locale."""
    return NumberWriter(("", "-"), ("", ""), {}, None, 0, _spelling(None), None, False, *_reading(None))


def _number_writer(
    format: Number | Percent | Currency, locale: Locale, places: int | None, symbol: str
) -> NumberWriter:
    from babel.numbers import get_decimal_symbol, get_group_symbol

    pattern = _cldr(format, locale)

    def affixes(pair: tuple[str, str]) -> tuple[str, str]:
        positive, negative = (text.replace("¤", symbol).translate(SPACES) for text in pair)
        return positive, negative

    grouping, shift = pattern.grouping if format.grouping else None, 2 if isinstance(format, Percent) else 0
    return NumberWriter(
        affixes(pattern.prefix),
        affixes(pattern.suffix),
        {COMMA: get_group_symbol(locale).translate(SPACES), POINT: get_decimal_symbol(locale)},
        None if places is None else Decimal(1).scaleb(-places),
        shift,
        _spelling(grouping),
        None if shift or format.mark == "," else _alike(grouping, places),
        format.decimals is not None,
        *_reading(format.mark),
    )


def _cldr(format: Number | Percent | Currency, locale: Locale) -> NumberPattern:
    patterns = {Number: locale.decimal_formats, Percent: locale.percent_formats, Currency: locale.currency_formats}
    pattern: NumberPattern = patterns[type(format)]["standard" if isinstance(format, Currency) else None]
    return pattern


def _spelling(grouping: tuple[int, int] | None) -> Callable[[Decimal], str]:
    """Digits with Python's marks: Python groups thousands, the code here other groups (3, then 2 in India)."""
    if grouping is None:
        return "{:f}".format
    if grouping == (3, 3):
        return "{:,f}".format
    last, others = grouping
    mark = re.compile(rf"\B(?=(?:\d{{{others}}})*\d{{{last}}}$)")

    def grouped(value: Decimal) -> str:
        whole, point, rest = f"{value:f}".partition(".")
        return mark.sub(",", whole) + point + rest

    return grouped


def _alike(grouping: tuple[int, int] | None, places: int | None) -> Alike:
    tail = places + 1 if places else 0
    most, last = 40, 0
    if grouping:
        # Where decimals differ, so does the place of the mark.
        most, last = (grouping[0], 0) if places is None else (sum(grouping), grouping[0] + tail)
    fraction = r"(?:\.[0-9]{1,40})?" if places is None else rf"\.[0-9]{{{places}}}" if places else ""
    number = rf"(?:0|[1-9][0-9]{{0,{most - 1}}}){fraction}"
    return Alike(re.compile(rf"(?:{number}\n)*+{number}"), last)


def _reading(mark: Mark | None) -> tuple[re.Pattern[str], dict[int, str]]:
    """Return what counts as a number, and what to replace in it.

    Without a mark numbers are read as programs write them: 1,234 could be either thousands or decimals.
    """
    if mark is None:
        return re.compile(PLAIN, re.ASCII), {}
    between = {".": ",", ",": "."}[mark] + "'\u2019 \u00a0\u202f"
    whole = rf"\d{{1,3}}(?:[{between}]\d{{3}}){{1,13}}|\d{{1,40}}"
    pattern = re.compile(rf"[-+]?(?:{whole})(?:[{mark}]\d{{1,40}})?", re.ASCII)
    return pattern, dict.fromkeys(map(ord, between), "") | {ord(mark): "."}
