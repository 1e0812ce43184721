"""Workers are killed while they store a Parquet file as lines: the right file, one mail, and nothing done twice.

KILLS=20 pytest tests/journey/test_killed_freezing.py
"""

from __future__ import annotations

import io
import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pyarrow as pa
import pytest
from pyarrow import parquet

from local import process
from local.laptop import Laptop

from ..readback import read
from ..waiting import until
from . import client
from .hurried import system

ROWS, GROUP = 2000, 100
PIECES = 100  # about so many
KILLS = int(os.environ.get("KILLS", "1"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, forks: process.Start) -> Iterator[Laptop]:
    folder = tmp_path_factory.mktemp("freezing")
    with system(folder, forks, DOCUMENTS="tests.journey.freezing", PIECE_LOG=str(folder / "pieces")) as laptop:
        yield laptop


def put_rows(running: Laptop, key: str) -> None:
    out = io.BytesIO()
    columns = {"id": pa.array(range(ROWS)), "name": [f"Name {n} of many" for n in range(ROWS)]}
    parquet.write_table(pa.table(columns), out, row_group_size=GROUP)
    running.store.put(key, out.getvalue())


def pieces(running: Laptop, export_id: str) -> list[str]:
    """The pieces that were made, in order: share, first row, row behind the last one."""
    path = running.folder / "pieces"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.removeprefix(export_id) for line in lines if line.startswith(export_id)]


@pytest.mark.parametrize("run", range(KILLS))
def test_workers_are_killed_while_they_freeze(running: Laptop, tmp_path: Path, run: int) -> None:
    listing, title = f"inputs/rows-{run}.parquet", f"Rows {run}"
    put_rows(running, listing)
    client.wait_for_no_workers(running)
    export_id = client.ask(running, "table", listing=listing, title=title)
    begun = random.Random(run).randint(2, PIECES // 2)
    until(lambda: len(pieces(running, export_id)) >= begun, "pieces are made")
    dynos = running.dynos.dynos()
    for dyno in dynos:
        dyno.signal(SIGKILL)
    export = client.wait_for_end(running, export_id)
    assert export["state"] == "ready", export["failure"]
    assert export["result"]["records"] == ROWS
    seen = read(client.download(running, export_id, tmp_path))
    names = [int(name) for page in seen.pages for name in re.findall(r"Name (\d+) of many", page.text)]
    assert names == list(range(ROWS))
    assert not seen.complaints
    client.wait_until_told(running, export_id)
    assert client.mails_to(running, "admin@example.org").count(f"Ready: {title}") == 1
    made = Counter(pieces(running, export_id))
    again = made.total() - len(made)
    print(f"run {run}: killed after {begun} pieces of {len(made)}, of which {again} were made again")
    assert again <= len(dynos) * int(running.env.get("WORKER_CONCURRENCY", "2")), "one for each process"
