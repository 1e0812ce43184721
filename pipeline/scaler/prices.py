"""What a dyno costs: Heroku's list, and the platform's own answer where it can be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from ..errors import InvalidSetting

AS_OF = "2026-08"
MONTH = 720 * 3600  # seconds that a month's price is for; less is charged by the second
CENTS_MOST = 1e9  # for one dyno, whatever the unit
SECONDS = {"month": MONTH, "hour": 3600, "second": 1}

# Dollars a month, by the names of `heroku ps:type`. Eco is a pool of 1,000 hours.
MONTHLY: Mapping[str, float] = {
    "eco": 5 * 720 / 1000,
    "basic": 7,
    "standard-1x": 25,
    "standard-2x": 50,
    "performance-m": 250,
    "performance-l": 500,
    "performance-l-ram": 500,
    "performance-xl": 750,
    "performance-2xl": 1500,
    "dyno-1c-0.5gb": 25,
    "dyno-2c-1gb": 50,
    "dyno-1c-4gb": 80,
}


def tabled(size: str) -> bool:
    """Whether the table has it, so that nobody need be asked."""
    return size.lower() in MONTHLY


def price(size: str, listed: Mapping[str, float] | None = None) -> float:
    """Dollars for one second of a dyno of this size: by what the platform listed, else by the table."""
    name = size.lower()
    if listed and name in listed:
        return listed[name]
    if name not in MONTHLY:
        known = ", ".join(sorted({*MONTHLY, *(listed or ())}))
        words = f"There is no price for a dyno of size {size}."
        raise InvalidSetting(words, field="DYNO_SIZE", advice=f"Known: {known}.")
    return MONTHLY[name] / MONTH


def parse(answer: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Dollars a second by size, from what `GET /apps/{app}/available-dyno-sizes` answered.

    A size without a name, or without a sensible price in a unit we know, is left out: that end point is a
    prototype, and no export must wait for a price.
    """
    found: dict[str, float] = {}
    for size in answer:
        name, cost = size.get("name"), size.get("cost")
        if isinstance(name, str) and isinstance(cost, Mapping):
            cents, unit = cost.get("cents"), cost.get("unit")
            if isinstance(unit, str) and unit in SECONDS and _sensible(cents):
                found[name.lower()] = cents / 100 / SECONDS[unit]
    return found


def _sensible(cents: object) -> TypeGuard[float]:
    """Whether it is an amount of money: Python reads NaN, too, from what is called JSON."""
    return isinstance(cents, int | float) and not isinstance(cents, bool) and 0 <= cents < CENTS_MOST
