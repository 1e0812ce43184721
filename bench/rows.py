"""python -m bench.rows parquet|query|keyed [ROWS]: a table of many rows that two workers store as lines first.

A task has 30 seconds, so that none can do it alone. The rows are read back from the first, middle and last page.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import pyarrow as pa
import pypdfium2
import sqlalchemy
from pyarrow import parquet

from local.laptop import Laptop
from pipeline.exports.stores import Stores
from tests.postgres import postgres

from . import row_queries
from .million import MB, Steps, progress, tasks
from .system import Order, Watch, put, running

LIMITS = {"SOFT_TIME_LIMIT": "30"}
GROUP = 1_000_000  # rows of a row group
LISTING = "inputs/rows.parquet"
TOLD = 10.0  # seconds from one line to the next

Ask = Callable[[Laptop, int, Path], Order]


def main(kind: str, rows: int) -> None:
    """Make the rows, request the table, and say how long each step took and what the processes needed."""
    with TemporaryDirectory() as name, KINDS[kind](rows) as (environ, ask):
        folder = Path(name)
        steps = Steps(folder, click.echo)
        with running(folder / "system", 2, LOG_FORMAT="json", **LIMITS, **environ) as system, Watch() as watch:
            order = ask(system, rows, folder)
            _follow(order, steps)
            peaks = ", ".join(f"{kind} {peak / MB:.0f} MB" for kind, peak in sorted(watch.peaks.items()))
            steps.say(f"{rows:,} rows, {kind}: ready after {order.wait():.1f} s; largest processes {peaks}")
            steps.say(f"  states first seen at { ({state: round(at, 1) for state, at in order.seen.items()}) }")
            tasks(folder / "system" / "logs", order.id, steps)
            _check(system, order, rows, steps)


def _follow(order: Order, steps: Steps) -> None:
    told = 0.0
    while order.look()["state"] not in ("ready", "failed", "cancelled"):
        if time.perf_counter() - order.began >= told:
            steps.say(progress(order))
            told += TOLD
        time.sleep(0.2)


def _check(system: Laptop, order: Order, rows: int, steps: Steps) -> None:
    """Compare ids on three pages with those that must be there. Raises RuntimeError."""
    made = Stores.open(system.settings).exports.load(order.id).result
    if made is None:
        raise RuntimeError(f"Export {order.id} has no file.")
    path = system.folder / "result.pdf"
    with path.open("wb") as file:
        file.writelines(system.store.read(made.key, 0, made.bytes))
    whole = pypdfium2.PdfDocument(path)
    first, middle, last = (_ids(whole, page) for page in (0, len(whole) // 2, len(whole) - 1))
    if first[0] != 1 or last[-1] != rows or middle != list(range(middle[0], middle[-1] + 1)):
        raise RuntimeError(f"Rows are wrong: {first[:2]} … {middle[:2]} … {last[-2:]} of {rows:,}.")
    steps.say(f"  {len(whole):,} pages, {made.bytes / MB:,.0f} MB; ids {first[0]} to {last[-1]:,}")


def _ids(whole: Any, page: int) -> list[int]:
    text = whole[page].get_textpage().get_text_range()
    return [int(words[-1]) for line in text.splitlines() if (words := line.split())[:1] == ["Name"]]


@contextmanager
def _parquet(_: int) -> Iterator[tuple[dict[str, str], Ask]]:
    yield {}, _ask_parquet


def _ask_parquet(system: Laptop, rows: int, folder: Path) -> Order:
    path = folder / "rows.parquet"
    with parquet.ParquetWriter(path, pa.schema({"id": pa.int64(), "name": pa.string()})) as writer:
        for first in range(1, rows + 1, GROUP):
            ids = range(first, min(first + GROUP, rows + 1))
            writer.write_table(pa.table({"id": pa.array(ids), "name": [f"Name {n}" for n in ids]}), GROUP)
    with path.open("rb") as file:
        put(system.store, LISTING, iter(lambda: file.read(8 * 1024 * 1024), b""))
    return Order(system, "table", {"listing": LISTING})


@contextmanager
def _query(rows: int, *, name: str) -> Iterator[tuple[dict[str, str], Ask]]:
    with postgres() as port:
        url = f"postgresql+psycopg://shop@127.0.0.1:{port}/postgres"
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            fill = "CREATE TABLE rows AS SELECT id, 'Name ' || id AS name FROM generate_series(1, :rows) id"
            connection.execute(sqlalchemy.text(fill), {"rows": rows})
            connection.execute(sqlalchemy.text("ALTER TABLE rows ADD PRIMARY KEY (id)"))
        engine.dispose()
        environ = {"DOCUMENTS": row_queries.__name__, row_queries.DATABASE: url}
        yield environ, lambda system, *_: Order(system, "table", {"query": name})


Kind = Callable[[int], AbstractContextManager[tuple[dict[str, str], Ask]]]
KINDS: dict[str, Kind] = {
    "parquet": _parquet,
    "query": partial(_query, name="query"),
    "keyed": partial(_query, name="keyed"),
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in KINDS:
        raise SystemExit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20_000_000)
