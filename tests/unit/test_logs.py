"""What is written to the log. Each program runs in a process of its own, since logging is set up once."""

from __future__ import annotations

import json
import logging
import shlex
import subprocess
import sys
from typing import Any

import pytest

from pipeline.logs import fields, formatter
from pipeline.settings.log_formats import LogFormat

FORGED = 'a" level=error\nINFO keeper: all is well\r\x1b[2J\u202e\u2028\x85\\ export=7\tü'
TEXT = "%(levelname)s %(name)s: %(message)s"
CELERY = """
from celery.utils.log import get_task_logger
from pipeline.settings import Settings
from pipeline.tasks.app import make_app
make_app(Settings.from_env({})).log.setup("INFO")
log = get_task_logger("x")
"""


def logged(program: str, log_format: LogFormat = LogFormat.TEXT) -> str:
    begin = f"import logging; from pipeline.logs import *; begin(LogFormat({str(log_format)!r}), {TEXT!r})\n"
    own = "log = logging.getLogger('x')\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + own + program], check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return done.stderr


def line_of(log_format: LogFormat, message: str, /, *arguments: Any, **values: Any) -> str:
    record = logging.LogRecord("x", logging.INFO, "", 1, message, arguments, None)
    record.__dict__.update(fields(**values))
    return formatter(log_format, TEXT).format(record)


def parsed(log_format: LogFormat, line: str) -> dict[str, Any]:
    """A line as a program reads it."""
    if log_format is LogFormat.JSON:
        found: dict[str, Any] = json.loads(line)
        return found
    if log_format is LogFormat.TEXT:
        message, _, line = line.partition("\t")
        return {"message": message.partition(": ")[2]} | pairs(line)
    return pairs(line)


def pairs(line: str) -> dict[str, Any]:
    """Read logfmt: pairs with spaces between, values bare or in quotation marks."""
    found = {}
    while line:
        key, _, line = line.partition("=")
        if line.startswith('"'):
            value, end = json.JSONDecoder().raw_decode(line)
            line = line[end:]
        else:
            value, space, rest = line.partition(" ")
            line = space + rest
        found[key.strip()] = value
    return found


@pytest.mark.parametrize("log_format", LogFormat)
@pytest.mark.parametrize("program", ["", CELERY], ids=["alone", "celery"])
def test_untrusted_text_stays_on_its_line(log_format: LogFormat, program: str) -> None:
    text = logged(program + f"log.error('%s: %s', 'plan', {FORGED!r}, extra=fields(reason={FORGED!r}))", log_format)
    line, end = text.split("\n")
    assert line.replace("\t", "", 1).isprintable() and not end
    found = parsed(log_format, line)
    assert found["message"].startswith('plan: a" level=error INFO keeper: all is well  [2J')
    assert found["reason"] == FORGED
    assert "export" not in found


@pytest.mark.parametrize("log_format", LogFormat)
@pytest.mark.parametrize(
    "value", ["", "a b", 'a"b', "a=b", "a\nb", "\x1b[1m", "\u2028", "\udc80", "\\", "plain", "ü"]
)
def test_a_field_is_read_back_as_it_was(log_format: LogFormat, value: str) -> None:
    line = line_of(log_format, "%d done", 3, value=value, after="x")
    assert line.replace("\t", "", 1).isprintable()
    found = parsed(log_format, line)
    assert (found["message"], found["value"], found["after"]) == ("3 done", value, "x")


@pytest.mark.parametrize("log_format", LogFormat)
def test_a_message_cannot_look_like_a_field(log_format: LogFormat) -> None:
    assert "export" not in parsed(log_format, line_of(log_format, "done\texport=7 export=8"))


@pytest.mark.parametrize("log_format", [LogFormat.LOGFMT, LogFormat.JSON])
def test_a_field_cannot_replace_what_every_record_has(log_format: LogFormat) -> None:
    found = parsed(log_format, line_of(log_format, "done", message="forged", level="error", ts="never"))
    assert (found["message"], found["level"], found["logger"]) == ("done", "info", "x")
    assert found["ts"].endswith("Z")


def test_a_record_is_written_in_each_of_three_formats() -> None:
    values = {"export": "7", "pages": 40, "step": "render it"}
    assert line_of(LogFormat.TEXT, "Done.", **values) == 'INFO x: Done.\texport=7 pages=40 step="render it"'
    logfmt = line_of(LogFormat.LOGFMT, "Done.", **values)
    assert logfmt.endswith(' level=info logger=x message=Done. export=7 pages=40 step="render it"')
    assert len(shlex.split(logfmt)) == 7
    found = json.loads(line_of(LogFormat.JSON, "Done.", **values))
    assert found.pop("ts").startswith("20")
    assert found == {"level": "info", "logger": "x", "message": "Done."} | values


def test_a_stack_trace_keeps_its_lines_in_text() -> None:
    text = logged("try: 1/0\nexcept Exception: log.exception('a mistake')")
    assert text.startswith("ERROR x: a mistake\nTraceback")
    assert text.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("log_format", [LogFormat.LOGFMT, LogFormat.JSON])
def test_a_stack_trace_is_one_field_elsewhere(log_format: LogFormat) -> None:
    line, end = logged("try: 1/0\nexcept Exception: log.exception('a mistake')", log_format).split("\n")
    exception = parsed(log_format, line)["exception"]
    assert exception.startswith("Traceback") and exception.endswith("\nZeroDivisionError: division by zero")
    assert not end


@pytest.mark.parametrize("log_format", LogFormat)
def test_celery_writes_the_same_format(log_format: LogFormat) -> None:
    program = CELERY + "log.info('one')\nlogging.getLogger('celery.worker').warning('two')"
    shown = [parsed(log_format, line)["message"] for line in logged(program, log_format).splitlines()]
    assert shown == ["one", "two"]
