"""simulate: run the scaler in a simulation, next to other strategies."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import InvalidRequest
from . import destination, options, output

if TYPE_CHECKING:
    from ..scaler.decide import Policy
    from ..scaler.simulate.report import Figures, Soak
    from ..scaler.simulate.traces import Trace

FILE = click.Path(dir_okay=False, path_type=Path)
TRACE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--trace", type=TRACE, help="A trace of your own, as JSON lines (docs/scaling.md).")
@click.option("--maximum", type=click.IntRange(1), default=20, show_default=True, help="Maximum number of workers.")
@click.option("--waiting-price", type=click.FloatRange(0.01), default=1.0, show_default=True,
              help="Price of a second of waiting, in dyno-seconds: 1 is cheap, 10 fast.")  # fmt: skip
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Seed of the random numbers: boot times, which worker takes what.",
)
@click.option("--soak", type=click.IntRange(1), help="Do this many random runs with faults instead.")
@click.option("--time-decide", is_flag=True, help="Measure a decision about 100 exports instead.")
@click.option("--picture", type=FILE, help="Draw dynos and queue over time, as SVG.")
@options.force
@options.machine
def simulate(
    trace: Path | None, maximum: int, waiting_price: float, seed: int, soak: int | None, time_decide: bool,
    picture: Path | None, force: bool, machine: bool,
) -> None:  # fmt: skip
    """Simulate the scaler: its cost next to other strategies and to the lowest possible cost.

    \b
    JSON, a line per strategy and trace: {"trace", "way", "dyno_seconds", "bound", "ratio", "mean_wait",
    "max_wait", "killed", "redone", "calls", "idle", "stranded"}; times in seconds.
    --soak: {"runs", "exports", "stranded", "killed", "idle", "calls", "ratio"}
    --time-decide: {"microseconds"}
    """
    from ..scaler.decide import Policy
    from ..scaler.simulate import report, traces
    from ..scaler.simulate.world import Surroundings

    if picture:
        destination.check_free(picture, force)
    policy = Policy(maximum, waiting_price=waiting_price)
    if not isfinite(waiting_price):
        raise InvalidRequest("--waiting-price must be a finite number.", field="waiting_price")
    if time_decide:
        _tell_time(machine)
    elif soak:
        _tell_soak(report.soak(soak, policy, Surroundings()), machine)
    else:
        chosen = traces.fixed() if trace is None else [traces.recorded(trace)]
        for item in chosen:
            _tell(report.compare(item, policy, Surroundings(), seed), machine)
        if picture:
            _draw(picture, chosen, policy, seed)


def _tell(found: Sequence[Figures], machine: bool) -> None:
    if machine:
        for item in found:
            output.answer(asdict(item) | {"ratio": item.ratio})
        return
    output.say(
        f"{found[0].trace:<20} {'dyno-s':>7} {'x bound':>7} {'wait':>5} {'most':>5} {'killed':>6}"
        f" {'redone':>6} {'calls':>5} {'idle':>4} {'stranded':>8}"
    )
    for item in found:
        ratio = "-" if item.ratio is None else f"{item.ratio:.2f}"
        output.say(
            f"  {item.way:<18} {item.dyno_seconds:>7.0f} {ratio:>7} {item.mean_wait:>5.0f} {item.max_wait:>5.0f}"
            f" {item.killed:>6} {item.redone:>6.0f} {item.calls:>5.1f} {item.idle:>4.0f} {item.stranded:>8}"
        )


def _tell_soak(found: Soak, machine: bool) -> None:
    if machine:
        output.answer(asdict(found))
        return
    output.say(f"{found.runs} random runs with faults, {found.exports} exports:")
    output.say(f"  {found.stranded} stranded, {found.killed} busy workers killed by a decision")
    output.say(f"  at most {found.idle:.0f} s with idle workers")
    output.say(f"  {found.calls:.1f} calls per export; {found.ratio:.2f} times the bound")


def _tell_time(machine: bool) -> None:
    """Print the best of many short rounds, in processor time, as the machine may be busy."""
    from ..scaler.decide import Demand, Dyno, Policy, Snapshot, decide

    demands = [Demand(str(number), 40, 6.0, 0.0, 5.0) for number in range(100)]
    now = Snapshot(0.0, demands, [Dyno(number, -60.0, True, True) for number in range(1, 5)], 15.0)
    policy, rounds = Policy(4), []
    for _ in range(1000):
        began = time.process_time()
        for _ in range(100):
            decide(now, policy)
        rounds.append((time.process_time() - began) * 1e4)
    if machine:
        output.answer({"microseconds": min(rounds)})
    else:
        output.say(f"A decision about 100 exports: {min(rounds):.0f} µs, best of 1,000 rounds of 100.")


def _draw(into: Path, chosen: Sequence[Trace], policy: Policy, seed: int) -> None:
    """Draw each trace as this scaler handles it."""
    from ..scaler.simulate import picture, report, ways
    from ..scaler.simulate.world import Surroundings

    own, *_ = ways.compared(policy)
    worlds = [(item.name, report.simulate(item, own, Surroundings(), seed)) for item in chosen]
    into.write_text(picture.draw(worlds))
    output.note(f"{into}: {len(worlds)} traces")
