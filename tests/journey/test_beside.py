"""Small exports are made beside the web process: real Valkey, S3, web process, and dynos that take 12 s to boot."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from local import process
from local.demo import mails
from local.laptop import ROOT, Laptop, laptop
from pipeline.adapters.redis import Coordination
from pipeline.exports.repository import ExportRepository
from pipeline.tasks.lease import claim_name

from ..readback import read
from ..waiting import until
from . import client

pytestmark = pytest.mark.xdist_group("journey")  # one system for all, whoever runs them

ROWS = [{"Order": n, "Name": f"Customer-{n}", "Total": n * 1.5} for n in range(120)]  # 3 pages
STEPS = ("plan", "0", "assemble", "deliver")
"""The names of the leases of a small export: of its steps, and of its first chunk."""
PAGES = 100  # of an export whose web process ends: far more than are drawn until a busy test has seen the first
BESIDE = {"INLINE_SECONDS": "600", "KEEPER_SECONDS": "0.5", "DOCUMENTS": "tests.journey.slow tests.late_limit"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, forks: process.Start) -> Iterator[Laptop]:
    folder = tmp_path_factory.mktemp("system")
    with laptop(folder, boot_seconds=0.2, environ=BESIDE, start=forks) as running:
        yield running


def ask(system: Laptop, address: str = "admin@example.org", **params: Any) -> str:
    return client.ask(system, "table", address, **{"rows": ROWS, "title": os.urandom(4).hex(), **params})


def children(system: Laptop) -> list[psutil.Process]:
    """The process beside the web process, and the one that it forked, if there is one."""
    below = psutil.Process(system.web.leader.pid).children(recursive=True)
    return [each for each in below if "pipeline.tasks.child" in each.cmdline()]


def hit(system: Laptop, step: str, act: Callable[[], object], said: str) -> str:
    """Request exports, and act while one is in this step, until the web process says so. Returns its id."""
    redis, log = Coordination.open(system.settings), system.folder / "logs" / "web.log"
    try:
        for number in range(20):
            export_id = ask(system, f"{step}-{number}@example.org")
            deadline = time.monotonic() + 60
            while not redis.leases.held([f"{export_id}:{step}"]) and time.monotonic() < deadline:
                if step != "deliver" and redis.progress.is_over(export_id):
                    break
            act()
            until(lambda i=export_id: not redis.leases.held([claim_name(i)]), "it is given up")  # type: ignore[misc]
            if f"export {export_id}: {said}" in log.read_text():
                return export_id
    finally:
        redis.client.connection_pool.disconnect()
    raise AssertionError(f"no export was hit in {step}")


def assert_right(system: Laptop, export_id: str, folder: Path) -> None:
    """The file is right, and there is one mail."""
    export = client.wait_for_end(system, export_id)
    assert export["state"] == "ready", export
    seen = read(client.download(system, export_id, folder))
    assert not seen.complaints
    words = " ".join(page.text for page in seen.pages).split()
    assert [n for n in range(len(ROWS)) if words.count(f"Customer-{n}") != 1] == []
    client.wait_until_told(system, export_id)
    assert len([mail for mail in mails(system) if export_id in str(mail["Message-ID"])]) == 1


@pytest.mark.parametrize("step", STEPS)
def test_workers_go_on_when_the_process_is_killed(system: Laptop, step: str, tmp_path: Path) -> None:
    until(lambda: len(children(system)) == 1, "it has started")
    (beside,) = children(system)

    def kill() -> None:
        for pid in Path(f"/proc/{beside.pid}/task/{beside.pid}/children").read_text().split():
            os.kill(int(pid), signal.SIGKILL)

    assert_right(system, hit(system, step, kill, "the process beside the web process"), tmp_path)


@pytest.mark.parametrize("step", STEPS)
def test_workers_go_on_when_the_process_that_forks_is_killed_too(system: Laptop, step: str, tmp_path: Path) -> None:
    def kill() -> None:
        for each in children(system):
            each.kill()

    assert_right(system, hit(system, step, kill, "the process beside the web process"), tmp_path)


def test_no_dyno_is_started_for_what_is_made_beside_the_web_process(tmp_path: Path, forks: process.Start) -> None:
    with laptop(tmp_path, boot_seconds=12.0, environ=BESIDE, start=forks) as running:
        for rows in (ROWS[:10], ROWS * 7):
            export = client.wait_for_end(running, ask(running, rows=rows))
            assert export["state"] == "ready", export
            client.wait_until_told(running, export["id"])
        cancelled = client.ask(running, "slow", pages=400, seconds=0.05, records=["one"])
        wait_for_lease(running, f"{cancelled}:0")
        client.cancel(running, cancelled)
        until(lambda: running.store.head(f"active/{cancelled}") is None, "it is closed")
        assert running.dynos.max_at_once == 0


def test_without_a_key_and_without_a_worker_exports_are_made_all_the_same(
    tmp_path: Path, forks: process.Start
) -> None:
    """Also a large one, slice by slice, with others in between."""
    alone = BESIDE | {"HEROKU_API_KEY": "", "HEROKU_APP_NAME": "", "INLINE_SECONDS": "0.5"}
    with laptop(tmp_path, environ=alone, start=forks) as running:
        large = client.ask(running, "slow", "large@example.org", pages=20, seconds=0.1, chunk_pages=8)
        small = client.wait_for_end(running, ask(running))
        assert small["state"] == "ready", small
        export = client.wait_for_end(running, large)
        assert (export["state"], export["result"]["pages"]) == ("ready", 20)
        client.wait_until_told(running, large)
        assert len(client.mails_to(running, "large@example.org")) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_go_on_when_the_web_process_ends(
    number: signal.Signals, tmp_path: Path, forks: process.Start
) -> None:
    """At a deploy every process of the dyno gets SIGTERM: the pages that are drawn are kept."""
    with laptop(tmp_path, boot_seconds=0.2, environ=BESIDE, start=forks) as running:
        command, redis = (sys.executable, "-m", "pipeline", "keeper"), Coordination.open(running.settings)

        def drawn(export_id: str) -> int:
            progress = redis.progress.load(export_id)
            return progress.pages if progress else 0

        keeper = forks(command, cwd=ROOT, env=dict(running.env), output=tmp_path / "keeper")
        try:
            export_id = client.ask(running, "slow", pages=PAGES, seconds=0.06, records=["one"], chunk_pages=40)
            until(lambda: drawn(export_id) > 3, "pages are drawn")
            running.web.signal(number)
            exports = ExportRepository(running.store)
            until(lambda: exports.load(export_id).state.over, "it is ready")
            result = exports.load(export_id).result
            assert result is not None
            assert result.pages == PAGES
            until(lambda: running.store.head(f"unsent/{export_id}") is None, "it is told")
            until(lambda: len(client.mails_to(running, "admin@example.org")) == 1, "its mail came")
            assert running.dynos.max_at_once > 0
        finally:
            keeper.end(10.0)
            redis.client.connection_pool.disconnect()
        gave_back = re.search(r"step=render chunk=\d outcome=again", (tmp_path / "logs" / "web.log").read_text())
        assert bool(gave_back) is (number is signal.SIGTERM)


def wait_for_lease(system: Laptop, name: str) -> None:
    redis = Coordination.open(system.settings)
    try:
        until(lambda: bool(redis.leases.held([name])), name)
    finally:
        redis.client.connection_pool.disconnect()
