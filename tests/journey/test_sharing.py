"""Exports share workers fairly, and chunks give way before they hit a limit."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from local import process
from local.laptop import Laptop, laptop
from local.services import valkey
from pipeline.adapters.redis import Coordination
from pipeline.exports.repository import ExportRepository

from ..readback import read
from ..waiting import until
from . import client

ONE_SYSTEM, HURRIED = pytest.mark.xdist_group("sharing"), pytest.mark.xdist_group("hurried")
SLOW = {
    "DOCUMENTS": "tests.journey.slow",
    "KEEPER_SECONDS": "0.5",
    "LINGER_SECONDS": "1",
    "SHUTDOWN_SECONDS": "2",
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, forks: process.Start) -> Iterator[Laptop]:
    with laptop(tmp_path_factory.mktemp("system"), boot_seconds=0.1, environ=SLOW, start=forks) as running:
        yield running


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory, forks: process.Start) -> Iterator[Laptop]:
    """A system whose processes are killed after 3 s without progress."""
    limits = {"SOFT_TIME_LIMIT": "2", "TIME_LIMIT": "3", "VISIBILITY_TIMEOUT": "60"}
    folder = tmp_path_factory.mktemp("hurried")
    with laptop(folder, boot_seconds=0.1, environ=SLOW | limits, start=forks) as running:
        yield running


@ONE_SYSTEM
def test_a_small_export_does_not_wait_for_a_huge_one(system: Laptop) -> None:
    huge = client.ask(system, "slow", notify=None, pages=400, seconds=0.05, chunk_pages=4, title="Huge")
    until(lambda: client.look(system, huge)["progress"]["pages_done"] > 8, "it is drawn")
    small = client.ask(system, "slow", notify=None, pages=4, seconds=0.05, chunk_pages=2, title="Small")
    assert client.wait_for_end(system, small)["state"] == "ready"
    behind = client.look(system, huge)
    assert behind["state"] == "rendering"
    assert behind["progress"]["pages_done"] < 300
    client.cancel(system, huge)


# In 3 MB, the messages of all chunks would need 1.4 MB, beside the 2 MB of everything else.
@pytest.mark.parametrize(
    ("megabytes", "exports", "chunks", "made"),
    [
        (3, 12, 80, 3),
        pytest.param(25, 70, 500, 70, marks=pytest.mark.by_hand),
        pytest.param(25, 200, 100, 200, marks=pytest.mark.by_hand),
    ],
)
def test_many_large_exports_fit_a_small_redis(
    tmp_path: Path, forks: process.Start, megabytes: int, exports: int, chunks: int, made: int
) -> None:
    """Most is in Redis while all wait, so of the small case only the first few are made.

    The large cases are on a Redis of heroku-redis:mini, and with the default timings.
    """
    extra = ("--maxmemory", str(megabytes * 1_000_000), "--maxmemory-policy", "noeviction")
    timings = SLOW if chunks == 80 else {"DOCUMENTS": SLOW["DOCUMENTS"], "KEEPER_SECONDS": "5"}
    with valkey(tmp_path, extra=extra) as small:
        environ = timings | {"REDIS_URL": small.url}
        with laptop(tmp_path / "system", boot_seconds=0.1, environ=environ, start=forks) as system:
            order: dict[str, Any] = {"notify": None, "pages": chunks, "seconds": 0.0, "chunk_pages": 1}
            asked = [client.ask(system, "slow", **order, title=f"Number {n}") for n in range(exports)]
            until(lambda: pages_done(system, asked[0]) > chunks / 2, "the first is drawn")
            assert pages_done(system, asked[-1]) == 0, "those of one owner are made one after the other"
            for number, each in enumerate(asked[:made]):
                assert client.wait_for_end(system, each)["state"] == "ready"
                print(f"{number + 1} of {exports} are ready", flush=True)
        with redis.Redis.from_url(small.url) as connection:
            assert "errorstat_OOM" not in connection.info("errorstats")
            print(f"{connection.info('memory')['used_memory_peak'] / 1e6:.1f} MB at most")


@pytest.mark.by_hand
@pytest.mark.parametrize("inline", ["3", "0"], ids=["beside the web process", "by workers"])
def test_exports_of_one_page_that_come_at_once_do_not_wait_for_all(
    tmp_path: Path, forks: process.Start, inline: str
) -> None:
    """What is nearly done is finished first: the first is ready before the last is begun."""
    environ = {"DOCUMENTS": SLOW["DOCUMENTS"], "KEEPER_SECONDS": "5", "MIN_WORKERS": "2", "INLINE_SECONDS": inline}
    with laptop(tmp_path, boot_seconds=0.1, environ=environ, start=forks) as system:
        workers = Coordination.open(system.settings).workers
        until(lambda: len(workers.up()) == 2, "two workers are up")

        def ask(number: int) -> str:
            return client.ask(system, "slow", notify=None, pages=1, seconds=0.05, title=f"Number {number}")

        with ThreadPoolExecutor(8) as pool:
            asked = list(pool.map(ask, range(200)))
        for each in asked:
            assert client.wait_for_end(system, each)["state"] == "ready"
        exports = ExportRepository(system.store)
        made = [exports.load(each) for each in asked]
    took = sorted((each.finished_at or 0.0) - each.created_at for each in made)
    all_of_them = max(each.finished_at or 0.0 for each in made) - min(each.created_at for each in made)
    print(f"median {took[100]:.1f} s, longest {took[-1]:.1f} s, all after {all_of_them:.1f} s")
    assert min(each.finished_at or 0.0 for each in made) < max(each.started_at or 0.0 for each in made)


def pages_done(system: Laptop, export_id: str) -> int:
    return int(client.look(system, export_id)["progress"]["pages_done"])


@HURRIED
def test_a_chunk_that_nears_its_time_limit_keeps_what_it_has(hurried: Laptop, tmp_path: Path) -> None:
    export_id = client.ask(hurried, "slow", pages=70, seconds=0.1, chunk_pages=70)
    assert client.wait_for_end(hurried, export_id)["state"] == "ready"
    seen = read(client.download(hurried, export_id, tmp_path))
    assert [page.text for page in seen.pages] == [f"slow page {n + 1} of 70" for n in range(70)]
    assert not seen.complaints
    logs = "".join(path.read_text() for path in (hurried.folder / "logs").glob("worker.*.log"))
    assert "pages are done" in logs
    assert "TimeLimitExceeded" not in logs


@HURRIED
def test_a_listing_is_stored_for_longer_than_the_time_limit(hurried: Laptop) -> None:
    """Each line of it is progress."""
    export_id = client.ask(hurried, "slow", pages=2, seconds=0.1, lines=50, records=["one"])
    assert client.wait_for_end(hurried, export_id)["state"] == "ready"
    logs = "".join(path.read_text() for path in (hurried.folder / "logs").glob("worker.*.log"))
    assert "TimeLimitExceeded" not in logs


def test_a_chunk_that_nears_its_memory_limit_goes_on_in_a_fresh_process(tmp_path: Path) -> None:
    """So little memory that every page is near the limit: page by page, and each in a new process."""
    with laptop(tmp_path, boot_seconds=0.1, environ=SLOW | {"WORKER_MEMORY_MB": "80"}) as system:
        export_id = client.ask(system, "slow", pages=6, seconds=0.01, chunk_pages=6)
        assert client.wait_for_end(system, export_id)["state"] == "ready"
        seen = read(client.download(system, export_id, tmp_path))
        assert [page.text for page in seen.pages] == [f"slow page {n + 1} of 6" for n in range(6)]
        logs = "".join(path.read_text() for path in (tmp_path / "logs").glob("worker.*.log"))
        assert "1 pages are done, 5 go back" in logs


@ONE_SYSTEM
def test_the_same_request_gets_the_same_export(system: Laptop) -> None:
    order: dict[str, Any] = {"notify": None, "pages": 20, "seconds": 0.1, "chunk_pages": 5}
    first = client.ask(system, "slow", **order)
    assert client.ask(system, "slow", **order) == first
    assert client.ask(system, "slow", **(order | {"pages": 19})) != first
    assert client.wait_for_end(system, first)["state"] == "ready"
    client.wait_until_told(system, first)
    assert client.ask(system, "slow", **order) != first
