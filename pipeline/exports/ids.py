"""Ids of exports: they sort by time and cannot be guessed. Pure, but for `new_id`: clock and random bits."""

from __future__ import annotations

import secrets
import time

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
ID = f"^[{_CROCKFORD}]{{26}}$"
"""The pattern of an id."""
_COMPLEMENT = str.maketrans(_CROCKFORD, _CROCKFORD[::-1])


def new_id(now: float | None = None) -> str:
    """Return an id: 26 characters of Crockford's base 32.

    They are 48 bits of milliseconds, so ids sort by time, and 80 random bits. `now` is in seconds since 1970; the
    clock's time if it is None.
    """
    value = int((now if now is not None else time.time()) * 1000) << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))


def is_id(text: str) -> bool:
    """Return whether a text can be an export's id. Nothing else may become part of a key."""
    return len(text) == 26 and all(c in _CROCKFORD for c in text)


def descending(export_id: str) -> str:
    """Return an id's complement, so that newer ids sort first. The complement of the complement is the id."""
    return export_id.translate(_COMPLEMENT)


def created(export_id: str) -> float:
    """Return when an id was made, in seconds since 1970."""
    value = 0
    for character in export_id:
        value = value << 5 | _CROCKFORD.index(character)
    return (value >> 80) / 1000
