"""How this program logs: to stderr, and one line for each record, whatever strangers wrote into it."""

from __future__ import annotations

import logging


def plain(text: str) -> str:
    """Without control characters: what others wrote adds no line of its own, and does nothing to a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


class OneLine(logging.LogRecord):
    """A record of plain words."""

    def getMessage(self) -> str:  # noqa: N802  # logging's name
        return plain(super().getMessage())


def begin(form: str) -> None:
    """Log everything of note. By the record, not the formatter: Celery brings formatters of its own."""
    logging.setLogRecordFactory(OneLine)
    logging.basicConfig(level=logging.INFO, format=form)
