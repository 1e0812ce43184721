"""How this program logs: to stderr, and one line for each record, whatever strangers wrote into it."""

from __future__ import annotations

import logging


class OneLine(logging.LogRecord):
    """A record whose words add no line of their own, and do nothing to a terminal."""

    def getMessage(self) -> str:  # noqa: N802  # logging's name
        return "".join(c if c.isprintable() else " " for c in super().getMessage())


def begin(form: str) -> None:
    """Log everything of note. By the record, not the formatter: Celery brings formatters of its own."""
    logging.setLogRecordFactory(OneLine)
    logging.basicConfig(level=logging.INFO, format=form)
