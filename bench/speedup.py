"""How much faster more workers are: measured with one and two, simulated with up to 64.

The steps of a real run with one worker are timed, by the worker's own records, and replayed.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from local.laptop import Laptop
from pipeline.exports.measures import RANGE_BYTES

from . import inputs, texts
from .figures import Figure
from .replay import Linear, Run, Times, replayed
from .system import TABLE, Order, put, running

PAGES = 1_000_000
WORKERS = (1, 2, 4, 8, 16, 32, 64)
LEAST = {16: 14, 64: 45}  # times faster than one
CHUNK = 4000  # pages, at least: S3 copies only parts above 5 MB by itself, and those of large tables are
WAVES = 40  # chunks of a small table that is sent in waves
TINY = 3  # exports of a page
INPUTS = {"plain rows": (texts.PLAIN, 40, 1), "wrapped notes": (texts.NOTES, 8, 1.86)}
"""Kinds of table: by the pages of the common table, and how many pages the rows of a plain page fill. So many plain
pages are measured in waves, as a million are."""
STEPS = ("plan", "measure", "wave", "render", "assemble")
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Records:
    """The records of the steps of exports: of one page each, of a small one in waves, and of a large one."""

    tiny: Sequence[Sequence[Record]]
    small: Sequence[Record]
    large: Sequence[Record]

    def tiny_took(self, step: str) -> float:
        """The median of what a step took for a page."""
        return median(_took(record) for records in self.tiny for record in records if record["step"] == step)


@dataclass(frozen=True)
class Row:
    """A table on so many workers: seconds until each phase ended, and how many times faster than with one."""

    input: str
    pages: int
    workers: int
    simulated: float
    real: float | None
    run: Run


def speedup(work: Path, pages: int, say: Callable[[str], None]) -> tuple[list[dict[str, Any]], list[Figure]]:
    """The rows, and figures with bars."""
    rows: list[Row] = []
    for name, (variant, times, by) in INPUTS.items():
        source = texts.VARIANTS[variant].source(work, pages * times)
        chunk = _chunk_pages(round(pages * times * by))
        one, two = (_made(source, workers, chunk) for workers in (1, 2))
        count, measured = one.large[-1]["pages"], times_of(one, source.stat().st_size)
        real = seconds(one.large), seconds(two.large)
        say(f"  {name}: {count} pages, {real[0]:.1f} s with one worker, {real[1]:.1f} s with two; {measured}")
        rows += _rows(name, count, (2,), measured, chunk, real[0] / real[1])
        rows += _rows(name, PAGES, WORKERS, measured, None, None)
    for row in rows:
        say(f"  {row.input:14} {row.pages:9,} pages {row.workers:3} workers: {row.simulated:6.2f} simulated")
    return [asdict(row) for row in rows], list(_figures(rows))


def _rows(
    name: str, pages: int, workers: Iterable[int], times: Times, chunk_pages: int | None, real: float | None
) -> Iterator[Row]:
    alone = replayed(times, pages, 1, chunk_pages).ready
    for count in workers:
        run = replayed(times, pages, count, chunk_pages)
        yield Row(name, pages, count, alone / run.ready, real, run)


def _figures(rows: Iterable[Row]) -> Iterator[Figure]:
    for row in rows:
        if row.pages == PAGES and row.workers in LEAST:
            run = row.run
            how = (
                f"{run.measured:.1f} s until all is measured, {run.planned - run.measured:.1f} s paginating the"
                f" rest in one task, {run.drawn - run.planned:.1f} s drawing, {run.ready - run.drawn:.1f} s joining"
            )
            yield Figure(
                f"{row.input}, {PAGES:,} pages: {row.workers} workers, times faster than one",
                row.simulated, "×", how, least=LEAST[row.workers],
            )  # fmt: skip


def _made(source: Path, workers: int, chunk: int) -> Records:
    """The records of exports by so many workers."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), workers, LOG_FORMAT="json") as system:
        with source.open("rb") as file:
            put(system.store, f"inputs/{source.name}", iter(lambda: file.read(1 << 20), b""))
        put(system.store, "inputs/small.csv", inputs.csv_blocks(WAVES * 10))
        tiny = [_made_one(system, {"rows": [{"Order": "1"}]}) for _ in range(TINY)]
        small = _made_one(system, {"listing": "inputs/small.csv"}, 10)
        large = _made_one(system, {"listing": f"inputs/{source.name}"}, chunk)
        time.sleep(1.0)  # until the last record is written
        lines = [line for path in (Path(folder) / "logs").glob("worker.*.log") for line in path.open()]
    records = sorted((json.loads(line) for line in lines if '"message": "step"' in line), key=_ended)
    of = {id: [r for r in records if r["export"] == id and r["step"] in STEPS] for id in (*tiny, small, large)}
    return Records([of[id] for id in tiny], of[small], of[large])


def _made_one(system: Laptop, params: Mapping[str, Any], chunk: int | None = None) -> str:
    order = Order(system, "table", {**TABLE, **params}, chunk_pages=chunk)
    order.wait(0.5)
    return order.id


def _chunk_pages(pages: int) -> int:
    """An even number of chunks, for two workers."""
    return ceil(pages / max(2, pages // CHUNK // 2 * 2))


def times_of(found: Records, size: int) -> Times:
    """What the steps took. `size`: bytes of the large listing."""
    of = {step: [record for record in found.large if record["step"] == step] for step in STEPS}
    if not of["measure"]:
        raise RuntimeError(f"A listing of {size:,} bytes is planned in one task: take more --pages.")
    pages = of["assemble"][-1]["pages"]
    whole = of["measure"][: size // RANGE_BYTES] or of["measure"]
    between = [_ended(after) - _took(after) - _ended(before) for before, after in pairwise(found.large)]
    return Times(
        divide=_took(of["plan"][0]),
        ranges=tuple(map(_took, whole)),
        # Of several steps, only one's time for a page is taken off: the replay is rather too strict.
        paginate=Linear.through(found.tiny_took("plan"), sum(map(_took, of["plan"][1:])), pages),
        pages=tuple(_took(record) / record["pages"] for record in of["render"] if record["pages"]),
        wave=median(_took(record) for record in found.small if record["step"] == "wave"),
        join=Linear.through(found.tiny_took("assemble"), _took(of["assemble"][-1]), pages),
        between=max(0.0, median(between)),
        page_bytes=size / pages,
    )


def seconds(records: Sequence[Record]) -> float:
    """From the begin of the first step to the end of the last."""
    return _ended(records[-1]) - min(_ended(record) - _took(record) for record in records)


def _took(record: Record) -> float:
    return float(record["ms"]) / 1000


def _ended(record: Record) -> float:
    return datetime.fromisoformat(record["ts"]).timestamp()
