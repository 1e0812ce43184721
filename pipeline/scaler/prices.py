"""The price of a dyno: a copy of Heroku's list, and Heroku's own answer where it was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from ..errors import InvalidSetting

MONTH = 720 * 3600  # seconds that a month's price covers; less is charged by the second
MAX_CENTS = 1e9  # for one dyno, in any unit
SECONDS = {"month": MONTH, "hour": 3600, "second": 1}

# Heroku's list of 2026-08: dollars a month, by the names of `heroku ps:type`. Eco is a pool of 1,000 hours.
MONTHLY: Mapping[str, float] = {
    "none": 0,  # SCALER_MODE=none: the bill is another program's
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


def is_listed(size: str) -> bool:
    """Return whether the table has this size, so that Heroku need not be asked."""
    return size.lower() in MONTHLY


def price(size: str, listed: Mapping[str, float] | None = None) -> float:
    """Return dollars a second for a dyno of this size: as Heroku listed it, else by the table.

    Raises InvalidSetting if neither has the size.
    """
    name = size.lower()
    if listed and name in listed:
        return listed[name]
    if name not in MONTHLY:
        known = ", ".join(sorted({*MONTHLY, *(listed or ())}))
        words = f"There is no price for a dyno of size {size}."
        raise InvalidSetting(words, field="DYNO_SIZE", advice=f"Known: {known}.")
    return MONTHLY[name] / MONTH


def parse_sizes(answer: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return dollars a second by size, from the answer of `GET /apps/{app}/available-dyno-sizes`.

    Leaves out a size without a name, or without a sensible price in a known unit: that endpoint is a prototype,
    and no export must wait for a price.
    """
    found: dict[str, float] = {}
    for size in answer:
        name, cost = size.get("name"), size.get("cost")
        if isinstance(name, str) and isinstance(cost, Mapping):
            cents, unit = cost.get("cents"), cost.get("unit")
            if isinstance(unit, str) and unit in SECONDS and _is_amount(cents):
                found[name.lower()] = cents / 100 / SECONDS[unit]
    return found


def _is_amount(cents: object) -> TypeGuard[float]:
    """Return True for an amount of money. Python's JSON parser accepts NaN too."""
    return isinstance(cents, int | float) and not isinstance(cents, bool) and 0 <= cents < MAX_CENTS
