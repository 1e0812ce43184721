"""python -m tests.chaos: runs on the real system, one after another. README.md beside this file has the options."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import click

from .run import Result, Run, finish, perform, runs
from .stage import Stage, staged

BATCH = 4  # runs, after which the workers must go
STAGE_RUNS = 40  # on one stage


@click.command()
@click.option("--seed", default=0, show_default=True)
@click.option("--runs", "count", type=int, help="How many runs; without --minutes, all combinations once.")
@click.option("--minutes", type=float, help="Start no run after this time.")
@click.option("--first", default=0, help="The number of the first run, to repeat it.")
@click.option("--only", multiple=True, metavar="FAULT", help="Only this fault; may be repeated.")
@click.option("--point", multiple=True, help="Only at this point; may be repeated.")
@click.option("--defaults", is_flag=True, help="With the default timings of the settings, instead of short ones.")
@click.option(
    "--patience", default=1.0, show_default=True, help="How many times as long all may take: busy machines."
)
@click.option("--keep", type=click.Path(path_type=Path), help="Where to copy the logs of wrong runs.")
def main(
    seed: int, count: int | None, minutes: float | None, first: int, only: Sequence[str], point: Sequence[str],
    defaults: bool, patience: float, keep: Path | None,
) -> None:  # fmt: skip
    """Break services and processes on purpose, and check what is promised."""
    chosen = islice(runs(seed, only, point), first, None if count is None else first + count)
    deadline = time.monotonic() + minutes * 60 if minutes else float("inf")
    results: list[Result] = []
    for result in performed(chosen, deadline, keep, defaults=defaults, patience=patience):
        print(result, flush=True)
        results.append(result)
    print("\n".join(table(results)))
    sys.exit(any(result.problems for result in results))


def performed(
    chosen: Iterable[Run],
    deadline: float,
    keep: Path | None = None,
    *,
    defaults: bool = False,
    patience: float = 1.0,
) -> Iterator[Result]:
    """Do runs until the deadline. A wrong run ends its stage: what it left behind must not disturb the next one."""
    chosen = iter(chosen)
    while time.monotonic() < deadline and (waiting := deque(islice(chosen, STAGE_RUNS))):
        while waiting and time.monotonic() < deadline:
            with (
                tempfile.TemporaryDirectory() as folder,
                staged(Path(folder), defaults=defaults, patience=patience) as stage,
            ):
                for result in _until_wrong(stage, waiting, deadline):
                    yield result
                    if keep and result.problems:
                        shutil.copytree(stage.running.folder / "logs", keep / str(result.run.number))


def _until_wrong(stage: Stage, waiting: deque[Run], deadline: float) -> Iterator[Result]:
    """Take runs from those that wait, and do them, until one is wrong."""
    while waiting and time.monotonic() < deadline:
        results: list[Result] = []
        while waiting and len(results) < BATCH and not (results and results[-1].problems):
            results.append(perform(stage, waiting.popleft()))
        yield from (results := finish(stage, results))
        if results[-1].problems:
            return


def table(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of a table of the runs by fault, in Markdown."""
    by_fault: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_fault[result.run.fault.name].append(result)
    head = ("fault", "runs", "points", "wrong", "not reached", "median s", "longest s", "longest s after it")
    yield f"\n| {' | '.join(head)} |\n{'|---' * len(head)}|"
    for fault, those in sorted(by_fault.items()):
        yield _row(fault, those)
    yield _row("**all**", results)


def _row(name: str, results: Sequence[Result]) -> str:
    met = [result for result in results if result.reached]
    counts = Counter((result.run.point.name, result.run.side) for result in met)
    times = sorted(result.seconds for result in met) or [0.0]
    wrong = sum(bool(result.problems) for result in results)
    return (
        f"| {name} | {len(met)} | {len(counts)} | {wrong} | {len(results) - len(met)}"
        f" | {times[len(times) // 2]:.1f} | {times[-1]:.1f} | {max((r.after for r in met), default=0.0):.1f} |"
    )


if __name__ == "__main__":
    main()
