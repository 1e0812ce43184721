"""Numbers and dates are written as CLDR, by way of Babel, writes them; only faster."""

from __future__ import annotations

import tracemalloc
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, format_percent
from hypothesis import given
from hypothesis import strategies as st

from pipeline.documents.table.cells import Cells
from pipeline.documents.table.dates import SPACES
from pipeline.documents.table.formats import Currency, Date, Format, Number, Percent, known_locale, writer
from pipeline.errors import InvalidRequest

LOCALES = ["de_DE", "en_US", "de_CH", "fr_FR", "es_ES", "hi_IN", "sv_SE", "pl_PL", "pt_BR", "he_IL"]
amounts = st.decimals(-(10**15), 10**15, places=2)


def shown(format: Format, locale: str, text: str) -> str:
    return Cells(writer(format, known_locale(locale))).texts([text])[0]


@given(amounts, st.sampled_from(LOCALES))
def test_numbers_are_written_as_babel_writes_them(value: Decimal, locale: str) -> None:
    text = str(value)
    number = format_decimal(value, "#,##0.00" if locale != "hi_IN" else "#,##,##0.00", locale=locale)
    assert shown(Number(decimals=2), locale, text) == number.translate(SPACES)
    euros = format_currency(value, "EUR", locale=locale)
    assert shown(Currency("EUR"), locale, text) == euros.translate(SPACES)


@given(
    st.lists(st.from_regex(r"\A(0|[1-9]\d{0,7})(\.\d{1,4})?\Z"), min_size=1),
    st.sampled_from([Number(), Number(decimals=0), Number(decimals=2), Number(decimals=2, grouping=False)]),
    st.sampled_from(LOCALES),
)
def test_numbers_with_the_right_decimals_are_written_as_those_that_are_read(
    texts: list[str], format: Format, locale: str
) -> None:
    numbers = writer(format, known_locale(locale))
    assert numbers.rewritten(texts) in (None, list(numbers.show_all([Decimal(text) for text in texts])))


def test_numbers_with_the_right_decimals_need_not_be_read() -> None:
    amounts, counts = writer(Currency("EUR"), known_locale("de_DE")), writer(Number(), known_locale("hi_IN"))
    assert amounts.rewritten(["0.50", "1234.56", "999999.99"]) == ["0,50 €", "1.234,56 €", "999.999,99 €"]
    assert amounts.rewritten(["0.50", "1.5"]) is None, "0 is added"
    assert amounts.rewritten(["0.50\n1.50"]) is None, "one cell is not two"
    assert counts.rewritten(["7", "1.25"]) == ["7", "1.25"]
    assert counts.rewritten(["7", "12345"]) is None, "a mark is added at a place of its own"


@given(st.integers(-(10**6), 10**6), st.sampled_from(LOCALES))
def test_shares_are_written_as_babel_writes_them(value: int, locale: str) -> None:
    share = Decimal(value) / 100
    assert shown(Percent(), locale, str(share)) == format_percent(share, locale=locale).translate(SPACES)


@given(
    st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)),
    st.sampled_from(LOCALES),
    st.sampled_from(["short", "medium", "long", "full"]),
)
def test_dates_are_written_as_babel_writes_them(time: datetime, locale: str, width: Any) -> None:
    date = time.date()
    assert shown(Date(width), locale, date.isoformat()) == format_date(date, width, locale).translate(SPACES)
    pattern = "EEE d. LLL yy, HH:mm:ss h a"
    expected = format_datetime(time, pattern, locale=locale).translate(SPACES)
    assert shown(Date(pattern), locale, time.isoformat()) == expected


def test_one_moment_in_two_time_zones_is_written_as_it_is_in_each() -> None:
    dates = Cells(writer(Date("dd.MM.yyyy HH:mm"), known_locale("de_DE")))
    assert dates.texts(["2024-01-01T23:30Z", "2024-01-02T00:30+01:00"]) == ["01.01.2024 23:30", "02.01.2024 00:30"]


@pytest.mark.parametrize(
    ("format", "text", "expected"),
    [
        (Number(decimals=2), "2.345", "2,35"),  # half up, as on an invoice
        (Number(decimals=2), "-0.001", "0,00"),
        (Number(), "1234567.1230", "1.234.567,1230"),
        (Number(), "1e3", "1.000"),
        (Number(decimals=0, grouping=False), "1234.5", "1235"),
        (Number(decimals=1), "1,234", "1,234"),  # nobody can say which it is, so it stands as it came
        (Number(decimals=1, mark=","), "1.234,56", "1.234,6"),
        (Number(decimals=1, mark="."), "1,234.56", "1.234,6"),
        (Number(decimals=1, mark="."), "1,23.4", "1,23.4"),
        (Number(decimals=2), "  12 ", "12,00"),
        (Number(decimals=2), "n/a", "n/a"),
        (Number(decimals=2), "", ""),
        (Number(decimals=2), "NaN", "NaN"),
        (Number(decimals=2), "1\n2", "1\n2"),
        (Number(decimals=2), "-0", "0,00"),
        (Currency("JPY"), "1234", "1.234 ¥"),
        (Date(), "2026-02-30", "2026-02-30"),
        (Date(input="%d/%m/%Y"), "03/02/2026", "03.02.2026"),
        (Date("d. MMMM y"), "2026-03-01T10:00:00Z", "1. März 2026"),
        (Date(), "1712010112345", "1712010112345"),  # milliseconds since 1970
        (Date(), "2026-03-01x10:00", "2026-03-01x10:00"),
        (Date(), "2026-W10", "2026-W10"),
        (Date(), "2026-W10-7", "08.03.2026"),
        (Date(), "20260301T1000", "01.03.2026"),
        (Date("d.M.y HH:mm"), "2026-03-01", "2026-03-01"),
        (Date("d.M.y HH:mm"), "2026-03-01 10:20", "1.3.2026 10:20"),
        (Date("d. MMM", "%d.%m."), "29.02.", "29. Feb."),
    ],
)
def test_a_cell_that_is_not_understood_stands_as_it_came(format: Format, text: str, expected: str) -> None:
    assert shown(format, "de_DE", text) == expected


def test_what_was_not_understood_is_known() -> None:
    cells = Cells(writer(Number(decimals=2), Locale.parse("en_US")))
    assert cells.numbers(["1.10", "", "x", "2.20"]) == [Decimal("1.10"), Decimal("2.20")]
    assert cells.failed
    assert cells.unread(["1.10", "", "x"]) == [2]


@pytest.mark.parametrize(
    ("format", "field", "words"),
    [
        (Currency("XXQ"), "columns", "no currency"),
        (Date("d. Q"), "columns", "cannot have 'Q'"),
        (Date(input="%d.%m.%d"), "columns", "has a part twice"),
        (Date("y", input="%Y-Q%q"), "columns", "'%Y-Q%q' has a part that there is not"),
        (Date("y", input="%Y %"), "columns", "'%Y %' has a part that there is not"),
        (Date("yyyy-mm-dd"), "columns", "'yyyy-mm-dd' has minutes .m. without hours"),
        (Date("HH:MM"), "columns", "'HH:MM' has months .M. behind hours"),
        (Date("h.MM a"), "columns", "months .M. behind hours"),
        (Date("medium", "%H:%M"), "columns", "'MMM d, y' shows 'M', which the format '%H:%M' does not read"),
        (Date("d.M.y", "%d.%m."), "columns", "shows 'y', which"),
        (Date("d.M.y", "%Y-%m"), "columns", "shows 'd', which"),
        (Date("EEEE", "%Y-%m"), "columns", "shows 'E', which"),
        (Date("d.M.y HH:mm", "%d.%m.%Y"), "columns", "shows 'H', which"),
        (Date("EEE d. MMM", "%A %d.%m."), "columns", "shows 'E', which"),
        (Date("d.M.y", "%A %m %Y"), "columns", "shows 'd', which"),
        (Date("d.M.", "%j"), "columns", "shows 'd', which"),
        (Date("d.M.y", "%W/%Y"), "columns", "shows 'd', which"),
        (Date("HH:mm", "%I:%M"), "columns", "shows 'H', which"),
        (Date("h:mm a", "%I:%M"), "columns", "shows 'a', which"),
    ],
)
def test_what_cannot_be_a_format_is_said(format: Format, field: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        shown(format, "en_US", "1")
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("format", "text", "expected"),
    [
        (Date("mm:ss", "%M:%S"), "01:30", "01:30"),
        (Date("MMMM y", "%Y-%m"), "2026-03", "March 2026"),
        (Date("d. MMM y HH 'h'", "%c"), "Sun Mar  1 10:00:00 2026", "1. Mar 2026 10 h"),
        (Date("EEE d.M.y", "%j/%Y"), "060/2026", "Sun 1.3.2026"),
        (Date("HH:mm, MMM d"), "2026-03-01T10:20", "10:20, Mar 1"),
        (Date("EEE d.M.y", "%u %W/%Y"), "7 08/2026", "Sun 1.3.2026"),
        (Date("h:mm", "%I:%M"), "01:30", "1:30"),
        (Date("HH:mm", "%I:%M %p"), "01:30 PM", "13:30"),
        (Date("medium", "%d.%m.%y"), "12.05.55", "May 12, 55"),  # 1955 or 2055, which the cell does not say
        (Date("d.M.yyyy", "%d.%m.%y"), "12.05.55", "12.5.2055"),
    ],
)
def test_a_pattern_shows_what_the_dates_have(format: Format, text: str, expected: str) -> None:
    assert shown(format, "en_US", text) == expected


def test_an_unknown_locale_is_said() -> None:
    with pytest.raises(InvalidRequest, match="no locale 'klingon'"):
        known_locale("klingon")


def test_long_cells_are_not_kept_in_memory() -> None:
    cells = Cells(writer(Number(), Locale.parse("en_US")))
    tracemalloc.start()
    for i in range(100):
        assert cells.texts([f"{i} " * 50_000, "7"])[1] == "7"
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 2_000_000


@pytest.mark.parametrize("text", ["1234.50", "0.10", "-7.00", "1234567.89", "1,234.50", "12", "1.234", "n/a", ""])
def test_a_point_that_is_given_as_mark_is_the_usual_one(text: str) -> None:
    """Except that commas may stand between thousands."""
    read = text.replace(",", "")
    assert shown(Number(decimals=2, mark="."), "de_DE", text) == shown(Number(decimals=2), "de_DE", read)
