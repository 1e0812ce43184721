"""What callers may do: tokens of the HTTP API, and people. Pure."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Scope(IntEnum):
    """What a caller may do; each also what those above it may."""

    READ = 1  # look at exports, and download
    ASK = 2  # request exports, hand inputs in, retry
    ALL = 3  # cancel and remove exports; for a person also those of others


ROLES = {"view": Scope.READ, "ask": Scope.ASK, "operate": Scope.ALL}
"""What the scopes of people are called."""


class Token(msgspec.Struct, frozen=True):
    """What a token stands for: the name that owns its exports, and what it may do."""

    owner: str
    scope: Scope = Scope.ALL
