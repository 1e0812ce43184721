"""Running tools side by side: each in a process of its own, round after round, so that what disturbs one
disturbs all. What counts is the median of the rounds' ratios."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from . import inputs
from .registry import OURS, Tool

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv-bench" / "bin" / "python"
PATIENCE = 1800.0
MIB = 1024 * 1024
Source = Callable[[Path, int], Path]
"""(folder, pages) -> what a tool reads, made if it is not there."""
Check = Callable[[Path, Path], None]
"""(what a tool read, what it wrote): raises RuntimeError, with the reason, when the file is not right."""


@dataclass(frozen=True)
class Run:
    """What one run of a tool took; `wall` and `cpu` are milliseconds a page, `size` bytes a page."""

    pages: int
    wall: float
    cpu: float
    peak: int
    size: float


@dataclass(frozen=True)
class Row:
    """A tool's medians over all rounds. `ratio` is our processor time a page by its processor time a page."""

    tool: str
    settings: str
    pages: int
    cpu_ms: float
    wall_ms: float
    peak_mib: float
    bytes_per_page: float
    ratio: float
    wall_ratio: float
    peak_ratio: float


@dataclass(frozen=True)
class Missing:
    """A tool that could not be run, and why."""

    tool: str
    reason: str


def alone(
    tool: Tool, source: Source, pages: int, work: Path, here: bool = False, check: Check | None = None
) -> Run:
    """One run in a process of its own; RuntimeError with its last words when it fails.

    A peer runs in the peers' environment, or in the project's when it is to run `here`.
    """
    out, files = work / f"out-{os.getpid()}-{threading.get_ident()}.pdf", (source(work, 1), source(work, pages))
    arguments = ["-m", "bench.alone", tool.subject, tool.name, *map(str, files), str(out), str(pages)]
    python = sys.executable if tool.ours or here else str(PEERS)
    ended = subprocess.run(
        [python, *arguments], cwd=ROOT, env=surroundings(work), capture_output=True, text=True, timeout=PATIENCE
    )
    if ended.returncode:
        words = ended.stderr.strip().splitlines() or [f"ended by signal {-ended.returncode}"]
        raise RuntimeError(f"{tool.name}: {words[-1]}")
    found = json.loads(ended.stdout.splitlines()[-1])
    try:
        if check:
            check(files[1], out)
    finally:
        out.unlink()
    per_page = 1000 / pages
    return Run(pages, found["wall"] * per_page, found["cpu"] * per_page, found["peak"], found["bytes"] / pages)


def surroundings(work: Path) -> dict[str, str]:
    """The environment, with the one font for those who find fonts by fontconfig."""
    config = work / "fonts.conf"
    if not config.exists():
        fonts = inputs.font(work).parent
        config.write_text(
            f"<?xml version='1.0'?><!DOCTYPE fontconfig SYSTEM 'fonts.dtd'><fontconfig><dir>{fonts}</dir>"
            f"<cachedir>{work}/font-cache</cachedir></fontconfig>"
        )
    return {**os.environ, "FONTCONFIG_FILE": str(config)}


def side_by_side(
    tools: Sequence[Tool],
    source: Source,
    pages: int,
    rounds: int,
    work: Path,
    say: Callable[[str], None],
    here: bool = False,
    check: Check | None = None,
) -> list[Row | Missing]:
    """Every tool in every round; one that fails is named and left out."""
    runs: dict[str, list[Run]] = {tool.name: [] for tool in tools}
    missing: dict[str, str] = {}
    for number in range(rounds):
        for tool in tools:
            if tool.name in missing:
                continue
            try:
                run = alone(tool, source, tool.pages(pages), work, here, check)
            except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                missing[tool.name] = str(error)
                say(f"  {tool.name}: left out. {error}")
                continue
            runs[tool.name].append(run)
            say(f"  round {number + 1}  {tool.name:24} {run.pages:6} pages {run.cpu:9.3f} ms a page")
    return list(_rows(tools, runs, missing))


def _rows(
    tools: Sequence[Tool], runs: Mapping[str, list[Run]], missing: Mapping[str, str]
) -> Iterator[Row | Missing]:
    ours = runs[OURS]
    for tool in tools:
        if tool.name in missing:
            yield Missing(tool.name, missing[tool.name])
            continue
        theirs = runs[tool.name]

        def middle(value: Callable[[Run], float], among: list[Run] = theirs) -> float:
            return median(map(value, among))

        def ratio(value: Callable[[Run], float], among: list[Run] = theirs) -> float:
            return median(value(a) / value(b) for a, b in zip(ours, among, strict=True))

        yield Row(
            tool.name, tool.settings, theirs[0].pages, middle(lambda r: r.cpu), middle(lambda r: r.wall),
            middle(lambda r: r.peak) / MIB, middle(lambda r: r.size), ratio(lambda r: r.cpu),
            ratio(lambda r: r.wall), ratio(lambda r: r.peak),
        )  # fmt: skip


def as_json(rows: Sequence[Row | Missing]) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]
