"""Ids of exports: they sort by time, and cannot be guessed."""

from __future__ import annotations

import secrets
import time

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_TURN = str.maketrans(_CROCKFORD, _CROCKFORD[::-1])


def new_id(now: float | None = None) -> str:
    """26 characters: 48 bits of milliseconds, so ids sort by time, and 80 random bits nobody guesses."""
    value = int((now if now is not None else time.time()) * 1000) << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))


def is_id(text: str) -> bool:
    """Whether a text can be an export's id; everything else is kept out of keys."""
    return len(text) == 26 and all(c in _CROCKFORD for c in text)


def descending(export_id: str) -> str:
    """The id with each digit turned round, so that newer ones sort first; turned again it is the id."""
    return export_id.translate(_TURN)


def created(export_id: str) -> float:
    """When an id was made, in seconds since 1970."""
    value = 0
    for character in export_id:
        value = value << 5 | _CROCKFORD.index(character)
    return (value >> 80) / 1000
