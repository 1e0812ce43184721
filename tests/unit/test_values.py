"""Values cannot be changed: what one function was given, no other changes under its hands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

PIPELINE = Path(__file__).parents[2] / "pipeline"
GROW = {
    ("documents/table/paging.py", "PagesSoFar"),
    ("documents/table/warnings.py", "GroupEntry"),
    ("documents/table/warnings.py", "NotesSoFar"),
    ("documents/table/warnings.py", "OpenEntry"),
    ("exports/plan.py", "Marks"),
    ("exports/quotas.py", "Admission"),
    ("pdf/tally.py", "Tally"),
    ("scaler/simulate/work.py", "SimulatedExport"),
    ("scaler/simulate/platform.py", "SimulatedDyno"),
    ("tasks/schedules/report.py", "Totals"),
}
"""Dataclasses and structs that change, on purpose."""


def changeable() -> Iterator[tuple[str, str]]:
    """The dataclasses and structs that are not frozen."""
    for path in sorted(PIPELINE.rglob("*.py")):
        text, within = path.read_text(), path.relative_to(PIPELINE).as_posix()
        made = re.findall(r"^@dataclass(.*)\nclass (\w+)", text, re.MULTILINE)
        made += [
            (options, name) for name, options in re.findall(r"^class (\w+)\(msgspec\.Struct(.*)\)", text, re.M)
        ]
        yield from ((within, name) for options, name in made if "frozen=True" not in options)


def test_values_are_frozen_unless_they_are_meant_to_change() -> None:
    assert set(changeable()) == GROW
