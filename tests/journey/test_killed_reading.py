"""A process is killed while a query is read by ranges of its key: all rows of one moment, one mail, and the result
says how often the query began.

KILLS=20 pytest tests/journey/test_killed_reading.py
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL
from typing import Any

import psycopg
import pytest

from local import process
from local.laptop import Laptop
from pipeline.adapters.redis import Coordination

from ..postgres import postgres
from ..readback import read
from ..waiting import until
from . import client
from .hurried import system

pytestmark = pytest.mark.xdist_group("postgres")
ROWS, SHARES = 2000, 20
KILLS = int(os.environ.get("KILLS", "1"))
Shop = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with (
        postgres() as port,
        psycopg.connect(f"postgresql://shop@127.0.0.1:{port}/postgres", autocommit=True) as found,
    ):
        found.execute("CREATE TABLE orders (id int PRIMARY KEY, name text)")
        yield found


@pytest.fixture(scope="module")
def running(shop: Shop, tmp_path_factory: pytest.TempPathFactory, forks: process.Start) -> Iterator[Laptop]:
    url = f"postgres://shop@127.0.0.1:{shop.info.port}/postgres"
    folder = tmp_path_factory.mktemp("reading")
    changes = {"DOCUMENTS": "tests.journey.keyed", "SHOP_DATABASE_URL": url, "PIECE_LOG": str(folder / "pieces")}
    changes |= {"INLINE_SECONDS": "0", "WORKER_CONCURRENCY": "2"}
    with system(folder, forks, **changes) as laptop:
        yield laptop


def stored(running: Laptop, export_id: str) -> int:
    """How many pieces are stored, of whatever snapshot."""
    return sum(entry.key.count("/") == 4 for entry in running.store.entries(f"exports/{export_id}/shares/"))


def kill(running: Laptop, export_id: str, who: str) -> None:
    """Kill the process that holds the snapshot, or another one that reads a share."""
    leases = Coordination.open(running.settings).leases
    names = [f"{export_id}:measure {number}" for number in range(SHARES)]

    def killed() -> bool:
        holder = leases.holders([f"{export_id}:plan"]).get(f"{export_id}:plan", "")
        others = [process for process in leases.holders(names).values() if process != holder]
        found = [holder] if who == "holder" else others
        if found:
            os.kill(int(found[0].rpartition(" ")[2]), SIGKILL)
        return bool(found)

    until(killed, f"the {who} is killed")


@pytest.mark.parametrize("run", range(KILLS))
@pytest.mark.parametrize("who", ["holder", "reader"])
def test_a_process_is_killed_while_it_reads(
    running: Laptop, shop: Shop, tmp_path: Path, who: str, run: int
) -> None:
    shop.execute("TRUNCATE orders")
    shop.execute("INSERT INTO orders SELECT n, 'Order ' || n FROM generate_series(1, %s) n", (ROWS,))
    title = f"Orders {who} {run}"
    export_id = client.ask(running, "table", query="keyed", title=title)
    begun = random.Random(run).randint(1, SHARES)
    until(lambda: stored(running, export_id) >= begun, "pieces are stored")
    kill(running, export_id, who)
    shop.execute("UPDATE orders SET name = 'Later ' || id")
    export = client.wait_for_end(running, export_id)
    assert export["state"] == "ready", export["failure"]
    starts = export["result"]["query"]["starts"]
    print(f"{who} {run}: killed after {begun} pieces; the query began {starts} times")
    assert starts == (2 if who == "holder" else 1)
    word = "Later" if who == "holder" else "Order"
    seen = read(client.download(running, export_id, tmp_path))
    names = re.findall(r"(Order|Later) (\d+)$", "\n".join(page.text for page in seen.pages), re.MULTILINE)
    assert names == [(word, str(n)) for n in range(1, ROWS + 1)]
    assert not seen.complaints
    client.wait_until_told(running, export_id)
    assert client.mails_to(running, "admin@example.org").count(f"Ready: {title}") == 1
