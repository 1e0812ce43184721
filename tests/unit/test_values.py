"""Values cannot be changed: what one function was given, no other changes under its hands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

PIPELINE = Path(__file__).parents[2] / "pipeline"
GROW = {
    ("exports/plan.py", "Marks"),
    ("pdf/tally.py", "Tally"),
    ("scaler/simulate/work.py", "SimulatedExport"),
    ("scaler/simulate/platform.py", "SimulatedDyno"),
    ("tasks/report.py", "Totals"),
}
"""Dataclasses that change, on purpose."""


def changeable() -> Iterator[tuple[str, str]]:
    """The dataclasses that are not frozen."""
    for path in sorted(PIPELINE.rglob("*.py")):
        for options, name in re.findall(r"^@dataclass(.*)\nclass (\w+)", path.read_text(), re.MULTILINE):
            if "frozen=True" not in options:
                yield path.relative_to(PIPELINE).as_posix(), name


def test_dataclasses_are_frozen_unless_they_are_meant_to_change() -> None:
    assert set(changeable()) == GROW
