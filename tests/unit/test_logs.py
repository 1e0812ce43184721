"""What stands in the log, in a process of its own: logging is set up once."""

from __future__ import annotations

import subprocess
import sys

import pytest

EVIL = r"There is no \n2026-01-01 INFO keeper: all is well\r\x1b[2J\u202e\u2028."
BEGIN = "import logging; from pipeline import logs; logs.begin('%(name)s: %(message)s')\n"
CELERY = """
from celery.utils.log import get_task_logger
from pipeline.settings import Settings
from pipeline.tasks.app import make_app
make_app(Settings.from_env({})).log.setup("INFO")
"""


def logged(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return done.stderr


@pytest.mark.parametrize(
    "program",
    [
        BEGIN + f"logging.getLogger('x').error('%s: %s', 'plan', '{EVIL}')",
        BEGIN + CELERY + f"get_task_logger('x').error('%s: %s', 'plan', '{EVIL}')",
    ],
    ids=["by itself", "in a worker"],
)
def test_what_strangers_wrote_adds_no_line_to_the_log_and_does_nothing_to_a_terminal(program: str) -> None:
    line, end = logged(program).split("\n")
    assert line.endswith(": plan: There is no  2026-01-01 INFO keeper: all is well  [2J  .")
    assert line.isprintable() and not end


def test_the_stack_of_a_mistake_keeps_its_lines() -> None:
    text = logged(BEGIN + "try: 1/0\nexcept Exception: logging.exception('a mistake')")
    assert text.startswith("root: a mistake\nTraceback") and text.endswith("ZeroDivisionError: division by zero\n")
