"""What Heroku's answers say. One of another shape is Unclear; pure."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ..errors import HerokuDown


class Unclear(HerokuDown):
    """Nobody can say whether what was asked for was done."""


@dataclass(frozen=True)
class Dyno:
    """A dyno as Heroku lists it."""

    name: str
    command: str
    state: str
    size: str
    since: float | None = None  # when it was ordered, in seconds since the epoch


@dataclass(frozen=True)
class Processes:
    """How many dynos of a type there should be, and from when on, in seconds since the epoch."""

    quantity: int
    since: float | None = None


def rows(found: object) -> list[object]:
    if isinstance(found, list):
        return found
    raise _senseless(found)


def processes(row: object) -> Processes:
    quantity = row.get("quantity") if isinstance(row, dict) else None
    if isinstance(quantity, int) and not isinstance(quantity, bool) and quantity >= 0:
        return Processes(quantity, _moment(row, "updated_at"))
    raise _senseless(row)


def _moment(row: object, name: str) -> float | None:
    """A time in whole seconds, as Heroku gives it. Only the accounts need it, so it may be missing."""
    with suppress(HerokuDown, ValueError):
        return datetime.fromisoformat(text(row, name)).timestamp()
    return None


def text(row: object, name: str) -> str:
    value = row.get(name) if isinstance(row, dict) else None
    if isinstance(value, str):
        return value
    raise _senseless(row)


def dyno(row: object) -> Dyno:
    name, command, state, size = (text(row, name) for name in ("name", "command", "state", "size"))
    return Dyno(name, command, state, size, _moment(row, "created_at"))


def _senseless(found: object) -> HerokuDown:
    # Unclear: when this was to start a dyno, one may have started.
    return Unclear(f"Heroku does not answer sensibly: {type(found).__name__} of another shape.")
