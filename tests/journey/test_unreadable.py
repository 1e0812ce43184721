"""A bucket that does not give one object: the other exports do not notice."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local import process
from local.laptop import Laptop, laptop

from ..chaos.gate import PASS, Effect, Gate, Request, When
from ..chaos.proxies import HttpProxy, served
from . import client

ENVIRON = {"DOCUMENTS": "tests.journey.slow", "KEEPER_SECONDS": "5", "LINGER_SECONDS": "5"}  # the defaults
EXPORTS = 20


@contextmanager
def system(folder: Path, start: process.Start) -> Iterator[tuple[Laptop, Gate]]:
    """With a proxy before the bucket."""
    gate = Gate()
    proxy = HttpProxy(gate, "s3")

    def routed(addresses: Mapping[str, str]) -> Mapping[str, str]:
        proxy.upstream = addresses["S3_ENDPOINT_URL"].removeprefix("http://")
        return {**addresses, "S3_ENDPOINT_URL": f"http://127.0.0.1:{proxy.server_port}"}

    with served(proxy), laptop(folder, boot_seconds=0.1, environ=ENVIRON, route=routed, start=start) as running:
        yield running, gate


def seconds_of_all_but_one(running: Laptop, gate: Gate, status: int) -> float:
    """Returns how long the others took. With a status, the bucket answers it for the record of one export."""
    began = time.monotonic()
    order: dict[str, Any] = {"pages": 12, "seconds": 0.05, "chunk_pages": 4}
    bad, *others = [client.ask(running, "slow", **order, title=f"{status} {n}") for n in range(EXPORTS)]
    if status:

        def refused(request: Request, when: When) -> Effect:
            mine = when == "before" and f" exports/{bad}/export.json" in request.text
            return Effect(status=status) if mine else PASS

        gate.rules["s3"] = refused
    for each in others:
        assert client.wait_for_end(running, each)["state"] == "ready"
    took = time.monotonic() - began
    gate.rules.clear()
    assert client.wait_for_end(running, bad)["state"] == "ready"
    return took


@pytest.mark.by_hand
@pytest.mark.parametrize("status", [403, 500])
def test_nineteen_of_twenty_exports_end_as_without_it(tmp_path: Path, forks: process.Start, status: int) -> None:
    with system(tmp_path, forks) as (running, gate):
        without, beside = (seconds_of_all_but_one(running, gate, each) for each in (0, status))
    print(f"{status}: {beside:.1f} s, {without:.1f} s without it")
    assert beside < 2 * without
