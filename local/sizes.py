"""The sizes of dynos: how Heroku spells them, and the memory of each."""

from __future__ import annotations

from pipeline.scaler.prices import MONTHLY

STANDARD = "Standard-1X"
# Memory in units of 512 MB, by the names of the price list.
_MEMORY = {
    "standard-2x": 2,
    "performance-m": 5,
    "performance-l": 28,
    "performance-l-ram": 60,
    "performance-xl": 124,
    "performance-2xl": 252,
    "dyno-2c-1gb": 2,
    "dyno-1c-4gb": 8,
}


def spelled(size: str) -> str | None:
    """Return a size as Heroku answers it ("Standard-1X" for "standard-1x"); None if there is no such size."""
    name = size.lower()
    if name not in MONTHLY:
        return None
    family, *rest = name.split("-")
    return name if family == "dyno" else "-".join((family.capitalize(), *map(str.upper, rest)))


def memory_units(size: str) -> int:
    """Return the memory of a dyno of this size, in units of 512 MB."""
    return _MEMORY.get(size.lower(), 1)
