"""The examples are short, and the README shows one as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APPS = sorted((ROOT / "examples").glob("*/app.py"))
LONGEST = 25


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.parent.name)
def test_an_example_has_25_lines(app: Path) -> None:
    code = app.read_text()
    assert len([line for line in code.splitlines() if line.strip()]) <= LONGEST
    assert all(len(line) <= 116 and ";" not in line for line in code.splitlines()), "no line is two"


def test_the_example_of_the_readme_is_the_one_for_flask() -> None:
    code = (ROOT / "examples/flask/app.py").read_text()
    assert code in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_page_of_the_examples_is_the_one_of_the_readme() -> None:
    _, shown = re.findall(r"```html\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)  # after Django's
    page = (ROOT / "examples/orders.html").read_text()
    assert all(line in page for line in shown.splitlines())


def test_there_is_an_example_for_flask_and_for_fastapi() -> None:
    assert [app.parent.name for app in APPS] == ["fastapi", "flask"]
