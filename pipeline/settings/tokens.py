"""Tokens of the HTTP API: whose they are, and what they may do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Scope(IntEnum):
    """What a token may do; each also what those above it may."""

    READ = 1  # look at exports, and download
    ASK = 2  # request exports, hand inputs in, retry
    ALL = 3  # cancel and remove exports


@dataclass(frozen=True)
class Token:
    """What a token stands for: the name that owns its exports, and what it may do."""

    owner: str
    scope: Scope = Scope.ALL
