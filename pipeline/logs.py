"""Logs on stderr: one line per record, as text, logfmt or JSON.

    log.info("A chunk is rendered.", extra=fields(export=export.id, pages=40))

Input cannot forge a line or a field: control characters of messages become spaces, those of fields are
escaped. In text, fields follow the message after a tab, which no message contains.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from .errors.one_line import plain
from .settings.log_formats import LogFormat

NAME = "fields"  # the attribute of a record that holds its fields
PROCESS_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""The form of a line of text in a process whose lines nothing else gives a time."""
ELSEWHERE = ("celery.task", "multiprocessing")
"""Loggers to which Celery gives a handler and a format of its own unless they have a handler."""


def begin(log_format: LogFormat, text: str) -> None:
    """Write every record of level INFO or above to stderr. `text` is the form of a line of text."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(log_format, text))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in ELSEWHERE:
        logging.getLogger(name).handlers = [handler]
        logging.getLogger(name).propagate = False


def fields(**values: Any) -> dict[str, dict[str, Any]]:
    """Return the `extra` of a log call, so that its record has these fields."""
    return {NAME: values}


def formatter(log_format: LogFormat, text: str) -> logging.Formatter:
    """Return the formatter of a format. `text` is the form of a line of text."""
    return {LogFormat.JSON: JsonFormatter, LogFormat.LOGFMT: LogfmtFormatter}.get(log_format, TextFormatter)(text)


class TextFormatter(logging.Formatter):
    """A line for a person. A stack trace follows on lines of its own."""

    def formatException(self, ei: Any) -> str:  # noqa: N802  # logging's name
        return "\n".join(plain(line) for line in super().formatException(ei).split("\n"))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        record.message = plain(record.message)
        line = super().formatMessage(record)
        values = getattr(record, NAME, {})
        return f"{line}\t{logfmt(values)}" if values else line


class LogfmtFormatter(logging.Formatter):
    """`ts=… level=… logger=… message=…`, then the fields; a stack trace is one more field."""

    def format(self, record: logging.LogRecord) -> str:
        return logfmt(self.values(record))

    def values(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what a record says, by key. A field cannot replace what every record has."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        values: dict[str, Any] = {
            "ts": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": plain(record.getMessage()),
        }
        if record.exc_info:
            values["exception"] = self.formatException(record.exc_info)
        return values | {key: value for key, value in getattr(record, NAME, {}).items() if key not in values}


class JsonFormatter(LogfmtFormatter):
    """The same keys and values as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        return printable_json(self.values(record))


def logfmt(values: dict[str, Any]) -> str:
    """Return values as `key=value` pairs; a value that is not a plain word is quoted and escaped as in JSON."""
    return " ".join(f"{key}={_word(value)}" for key, value in values.items())


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else printable_json(value)
    bare = text.isprintable() and text and not set(text) & set(' "=\\')
    return text if bare else printable_json(text)


def printable_json(value: Any) -> str:
    """Return JSON in which every character is printable: no line separators, no terminal escapes."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
