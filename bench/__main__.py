"""python -m bench: measure everything side by side, or parts of it."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from pipeline.scaler.decide import Policy
from pipeline.scaler.simulate.world import Conditions

from . import curves as curving
from . import (
    figures,
    inputs,
    machine,
    measure,
    million,
    registry,
    report,
    scale,
    scaling,
    smoke,
    speedup,
    styles,
    wrapped,
)
from .figures import Figure
from .measure import ROOT

DOCS = ROOT / "docs"
ROWS = ("table", "wrapped", "photos", "join", "scale", "speedup", "curves")
PAGES = 2000


@dataclass(frozen=True)
class Comparison:
    """A subject's tools on one kind of input; `times` as many pages as the table."""

    name: str
    asked: str
    subject: str
    source: measure.Source
    times: float
    check: measure.Check | None = None


COMPARISONS = (
    Comparison("table", "table", "tables", inputs.table, 1),
    Comparison("wrapped notes", "wrapped", "wrapped", wrapped.source, 0.2, wrapped.check),
    Comparison("photos", "photos", "photos", inputs.photos, 0.5),
    Comparison("join text", "join", "joining", inputs.text_chunks, 5),
    Comparison("join photos", "join", "joining", inputs.photo_chunks, 0.5),
)
work_option = click.option(
    "--work", type=click.Path(path_type=Path), default=ROOT / "bench-work", help="Where inputs are kept."
)
json_option = click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures here.")


@click.group(invoke_without_command=True, help=__doc__)
@click.option("--only", help=f"Some of {','.join(ROWS)}, or a measurement of scale: {','.join(scale.measures)}.")
@click.option(
    "--pages", type=click.IntRange(100), default=PAGES, help=f"Pages of the table [{PAGES}]; others follow."
)
@click.option("--rounds", type=click.IntRange(1), default=5, help="How often each tool runs [5].")
@json_option
@work_option
@click.pass_context
def bench(context: click.Context, only: str | None, pages: int, rounds: int, file: Path | None, work: Path) -> None:
    if context.invoked_subcommand:
        return
    wanted = only.split(",") if only else list(ROWS)
    if unknown := set(wanted) - set(ROWS) - set(scale.measures):
        raise click.BadParameter(f"there is no {min(unknown)}", param_hint="--only")
    work.mkdir(parents=True, exist_ok=True)
    result = begun([tool for subject in registry.SUBJECTS for tool in registry.tools(subject)])
    result |= {"rows": compared(wanted, work, pages, rounds)}
    found = figures.of_rows(result["rows"])
    for name, do in scale.measures.items():
        if "scale" in wanted or name in wanted:
            save(result, found, file)  # a measurement that fails takes nothing along
            say(f"scale: {name}")
            found += do(work, pages)
    if "speedup" in wanted:
        say("speedup")
        result["speedup"], more = speedup.speedup(work, pages, say)
        found += more
    if "curves" in wanted:
        result["curves"] = curving.curves(work, say)
    finish(result, found, file)


def compared(wanted: list[str], work: Path, pages: int, rounds: int) -> dict[str, Any]:
    """The comparisons that are wanted."""
    inputs.font(work)
    found = {}
    for row in COMPARISONS:
        if row.asked in wanted:
            count = round(pages * row.times)
            say(f"{row.name}: {count} pages")
            tools = registry.tools(row.subject)
            rows = measure.side_by_side(tools, row.source, count, rounds, work, say, check=row.check)
            found[row.name] = measure.as_json(rows)
    return found


@bench.command("report", help="Write docs/benchmarks.md and README's table from the JSON of one or more runs.")
@click.argument("results", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
def write_report(results: tuple[Path, ...]) -> None:
    read = [json.loads(path.read_text()) for path in results]
    readme = ROOT / "README.md"
    try:
        shown = report.in_readme(readme.read_text(), read)
    except KeyError as missing:
        raise click.UsageError(f"The results have no {missing}, which README.md shows.") from missing
    drawn = next((result["curves"] for result in read if result.get("curves")), None)
    if drawn:
        curving.draw(drawn, DOCS / report.PICTURE)
    (DOCS / "benchmarks.md").write_text(report.page(read, bool(drawn)))
    say(f"wrote {DOCS / 'benchmarks.md'}")
    readme.write_text(shown)
    say(f"wrote the table in {readme}")


@bench.command("smoke", help="A minute: fails on what is wrong by an order of magnitude.")
@work_option
def run_smoke(work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    found = smoke.figures(work)
    show(found)
    sys.exit(0 if all(figure.holds for figure in found) else 1)


@bench.command("styles", help="Draw the pictures of the styles of a table in docs/api.md.")
def draw_styles() -> None:
    styles.main()


@bench.command("decide", help="Time a decision of the scaler about 100 exports.")
def run_decide() -> None:
    say(f"A decision about 100 exports: {scaling.decision_microseconds():.0f} µs, best of 1,000 rounds of 100.")


@bench.command("scaling-soak", help="Simulate the scaler in random runs with faults.")
@click.option("--runs", type=click.IntRange(1), default=1000, help="How many [1000].")
def run_scaling_soak(runs: int) -> None:
    for line in scaling.soak(runs, Policy(20), Conditions()).lines:
        say(line)


@bench.command("million", help="A table of a million pages, made, opened and compared; goes on where it broke off.")
@click.option("--pages", type=click.IntRange(1000), default=million.PAGES)
@click.option("--input", "kind", type=click.Choice(list(million.INPUTS)), default="plain", help="The rows [plain].")
@click.option("--again", is_flag=True, help="Begin anew.")
@json_option
@work_option
def run_million(pages: int, kind: str, again: bool, file: Path | None, work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    result = begun(registry.tools("tables"))
    found, readers = million.run(work, pages, kind, again, say)
    finish(result | {"readers": readers}, found, file)


def begun(tools: list[registry.Tool]) -> dict[str, Any]:
    """What is known before anything is measured."""
    packages = [package for tool in tools for package in tool.packages]
    command = shlex.join(["python", "-m", "bench", *_without(("--json", "--work"), sys.argv[1:])])
    when = time.strftime("%Y-%m-%d", time.gmtime())
    return {
        "command": command,
        "when": when,
        "machine": machine.described(),
        "versions": machine.versions(packages),
    }


def _without(options: Collection[str], words: Sequence[str]) -> list[str]:
    """Words of a command without some options and their values: what does not change the outcome."""
    pairs = zip(["", *words], words, strict=False)
    return [word for before, word in pairs if before not in options and word not in options]


def finish(result: dict[str, Any], found: list[Figure], file: Path | None) -> None:
    """Show the figures, and write all down."""
    show(found)
    save(result, found, file)
    if file:
        say(f"wrote {file}")


def save(result: dict[str, Any], found: list[Figure], file: Path | None) -> None:
    """Write down what was measured so far."""
    result["figures"] = [asdict(figure) for figure in found]
    if file:
        file.write_text(json.dumps(result, indent=1))


def show(found: list[Figure]) -> None:
    for figure in found:
        verdict = ("pass" if figure.holds else "FAIL") if figure.bar else "    "
        say(f"{verdict}  {figure.what:64} {report.shown(figure):>12} {figure.bar:>9}  {figure.how}")


def say(words: str) -> None:
    click.echo(words)
    sys.stdout.flush()


if __name__ == "__main__":
    bench(prog_name="python -m bench")
