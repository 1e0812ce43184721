"""`manypages.django` inside the example: Django's own test runner, against a real pipeline."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.laptop import laptop

from ...shop import EXAMPLE, environment

pytestmark = pytest.mark.xdist_group("client")
MOST_LINES = 12


def test_the_cases_of_django_pass(tmp_path: Path) -> None:
    """In a process of its own: a process has one set of Django's settings."""
    with laptop(tmp_path / "system", workers=1, boot_seconds=0.2) as system:
        env = environment(system, tmp_path / "shop.sqlite3", "shop.settings")
        command = [sys.executable, "-W", "error::DeprecationWarning", "manage.py", "test", "tests.contract.django"]
        done = subprocess.run(
            [*command, "--pattern", "cases_*.py", "--noinput"],
            cwd=EXAMPLE, env=env, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    ran = re.search(r"Ran (\d+) tests", done.stderr)
    assert ran and int(ran[1]) > 20


def test_a_project_adds_few_lines() -> None:
    """For the button, the list and the schedule."""
    files = [path for path in EXAMPLE.rglob("*.py") if path.name not in ("documents.py", "manage.py")]
    lines = [line.strip() for path in files for line in path.read_text().splitlines()]
    added = [line for line in lines if re.search(r"manypages|MANYPAGES|PdfExportMixin|pdf_|celery_beat", line)]
    added = [line for line in added if not line.startswith('"""')]
    assert 4 <= len(added) <= MOST_LINES, added


def test_the_migration_is_complete(tmp_path: Path) -> None:
    env = {"PDF_URL": "http://localhost", "PDF_TOKEN": "none", "SHOP_DATABASE": str(tmp_path / "none.sqlite3")}
    command = [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run", "manypages", "orders"]
    env |= {"PYTHONPATH": str(EXAMPLE.parents[1] / "client")}
    done = subprocess.run(command, cwd=EXAMPLE, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
