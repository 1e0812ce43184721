"""Memory over pages: the peak of each tool at growing sizes, and the picture of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import inputs, measure, registry

COUNTS = {"tables": (25, 100, 400, 1600, 6400), "photos": (25, 100, 400, 1000)}
LIMITS = {"tables": 10_000, "photos": 2000}  # pages that a tool of share 1 makes at the most
Curves = dict[str, dict[str, list[tuple[int, float]]]]
"""Subject -> tool -> (pages, MiB at the peak)."""


def curves(work: Path, say: Callable[[str], None]) -> Curves:
    """One run at each size; slow tools stop early."""
    sources = {"tables": inputs.table, "photos": inputs.photos}
    found: Curves = {}
    for subject, source in sources.items():
        for tool in registry.tools(subject):
            points = found.setdefault(subject, {}).setdefault(tool.name, [])
            for pages in COUNTS[subject]:
                if pages > LIMITS[subject] * tool.share:
                    break
                try:
                    run = measure.alone(tool, source, pages, work)
                except RuntimeError as error:
                    say(f"  {tool.name}: left out. {error}")
                    break
                points.append((pages, run.peak / measure.MIB))
                say(f"  {subject:7} {tool.name:24} {pages:6} pages {points[-1][1]:8.0f} MiB")
    return found


def draw(found: Curves, out: Path) -> None:
    """The picture, by matplotlib in the peers' environment."""
    command = [str(measure.PEERS), "-m", "bench.picture", str(out)]
    subprocess.run(command, input=json.dumps(found), text=True, check=True, cwd=measure.ROOT)


def lines(found: dict[str, Any]) -> list[str]:
    """The same as a table: the peak at the largest size of each tool."""
    rows = ["| | tool | peak MiB, by pages |", "|---|---|---|"]
    for subject, tools in found.items():
        for tool, points in tools.items():
            shown = ", ".join(f"{peak:.0f} at {pages:,}" for pages, peak in points)
            rows += [f"| {subject} | {tool} | {shown} |"] if points else []
    return rows
