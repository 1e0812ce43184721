"""Things are killed, cut and wiped in the middle of an export: the right PDF and one mail all the same."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest
import redis
import requests

from local import cgroup, process
from local.laptop import Laptop

from ..readback import read
from ..waiting import until
from . import client
from .hurried import measured_ranges, system
from .kills import KILLS

ONE_SYSTEM = pytest.mark.xdist_group("failures")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, forks: process.Start) -> Iterator[Laptop]:
    """One system for the tests that leave it as they found it: every export closed, and no worker."""
    with system(tmp_path_factory.mktemp("system"), forks, SHUTDOWN_SECONDS="4") as running:
        yield running


@pytest.fixture(scope="module")
def planning(tmp_path_factory: pytest.TempPathFactory, forks: process.Start) -> Iterator[Laptop]:
    """A system that measures tables in many small ranges, and slowly."""
    folder = tmp_path_factory.mktemp("planning")
    with system(folder, forks, DOCUMENTS="tests.journey.ranges", LOG_FORMAT="json") as running:
        yield running


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """A system that tries everything twice."""
    with system(tmp_path_factory.mktemp("impatient"), process.start, MAX_ATTEMPTS="2") as running:
        yield running


def pages_done(running: Laptop, export_id: str) -> int:
    return int(client.look(running, export_id)["progress"]["pages_done"])


def parts_of_chunks(running: Laptop, export_id: str, chunk_pages: int) -> list[str]:
    """Segments with fewer pages than their chunk has; their names say how many."""
    keys = [entry.key for entry in running.store.entries(f"exports/{export_id}/segments/")]
    pages = {key: int(key.removesuffix(".seg").rsplit("-", 1)[1]) for key in keys}
    return [key for key, count in pages.items() if count < chunk_pages]


def assert_right_and_told_once(running: Laptop, export_id: str, pages: int, folder: Path) -> None:
    export = client.wait_for_end(running, export_id)
    assert export["state"] == "ready", export
    seen = read(client.download(running, export_id, folder))
    assert [page.text for page in seen.pages] == [f"slow page {n + 1} of {pages}" for n in range(pages)]
    assert not seen.complaints
    client.wait_until_told(running, export_id)
    client.wait_for_no_workers(running)  # they linger for a second: another mail would have been sent meanwhile
    assert client.mails_about(running, export_id) == ["Ready: Document"]


@ONE_SYSTEM
def test_a_worker_is_killed_in_the_middle_of_a_chunk(running: Laptop, tmp_path: Path) -> None:
    export_id = client.ask(running, "slow", pages=60, seconds=0.1, chunk_pages=30)
    until(lambda: pages_done(running, export_id) > 3, "a page is drawn")
    running.dynos.kill("worker.1", SIGKILL)
    assert_right_and_told_once(running, export_id, 60, tmp_path)


@ONE_SYSTEM
def test_all_workers_are_killed_in_the_middle_of_chunks(running: Laptop, tmp_path: Path) -> None:
    export_id = client.ask(running, "slow", pages=100, seconds=0.1, chunk_pages=10)
    until(lambda: running.dynos.count() == 2 and pages_done(running, export_id) > 3, "both are at it")
    for name in ("worker.1", "worker.2"):
        running.dynos.kill(name, SIGKILL)
    assert_right_and_told_once(running, export_id, 100, tmp_path)


@pytest.mark.xdist_group("planning")
@pytest.mark.parametrize("who", KILLS)
@pytest.mark.parametrize("phase", ["measuring", "paginating"])
def test_workers_or_the_leader_are_killed_while_a_table_is_planned(
    planning: Laptop, tmp_path: Path, phase: str, who: str
) -> None:
    """No row is lost or doubled, and no range is measured twice."""
    rows = "".join(f'"row {n},\nof several lines",{n}\n' for n in range(2000))
    planning.store.put("inputs/rows.csv", b"text,number\n" + rows.encode())
    columns = [{"field": "text"}, {"field": "number", "total": True}]
    export_id = client.ask(planning, "table", listing="inputs/rows.csv", columns=columns)

    def stored(kills: int) -> bool:
        names = list(planning.store.entries(f"exports/{export_id}/measures/"))
        keys = [entry.key.rpartition("/")[2] for entry in names]
        if phase == "measuring":
            return sum(key.startswith("0") for key in keys) > 4 * kills
        return any(key.startswith("pages-") and int(key[6:]) > 10_000 * kills for key in keys)

    for kills in (1, 2):
        until(lambda kills=kills: stored(kills), f"it is {phase}")  # type: ignore[misc]
        KILLS[who](planning)
    export = client.wait_for_end(planning, export_id)
    assert export["state"] == "ready", export
    seen = read(client.download(planning, export_id, tmp_path))
    client.wait_until_told(planning, export_id)
    assert client.mails_about(planning, export_id) == ["Ready: Table"]
    text = "\n".join(page.text for page in seen.pages)
    assert [int(found) for found in re.findall(r"^row (\d+),", text, re.MULTILINE)] == list(range(2000))
    assert str(sum(range(2000))) in text
    ranges = measured_ranges(planning, export_id)
    assert len(ranges) == len(set(ranges)), "one was measured twice"


@ONE_SYSTEM
@pytest.mark.parametrize(("after_pages", "chunk_pages"), [(0, 15), (4, 15), (30, 15), (30, 1)])
def test_redis_is_wiped_in_the_middle(running: Laptop, tmp_path: Path, after_pages: int, chunk_pages: int) -> None:
    """Also of an export that is sent in waves."""
    export_id = client.ask(running, "slow", pages=60, seconds=0.1, chunk_pages=chunk_pages)
    until(lambda: pages_done(running, export_id) >= after_pages, "pages are drawn")
    with redis.Redis.from_url(running.valkey.url) as connection:
        connection.flushall()
    assert_right_and_told_once(running, export_id, 60, tmp_path)


def test_every_message_is_delivered_twice(tmp_path: Path, forks: process.Start) -> None:
    """Of a small export, and of one that is sent in waves."""
    with system(tmp_path, forks, DOCUMENTS="tests.journey.twice") as running:
        for pages, chunk_pages in ((30, 5), (40, 1)):
            export_id = client.ask(running, "slow", pages=pages, seconds=0.05, chunk_pages=chunk_pages)
            assert_right_and_told_once(running, export_id, pages, tmp_path)


def test_the_callback_of_a_chord_is_lost(tmp_path: Path, forks: process.Start) -> None:
    """The assembly, or what follows each wave of a large export."""
    dropped = tmp_path / "dropped"
    with system(tmp_path, forks, DOCUMENTS="tests.journey.dropped", DROPPED_LOG=str(dropped)) as running:
        for pages, chunk_pages, chords in ((10, 5, 1), (36, 1, 3)):
            dropped.write_text("")
            export_id = client.ask(running, "slow", pages=pages, seconds=0.05, chunk_pages=chunk_pages)
            assert_right_and_told_once(running, export_id, pages, tmp_path)
            assert dropped.read_text() == "x" * chords


@ONE_SYSTEM
def test_a_worker_that_is_told_to_go_keeps_what_it_has(running: Laptop, tmp_path: Path) -> None:
    """SIGTERM in the middle of a chunk that would take far longer than Heroku waits."""
    export_id = client.ask(running, "slow", pages=80, seconds=0.2, chunk_pages=40)
    until(lambda: pages_done(running, export_id) > 6, "a page is drawn")
    formation = f"{running.dynos.url}/apps/{running.dynos.app}/formation/worker"
    headers = {
        "Authorization": f"Bearer {running.dynos.key}",
        "Accept": "application/vnd.heroku+json; version=3",
    }
    requests.patch(
        formation, json={"quantity": 0}, headers=headers, timeout=client.REQUEST_SECONDS
    ).raise_for_status()
    until(lambda: bool(parts_of_chunks(running, export_id, 40)), "what was drawn is kept")
    requests.patch(
        formation, json={"quantity": 2}, headers=headers, timeout=client.REQUEST_SECONDS
    ).raise_for_status()
    assert_right_and_told_once(running, export_id, 80, tmp_path)


@pytest.mark.xdist_group("impatient")
def test_a_page_that_always_kills_its_worker_ends_the_export_with_a_reason(impatient: Laptop) -> None:
    export_id = client.ask(impatient, "slow", pages=8, seconds=0, deadly=5, chunk_pages=4)
    export = client.wait_for_end(impatient, export_id)
    assert export["state"] == "failed"
    assert "could not be rendered" in export["failure"]["message"]
    client.wait_until_told(impatient, export_id)
    assert client.mails_about(impatient, export_id) == ["Failed: Document"]


@pytest.mark.xdist_group("impatient")
def test_a_page_that_takes_all_memory_does_not_take_the_others_along(impatient: Laptop) -> None:
    if not cgroup.available():
        if os.environ.get("CI") and os.geteuid() == 0 and Path("/sys/fs/cgroup/memory").is_dir():
            pytest.fail("This machine should be able to make memory cgroups.")
        pytest.skip("MEMORY LIMITS ARE NOT TESTED: this system cannot make memory cgroups.")
    hungry = client.ask(impatient, "slow", pages=4, seconds=0, hungry=1, chunk_pages=2, title="Hungry")
    other = client.ask(impatient, "slow", pages=20, seconds=0.05, chunk_pages=5)
    assert client.wait_for_end(impatient, other)["state"] == "ready"
    assert client.wait_for_end(impatient, hungry)["state"] == "failed"


@ONE_SYSTEM
def test_cancelling_stops_the_work(running: Laptop) -> None:
    export_id = client.ask(running, "slow", pages=400, seconds=0.1, chunk_pages=200)
    until(lambda: pages_done(running, export_id) > 3, "a page is drawn")
    client.cancel(running, export_id)
    client.wait_until_told(running, export_id)
    client.wait_for_no_workers(running)
    until(lambda: not list(running.store.entries(f"exports/{export_id}/segments/")), "nothing is left")
    assert client.mails_about(running, export_id) == []


def test_redis_is_down_when_somebody_asks(tmp_path: Path, forks: process.Start) -> None:
    """The export is kept, the person is told, and it is made when Redis is back."""
    from local.services import valkey

    with valkey(tmp_path) as first:
        port = first.port
    with system(tmp_path / "system", forks, REDIS_URL=f"redis://127.0.0.1:{port}/0") as running:
        body = {"document": "slow", "params": {"pages": 4}, "notify": "admin@example.org"}
        answer = requests.post(
            f"{running.url}/v1/exports", json=body, headers=running.headers, timeout=client.REQUEST_SECONDS
        )
        assert (answer.status_code, answer.json()["queued"]) == (202, False)
        export_id = answer.json()["id"]
        with valkey(tmp_path, port=port):
            assert_right_and_told_once(running, export_id, 4, tmp_path)
