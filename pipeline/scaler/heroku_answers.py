"""Parses Heroku's answers. An answer of an unexpected shape is Unclear. No I/O."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ..errors import HerokuDown


class Unclear(HerokuDown):
    """The call may have been obeyed or not; the answer does not tell."""


@dataclass(frozen=True)
class ListedDyno:
    """A dyno as Heroku lists it.

    `since` is when it was ordered, `updated` when its state changed, in seconds since the epoch.
    """

    name: str
    kind: str
    command: str
    state: str
    since: float | None = None
    updated: float | None = None


@dataclass(frozen=True)
class Processes:
    """The quantity of one process type, and since when it is so, in seconds since the epoch."""

    quantity: int
    since: float | None = None


def rows(found: object) -> list[object]:
    """Return the rows of a list."""
    if isinstance(found, list):
        return found
    raise _unexpected(found)


def processes(row: object) -> Processes:
    """Return a row of the formation."""
    quantity = row.get("quantity") if isinstance(row, dict) else None
    if isinstance(quantity, int) and not isinstance(quantity, bool) and quantity >= 0:
        return Processes(quantity, _moment(row, "updated_at"))
    raise _unexpected(row)


def dyno(row: object) -> ListedDyno:
    """Return a row of the list of dynos."""
    return ListedDyno(
        text(row, "name"), text(row, "type"), text(row, "command"), text(row, "state"),
        _moment(row, "created_at"), _moment(row, "updated_at"),
    )  # fmt: skip


def text(row: object, name: str) -> str:
    """Return a text field of a row."""
    value = row.get(name) if isinstance(row, dict) else None
    if isinstance(value, str):
        return value
    raise _unexpected(row)


def _moment(row: object, name: str) -> float | None:
    """Return a time, in whole seconds as Heroku gives it. Only billing needs it, so it may be missing."""
    with suppress(HerokuDown, ValueError):
        return datetime.fromisoformat(text(row, name)).timestamp()
    return None


def _unexpected(found: object) -> HerokuDown:
    # Unclear, not refused: if this was an order for a dyno, one may have started.
    return Unclear(f"Heroku gave no usable answer: {type(found).__name__} of another shape.")
