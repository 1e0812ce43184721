"""A process is killed while it finds pages and others still measure: the right file, one mail, nothing done twice.

KILLS=20 pytest tests/journey/test_killed_paginating.py
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from local import process
from local.laptop import Laptop
from pipeline.adapters.redis import Coordination

from ..readback import read
from ..waiting import until
from . import client
from .hurried import measured_ranges, system

ROWS, RANGE = 5000, 2000  # bytes, as in ranges.py
KILLS = int(os.environ.get("KILLS", "1"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, forks: process.Start) -> Iterator[Laptop]:
    folder = tmp_path_factory.mktemp("paginating")
    with system(folder, forks, DOCUMENTS="tests.journey.ranges", LOG_FORMAT="json") as laptop:
        yield laptop


def stored(running: Laptop, export_id: str) -> tuple[int, int]:
    """How many ranges are measured, and the byte up to which pages are found and kept."""
    keys = [each.key.rpartition("/")[2] for each in running.store.entries(f"exports/{export_id}/measures/")]
    kept = [int(key.removeprefix("pages-")) for key in keys if key.startswith("pages-")]
    return sum(key.startswith("0") for key in keys), max(kept, default=0)


def kill(running: Laptop, export_id: str, name: str) -> None:
    """Kill the process that finds pages."""
    leases = Coordination.open(running.settings).leases

    def killed() -> bool:
        holder = leases.holders([name]).get(name)
        if holder:
            os.kill(int(holder.rpartition(" ")[2]), SIGKILL)
        return bool(holder)

    until(killed, "it is killed")


@pytest.mark.parametrize("run", range(KILLS))
def test_a_process_is_killed_while_it_paginates_and_others_measure(
    running: Laptop, tmp_path: Path, run: int
) -> None:
    rows = b"text,number\n" + b"".join(b'"row %d,\nof several lines",%d\n' % (n, n) for n in range(ROWS))
    listing, title, count = f"inputs/rows-{run}.csv", f"Rows {run}", -(-len(rows) // RANGE)
    running.store.put(listing, rows)
    client.wait_for_no_workers(running)
    columns = [{"field": "text"}, {"field": "number", "total": True}]
    export_id = client.ask(running, "table", listing=listing, columns=columns, title=title)
    begun = random.Random(run).randint(1, 3) * 5 * RANGE
    until(lambda: stored(running, export_id)[1] >= begun, "pages are found")
    kill(running, export_id, f"{export_id}:plan")
    measured, kept = stored(running, export_id)
    print(f"run {run}: killed behind byte {kept} of {len(rows)}, when {measured} of {count} ranges were measured")
    assert measured < count, "nothing is measured any more"
    export = client.wait_for_end(running, export_id)
    assert export["state"] == "ready", export["failure"]
    seen = read(client.download(running, export_id, tmp_path))
    text = "\n".join(page.text for page in seen.pages)
    assert [int(found) for found in re.findall(r"^row (\d+),", text, re.MULTILINE)] == list(range(ROWS))
    assert str(sum(range(ROWS))) in text
    assert not seen.complaints
    client.wait_until_told(running, export_id)
    assert client.mails_to(running, "admin@example.org").count(f"Ready: {title}") == 1
    ranges = measured_ranges(running, export_id)
    assert len(ranges) == len(set(ranges)), "one was measured twice"
