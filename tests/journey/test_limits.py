"""Memory, connections and the time of a request stay where they are while documents grow."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
import redis
import requests

from local import cgroup, process, samples
from local.dynos import Fault
from local.laptop import Laptop, laptop
from local.services import valkey
from pipeline.settings import MIB

from . import client
from .tls import tls_in_front_of

LISTED = 400_000
SLOW = "tests.journey.slow"


def peak(system: Laptop) -> int:
    """Bytes of the largest worker so far, all its processes together."""
    return max(system.dynos.peak_rss(f"worker.{n}") for n in range(1, system.dynos.max_at_once + 1))


def made(system: Laptop, photos: int, pictures: list[bytes]) -> dict[str, object]:
    listing = client.put_album(system, photos, pictures=pictures, name=f"album-{photos}")
    export = client.wait_for_end(system, client.ask(system, listing=listing, title=f"{photos} photos"))
    assert export["state"] == "ready", export
    client.wait_for_no_workers(system)
    result: dict[str, object] = export["result"]
    return result


def test_a_thousand_photos_take_no_more_memory_than_two_hundred(tmp_path: Path) -> None:
    if not cgroup.available():
        if os.environ.get("CI") and os.geteuid() == 0 and Path("/sys/fs/cgroup/memory").is_dir():
            pytest.fail("This machine should be able to make memory cgroups.")
        pytest.skip("MEMORY LIMITS ARE NOT TESTED: this system cannot make memory cgroups.")
    pictures = [samples.photo(n) for n in range(6)]
    with laptop(tmp_path, workers=2, boot_seconds=0.2, look_seconds=0.2) as system:
        for _ in range(2):  # a peak is short
            made(system, 200, pictures)
        small = peak(system)
        result = made(system, 1000, pictures)
        large = peak(system)
        kills = sum(system.dynos.oom_kills(f"worker.{n}") for n in (1, 2))
    print(f"\n{result['bytes']} bytes; peak of a worker: {small / MIB:.0f} MiB at 200, {large / MIB:.0f} at 1,000")
    assert result["pages"] == 1000
    assert kills == 0
    assert large <= 256 * MIB
    assert large <= 1.15 * small


def test_a_request_takes_as_long_for_400_entries_as_for_400_000(tmp_path: Path, forks: process.Start) -> None:
    """With a Heroku API that does not answer, so nobody may be waiting for it."""
    with laptop(tmp_path, environ={"KEEPER_SECONDS": "0.3"}, start=forks) as system:
        system.dynos.faults.append(Fault(hang=60, sticky=True))
        line = msgspec.json.encode({"source": "inputs/photo.jpg", "caption": "One of many"}) + b"\n"
        seconds: dict[int, list[float]] = {400: [], LISTED: []}
        for count in seconds:
            system.store.put(f"inputs/{count}.jsonl", line * count)
        for _ in range(60):  # in turn, so that whatever else the machine does befalls both
            for count, taken in seconds.items():
                taken.append(timed_request(system, f"inputs/{count}.jsonl"))
        system.dynos.faults.clear()
    few, many = (statistics.median(seconds[count]) for count in (400, LISTED))
    p99 = sorted(seconds[LISTED])[-1]
    print(f"\nmedian {few * 1000:.0f} ms for 400, {many * 1000:.0f} ms for 400,000; slowest {p99 * 1000:.0f} ms")
    assert many <= 1.5 * few


def timed_request(system: Laptop, listing: str) -> float:
    params = {"listing": listing, "title": uuid4().hex}
    began = time.perf_counter()
    answer = requests.post(
        f"{system.url}/v1/exports",
        json={"document": "photos", "params": params},
        headers=system.headers,
        timeout=client.REQUEST_SECONDS,
    )
    assert answer.status_code == 202, answer.text
    return time.perf_counter() - began


def test_twenty_redis_connections_are_enough(tmp_path: Path, forks: process.Start) -> None:
    """Heroku's smallest Redis allows twenty: a web process and two workers, although four are allowed. Connections
    are counted afterwards."""
    with valkey(tmp_path, extra=("--maxclients", "20")) as small:
        environ = {"DOCUMENTS": SLOW, "REDIS_URL": small.url, "WAITING_PRICE": "1000"}
        with laptop(tmp_path / "system", boot_seconds=0.2, environ=environ, workers=4, start=forks) as system:
            export_id = client.ask(system, "slow", pages=100, seconds=0.1, chunk_pages=5)
            assert client.wait_for_end(system, export_id)["state"] == "ready"
            assert system.dynos.max_at_once == 2
        with redis.Redis.from_url(small.url) as connection:
            assert connection.info("stats")["rejected_connections"] == 0


def test_redis_behind_a_self_signed_certificate(tmp_path: Path, forks: process.Start) -> None:
    """As Heroku's is."""
    with valkey(tmp_path) as plain, tls_in_front_of(plain.port, tmp_path) as port:
        secure = f"rediss://127.0.0.1:{port}/0"
        with laptop(
            tmp_path / "system",
            boot_seconds=0.2,
            environ={"DOCUMENTS": SLOW, "REDIS_URL": secure},
            start=forks,
        ) as system:
            export_id = client.ask(system, "slow", pages=4, seconds=0.01, chunk_pages=2)
            assert client.wait_for_end(system, export_id)["state"] == "ready"
            client.wait_until_told(system, export_id)
            client.wait_for_no_workers(system)
