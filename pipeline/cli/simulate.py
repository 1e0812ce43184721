"""simulate: the scaler on paper, compared with other strategies."""

from __future__ import annotations

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
    from ..scaler.simulate.report import Figures
    from ..scaler.simulate.traces import Trace

FILE = click.Path(dir_okay=False, path_type=Path)
TRACE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--trace", type=TRACE, help="A trace of your own, as JSON lines (docs/scaling.md).")
@click.option(
    "--maximum", type=click.IntRange(1), default=20, show_default=True, help="The most workers, as MAX_WORKERS."
)
@click.option("--waiting-price", type=click.FloatRange(0.01), default=1.0, show_default=True,
              help="A second of waiting in dyno-seconds, as WAITING_PRICE: 1 is cheap, 10 is fast.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the random boot times and orders.")
@click.option("--picture", type=FILE, help="Draw dynos and queue over time, as SVG.")
@options.force
@options.machine
def simulate(
    trace: Path | None, maximum: int, waiting_price: float, seed: int, picture: Path | None, force: bool,
    machine: bool,
) -> None:  # fmt: skip
    """Simulate the scaler: what it costs beside other strategies, and beside the least possible.

    \b
    JSON, a line for each strategy on each trace: {"trace", "strategy", "dyno_seconds", "bound", "ratio",
    "mean_wait", "max_wait", "killed", "redone", "calls", "idle", "stranded"}; times in seconds.
    """
    from ..scaler.decide import Policy
    from ..scaler.simulate import report, traces
    from ..scaler.simulate.world import Conditions

    if picture:
        destination.check_free(picture, force)
    policy = Policy(maximum, waiting_price=waiting_price)
    if not isfinite(waiting_price):
        raise InvalidRequest("The value of a second of waiting must be a number.", field="waiting_price")
    chosen = traces.fixed_traces() if trace is None else [traces.load_trace(trace)]
    for item in chosen:
        _print(report.compare(item, policy, Conditions(), seed), machine)
    if picture:
        _draw(picture, chosen, policy, seed)


def _print(found: Sequence[Figures], machine: bool) -> None:
    if machine:
        for item in found:
            output.answer(asdict(item) | {"ratio": item.ratio})
        return
    output.say(
        f"{found[0].trace:<20} {'dyno-s':>7} {'x bound':>7} {'wait':>5} {'max':>5} {'killed':>6}"
        f" {'redone':>6} {'calls':>5} {'idle':>4} {'stranded':>8}"
    )
    for item in found:
        ratio = "-" if item.ratio is None else f"{item.ratio:.2f}"
        output.say(
            f"  {item.strategy:<18} {item.dyno_seconds:>7.0f} {ratio:>7} {item.mean_wait:>5.0f}"
            f" {item.max_wait:>5.0f} {item.killed:>6} {item.redone:>6.0f} {item.calls:>5.1f} {item.idle:>4.0f}"
            f" {item.stranded:>8}"
        )


def _draw(into: Path, chosen: Sequence[Trace], policy: Policy, seed: int) -> None:
    """Draw our strategy on each trace."""
    from ..scaler.simulate import picture, report, strategies
    from ..scaler.simulate.world import Conditions

    own, *_ = strategies.compared(policy)
    worlds = [(item.name, report.simulate(item, own, Conditions(), seed)) for item in chosen]
    into.write_text(picture.draw(worlds))
    output.note(f"{into}: {len(worlds)} traces")


commands = {"simulate": simulate}
