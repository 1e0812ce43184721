"""What a dyno-second costs."""

from __future__ import annotations

import pytest

from pipeline.errors import InvalidSetting
from pipeline.scaler.prices import MONTHLY, parse_sizes, price


@pytest.mark.parametrize(("size", "hour"), [("Standard-1X", 0.0347), ("basic", 0.0097), ("performance-m", 0.347)])
def test_the_table_matches_the_hourly_prices(size: str, hour: float) -> None:
    assert price(size) * 3600 == pytest.approx(hour, abs=5e-4)


def test_the_price_of_three_hundred_dyno_seconds() -> None:
    assert 300 * price("standard-1x") == pytest.approx(0.0029, abs=5e-5)


def test_an_unknown_size_is_named_with_the_known_ones() -> None:
    with pytest.raises(InvalidSetting, match="huge") as caught:
        price("huge", {"vast": 1.0})
    assert caught.value.field == "DYNO_SIZE"
    assert all(size in caught.value.advice for size in (*MONTHLY, "vast"))


def test_listed_prices_come_first() -> None:
    listed = parse_sizes(
        [
            {"name": "Standard-1X", "cost": {"cents": 3600, "unit": "month"}},
            {"name": "Basic", "cost": {"cents": 1, "unit": "hour"}},
            {"name": "Eco", "cost": None},
            {"name": "New", "cost": {"cents": 5, "unit": "fortnight"}},
        ]
    )
    assert set(listed) == {"standard-1x", "basic"}
    assert price("standard-1x", listed) == pytest.approx(36 / (720 * 3600))
    assert price("Basic", listed) == pytest.approx(0.01 / 3600)
    assert price("performance-m", listed) == price("performance-m")


@pytest.mark.parametrize(
    "size",
    [
        {"cost": {"cents": 1, "unit": "hour"}},
        {"name": None, "cost": {"cents": 1, "unit": "hour"}},
        {"name": "Odd", "cost": {"cents": 1, "unit": {}}},
        {"name": "Odd", "cost": {"cents": float("nan"), "unit": "hour"}},
        {"name": "Odd", "cost": {"cents": float("inf"), "unit": "hour"}},
        {"name": "Odd", "cost": {"cents": -1, "unit": "hour"}},
        {"name": "Odd", "cost": {"cents": 10**400, "unit": "hour"}},
        {"name": "Odd", "cost": {"cents": True, "unit": "hour"}},
    ],
    ids=["nameless", "null name", "odd unit", "no number", "endless", "less than nothing", "vast", "a truth"],
)
def test_a_senseless_price_is_left_out(size: dict[str, object]) -> None:
    assert set(parse_sizes([size, {"name": "Basic", "cost": {"cents": 1, "unit": "hour"}}])) == {"basic"}
