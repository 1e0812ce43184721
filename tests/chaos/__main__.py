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

BATCH = 8  # runs, after which the workers must go
STAGE_RUNS = 40  # on one stage
TRIES = 3  # to make a fault


@click.command()
@click.option("--seed", default=0, show_default=True)
@click.option("--runs", "count", type=int, help="How many runs; without it and --minutes, it never stops.")
@click.option("--minutes", type=float, help="Start no run after this time.")
@click.option("--first", default=0, help="The number of the first run, to repeat it.")
@click.option("--only", multiple=True, metavar="FAULT", help="Only this fault; may be repeated.")
@click.option("--point", multiple=True, help="Only at this point; may be repeated.")
@click.option("--defaults", is_flag=True, help="With the default timings of the settings, instead of short ones.")
@click.option(
    "--patience", default=1.0, show_default=True, help="How many times as long all may take: busy machines."
)
@click.option("--forks", is_flag=True, help="Fork web and worker processes from one that has imported all.")
@click.option("--keep", type=click.Path(path_type=Path), help="Where to copy the logs of wrong runs.")
def main(
    seed: int, count: int | None, minutes: float | None, first: int, only: Sequence[str], point: Sequence[str],
    defaults: bool, patience: float, forks: bool, keep: Path | None,
) -> None:  # fmt: skip
    """Break services and processes on purpose, and check what is promised."""
    chosen = islice(runs(seed, only, point), first, None if count is None else first + count)
    deadline = time.monotonic() + minutes * 60 if minutes else float("inf")
    results: list[Result] = []
    for result in performed(chosen, deadline, keep, defaults=defaults, patience=patience, forks=forks):
        print(result, flush=True)
        results.append(result)
    print("\n".join(table(results)))
    sys.exit(not all(result.right for result in last_tries(results)))


def performed(
    chosen: Iterable[Run],
    deadline: float,
    keep: Path | None = None,
    *,
    defaults: bool = False,
    patience: float = 1.0,
    forks: bool = False,
) -> Iterator[Result]:
    """Do runs until the deadline. A wrong run ends its stage: what it left behind must not disturb the next one.

    A run whose fault was not made is done again on the next stage, with a result for each time.
    """
    chosen, tries, again = iter(chosen), Counter[Run](), list[Run]()
    while time.monotonic() < deadline and (waiting := deque((*again, *islice(chosen, STAGE_RUNS)))):
        again.clear()
        while waiting and time.monotonic() < deadline:
            with (
                tempfile.TemporaryDirectory() as folder,
                staged(Path(folder), defaults=defaults, patience=patience, forks=forks) as stage,
            ):
                for result in _until_wrong(stage, waiting, deadline):
                    yield result
                    tries[result.run] += 1
                    if not (result.made or result.problems) and tries[result.run] < TRIES:
                        again.append(result.run)
                    if keep and result.problems:
                        shutil.copytree(stage.running.folder / "logs", keep / str(result.run.number))


def _until_wrong(stage: Stage, waiting: deque[Run], deadline: float) -> Iterator[Result]:
    """Take runs from those that wait, and do them, until one is wrong."""
    while waiting and time.monotonic() < deadline:
        results: list[Result] = []
        while waiting and len(results) < BATCH and not (results and _ends_stage(results[-1])):
            results.append(perform(stage, waiting.popleft()))
        if not results[-1].late:  # with an export that is not over, workers stay
            results = finish(stage, results)
        yield from results
        if _ends_stage(results[-1]):
            return


def _ends_stage(result: Result) -> bool:
    return bool(result.problems) or result.late


def last_tries(results: Iterable[Result]) -> Sequence[Result]:
    """Return the last result of each run."""
    return list({result.run: result for result in results}.values())


def table(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of a table of the runs by fault, in Markdown."""
    by_fault: dict[str, list[Result]] = defaultdict(list)
    for result in (results := last_tries(results)):
        by_fault[result.run.fault.name].append(result)
    head = ("fault", "runs", "points", "wrong", "not made", "median s", "longest s", "longest s after it")
    yield f"\n| {' | '.join(head)} |\n{'|---' * len(head)}|"
    for fault, those in sorted(by_fault.items()):
        yield _row(fault, those)
    yield _row("**all**", results)


def _row(name: str, results: Sequence[Result]) -> str:
    met = [result for result in results if result.made]
    counts = Counter((result.run.point.name, result.run.side) for result in met)
    times = sorted(result.seconds for result in met) or [0.0]
    wrong = sum(bool(result.problems) for result in results)
    unmade = sum(not (result.made or result.problems) for result in results)
    return (
        f"| {name} | {len(met)} | {len(counts)} | {wrong} | {unmade}"
        f" | {times[len(times) // 2]:.1f} | {times[-1]:.1f} | {max((r.after for r in met), default=0.0):.1f} |"
    )


if __name__ == "__main__":
    main()
