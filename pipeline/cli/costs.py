"""costs: the cost of exports, by month and document."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import InvalidRequest
from . import context, destination, options, output

if TYPE_CHECKING:
    from ..exports.export import Export

MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Line:
    """The cost of one document in one month. `open` counts exports that are not charged yet."""

    month: str
    document: str
    exports: int
    pages: int
    dyno_seconds: float
    dollars: float
    open: int


@click.command()
@click.option("--month", help="Only this month, such as 2026-11.")
@click.option("--trace", type=click.Path(dir_okay=False, path_type=Path),
              help="Write each export as a line for simulate --trace.")  # fmt: skip
@options.force
@options.machine
def costs(month: str | None, trace: Path | None, force: bool, machine: bool) -> None:
    """Show the cost of exports, by month (UTC) and document.

    \b
    JSON: {"costs": [{"month", "document", "exports", "pages", "dyno_seconds", "dollars", "open"}]}
    """
    if month is not None and not MONTH.fullmatch(month):
        raise InvalidRequest(f"{month!r} is not a month such as 2026-11.", field="month")
    exports = context.stores().exports
    if trace:
        destination.check_free(trace, force)
        count = write_trace(trace, (export for export in exports.all() if month in (None, _month(export))))
        output.note(f"{trace}: {output.counted(count, 'finished export')}")
    lines = [line for line in summed(exports.all()) if month in (None, line.month)]
    if machine:
        output.answer({"costs": lines})
        return
    for line in lines:
        uncharged = f", {line.open} not charged yet" if line.open else ""
        output.say(
            f"{line.month}  {line.document:<12} {output.counted(line.exports, 'export'):>14}"
            f" {output.counted(line.pages, 'page'):>16}"
            f" {line.dyno_seconds:>12.0f} dyno-seconds  ${line.dollars:.4f}{uncharged}"
        )
    output.say(f"Total: ${sum(line.dollars for line in lines):.4f}")


def summed(exports: Iterable[Export]) -> list[Line]:
    """Return a line per month and document, sorted. Keeps only the lines in memory, not the exports."""
    lines: dict[tuple[str, str], Line] = {}
    for export in exports:
        key = _month(export), export.document
        line, charge = lines.get(key, Line(*key, 0, 0, 0.0, 0.0, 0)), export.charge
        lines[key] = Line(
            *key,
            line.exports + 1,
            line.pages + export.pages,
            line.dyno_seconds + (charge.dyno_seconds if charge else 0.0),
            line.dollars + (charge.dollars if charge else 0.0),
            line.open + (charge is None),
        )
    return [lines[key] for key in sorted(lines)]


def write_trace(into: Path, exports: Iterable[Export]) -> int:
    """Write exports, oldest first, as a trace for the simulator, one line each. Returns their number."""
    import msgspec

    from ..scaler.simulate import traces

    begin, count = None, 0
    with into.open("wb") as file:
        for export in exports:
            begin = export.created_at if begin is None else begin
            if request := traces.from_export(export, begin):
                file.write(msgspec.json.encode(request) + b"\n")
                count += 1
    return count


def _month(export: Export) -> str:
    return time.strftime("%Y-%m", time.gmtime(export.created_at))


commands = {"costs": costs}
