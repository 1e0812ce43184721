"""docs/coming-from-celery.md: what it names exists, and the Korean page names the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import celery.bin.celery
from celery.app.defaults import NAMESPACES, flatten
from celery.worker.control import Panel

from pipeline.cli import program

from .test_docs import variables

ROOT = Path(__file__).parents[2]
PAGE, KOREAN = (ROOT / folder / "coming-from-celery.md" for folder in ("docs", "docs/ko"))
TEXT = PAGE.read_text()
SPANS = re.findall(r"`([^`\n]+)`", TEXT)
SETTINGS = {name for name, _ in flatten(NAMESPACES)} | {"visibility_timeout"}
"""Of Celery. The last one is read from `app.conf`, and is in no list of Celery's."""


def named(pattern: str) -> set[str]:
    """What the group of the pattern is in those spans of the page that match it."""
    found = {match[1] for span in SPANS if (match := re.match(pattern, span))}
    assert found, pattern
    return found


def test_variables_exist() -> None:
    assert named(r"([A-Z][A-Z_]+)(?:=\S*)?$") <= variables() | {"REMAP_SIGTERM"}


def test_settings_of_celery_exist() -> None:
    assert named(r"((?:task|worker|result|broker|redis|beat|accept|visibility)_[a-z_]+)$") <= SETTINGS


def test_commands_exist() -> None:
    assert named(r"python -m pipeline (\S+)") <= set(program.list_commands(None))  # type: ignore[arg-type]
    assert named(r"celery -A pipeline.celery (\S+)") <= {*celery.bin.celery.celery.commands, "flower"}
    assert named(r"(?:.* )?inspect (\w+)") <= set(Panel.meta)


def test_metrics_exist() -> None:
    source = (ROOT / "pipeline/web/metrics.py").read_text()
    for name in named(r"pipeline_(\w+)$"):
        assert re.search(rf'"(?:pipeline_)?{name.removesuffix("_total")}(?:_total)?"', source), name


def sections(text: str) -> Iterator[Counter[str]]:
    """The spans and the targets of links of each section, without the folder above."""
    for section in text.split("\n## "):
        targets = re.findall(r"\]\((?:\.\./)?([^)]+)\)", section)
        yield Counter(re.findall(r"`([^`\n]+)`", section) + [each for each in targets if "coming" not in each])


def test_the_korean_page_names_the_same() -> None:
    for here, there in zip(sections(TEXT), sections(KOREAN.read_text()), strict=True):
        assert here == there
    assert TEXT.count("\n| ") == KOREAN.read_text().count("\n| ")
