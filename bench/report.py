"""docs/benchmarks.md, written from the JSON of one or several runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from .curves import lines as curve_lines
from .figures import Figure
from .registry import OURS

Result = Mapping[str, Any]
PICTURE = "memory.svg"

INTRODUCTION = """# Benchmarks

Written by `python -m bench report`; no figure is typed by hand. The tools of one table were measured in one run
on one machine: each in a process of its own, one after the other, in several rounds. **Absolute times differ on
another machine, or on another day; compare the ratios.** A ratio is our processor time per page divided by
theirs (all threads, median of the rounds): 0.20 means a fifth of their cost. Every tool makes one page first,
so that imports and reading fonts do not count. Memory is the peak of the process.

To repeat: `make bench`, which writes this page (`python -m bench --help` lists its parts). The document of a
million pages is `python -m bench million --json bench-work/million.json`, before it; with
`--input wrapped --json bench-work/million-wrapped.json`, one of wrapped notes.
"""

TITLES = {
    "table": ("Tables", "Six columns, 40 rows a page, ruled, 240 cells, numbers at the right, column titles and"
              " page number on every page; from the same CSV, and reading it counts. Ours is plan, render and"
              " assemble."),
    "wrapped notes": ("Tables with notes that wrap", "The same table, with a note of 1 to 25 words in its third"
                      " column: lines end at spaces, rows are as high as they need, and are not divided. The words"
                      " of every file are compared with those of the CSV. Pango and Cairo by hand are missing: they"
                      " have no wheel; WeasyPrint lays out with Pango."),
    "photos": ("Photos", "One JPEG of half a megabyte (1200 × 1600) a page, with its number."),
    "join text": ("Joining text pages", "Finished chunks of 100 pages of twelve lines become one file."),
    "join photos": ("Joining photo pages", "Finished chunks of 50 photo pages become one file."),
}  # fmt: skip

README = {"table": "table", "wrapped notes": "wrapped notes", "photos": "photos", "join text": "joining text pages"}
README_LINE = re.compile(rf"^\| ((?:{'|'.join(README.values())}), .*?) \| ([\d.]+) \|$", re.MULTILINE)


def page(results: Sequence[Result], picture: bool) -> str:
    """The whole page; later results stand beside earlier ones, later figures replace those of the same name."""
    return "\n".join(_lines(results, picture)).rstrip() + "\n"


def _lines(results: Sequence[Result], picture: bool) -> Iterator[str]:
    yield INTRODUCTION
    yield from _runs(results)
    read = [Figure(**figure) for result in results for figure in result.get("figures", [])]
    figures = list({figure.what: figure for figure in read}.values())
    yield from _bars([figure for figure in figures if figure.bar])
    for result in results:
        for name, rows in result.get("rows", {}).items():
            yield from _comparison(name, rows)
    for result in results:
        if speedup := result.get("speedup"):
            yield from _speedup(speedup)
    yield from _others([figure for figure in figures if not figure.bar])
    for result in results:
        if found := result.get("curves"):
            yield "## Memory over pages\n"
            if picture:
                yield f"![Memory over pages: other tools and this]({PICTURE})\n"
            yield from curve_lines(found)
            yield ""
    for result in results:
        if readers := result.get("readers"):
            yield from _readers(readers)


def _runs(results: Sequence[Result]) -> Iterator[str]:
    """Machine and versions once; each run with how busy the machine was before it."""
    machine = {name: value for name, value in results[0]["machine"].items() if name != "load before"}
    versions = {name: version for result in results for name, version in result.get("versions", {}).items()}
    yield "Machine: " + ", ".join(f"{name} {value}" for name, value in machine.items()) + "."
    yield "Versions: " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + ".\n"
    for result in results:
        load = result["machine"].get("load before", "unknown")
        yield f"- `{result['command']}` on {result['when']}, load before it {load}"
    yield ""


def _bars(figures: Sequence[Figure]) -> Iterator[str]:
    if not figures:
        return
    failed = sum(not figure.holds for figure in figures)
    yield "## Bars\n"
    yield f"{len(figures) - failed} of {len(figures)} hold.\n"
    yield "| what | measured | bar | | how |"
    yield "|---|---|---|---|---|"
    for figure in figures:
        holds = "pass" if figure.holds else "**FAIL**"
        yield f"| {figure.what} | {shown(figure)} | {figure.bar} | {holds} | {figure.how} |"
    yield ""


def _others(figures: Sequence[Figure]) -> Iterator[str]:
    if figures:
        yield "## More figures\n"
        yield "| what | measured | how |"
        yield "|---|---|---|"
        yield from (f"| {figure.what} | {shown(figure)} | {figure.how} |" for figure in figures)
        yield ""


def _comparison(name: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    title, what = TITLES[name]
    yield f"## {title}\n"
    yield f"{what}\n"
    yield "| tool | pages | ours by theirs | ms a page | peak, MiB | bytes a page | settings |"
    yield "|---|---|---|---|---|---|---|"
    for row in sorted(rows, key=lambda row: (row["tool"] != OURS, -float(row.get("ratio", 0)))):
        if "reason" in row:
            yield f"| {row['tool']} | | | | | | left out: {row['reason']} |"
            continue
        ratio = "1" if row["tool"] == OURS else f"{row['ratio']:.3g}"
        tool = f"**{OURS}**" if row["tool"] == OURS else row["tool"]
        yield (
            f"| {tool} | {row['pages']:,} | {ratio} | {row['cpu_ms']:.3g} | {row['peak_mib']:.0f}"
            f" | {row['bytes_per_page']:,.0f} | {row['settings']} |"
        )
    yield ""


def _speedup(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Speed-up by workers\n"
    yield (
        "Times faster than one worker. *Simulated*: the steps of the run with one worker, replayed with the times"
        " that they took. All workers are up from the start, and Redis and S3 answer many as fast as one. *Real*:"
        " on this machine, where Redis, S3 and the web process have no core of their own. The seconds are those of"
        " the simulation: all workers measure and draw, one finds the pages, one joins.\n"
    )
    yield "| input | pages | workers | simulated | real | measuring, s | paginating, s | drawing, s | joining, s |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        real = f"{row['real']:.3g}" if row["real"] else ""
        ends = [0.0, *(row["run"][phase] for phase in ("measured", "planned", "drawn", "ready"))]
        phases = " | ".join(f"{end - begin:.1f}" for begin, end in pairwise(ends))
        yield (
            f"| {row['input']} | {row['pages']:,} | {row['workers']} | {row['simulated']:.3g} | {real} | {phases} |"
        )
    yield ""


def in_readme(readme: str, results: Sequence[Result]) -> str:
    """README with the ratios of these results in its table. KeyError for a line of which they have none."""
    ratios = {
        f"{README[name]}, {row['tool']}": f"{row['ratio']:.3g}"
        for result in results
        for name, rows in result.get("rows", {}).items()
        for row in rows
        if name in README and "ratio" in row
    }
    return README_LINE.sub(lambda line: f"| {line[1]} | {ratios[line[1]]} |", readme)


def _readers(readers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## The result, opened by others\n"
    yield "| reader | said | seconds | peak, MiB |"
    yield "|---|---|---|---|"
    for reader in readers:
        yield f"| {reader['name']} | {reader['said']} | {reader['seconds']:.0f} | {reader['peak_mib']:.0f} |"
    yield ""


def shown(figure: Figure) -> str:
    """A figure with its unit."""
    return f"{figure.value:.3g} {figure.unit}".strip()
