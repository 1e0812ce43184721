"""How log records are written. Apart from `logs`, so that settings are read without importing `logging`."""

from __future__ import annotations

from enum import StrEnum


class LogFormat(StrEnum):
    """The values of LOG_FORMAT."""

    TEXT = "text"  # for a person
    LOGFMT = "logfmt"  # key=value
    JSON = "json"  # one object per line
