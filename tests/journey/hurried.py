"""A system with short times, so that what is killed is repaired soon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import process
from local.laptop import Laptop, laptop

SLOW = "tests.journey.slow"
TIMINGS = {
    "KEEPER_SECONDS": "0.5",
    "LEASE_SECONDS": "2",
    "LINGER_SECONDS": "1",
    "REPAIR_PATIENCE": "5",
    "SHUTDOWN_SECONDS": "2",
    "WAITING_PRICE": "1000",  # as many workers as there may be, and at once
}


@contextmanager
def system(folder: Path, start: process.Start, **changes: str) -> Iterator[Laptop]:
    environ = {"DOCUMENTS": SLOW, **TIMINGS, **changes}
    with laptop(folder, boot_seconds=0.1, stop_seconds=5, environ=environ, start=start) as running:
        yield running


def measured_ranges(running: Laptop, export_id: str) -> list[int]:
    """The ranges that were measured to their end, from the logs of the workers."""
    lines = "".join(path.read_text() for path in (running.folder / "logs").glob("worker.*.log")).splitlines()
    steps = [json.loads(line) for line in lines if '"step":"measure"' in line.replace(": ", ":")]
    return [int(step["chunk"]) for step in steps if step["outcome"] == "done" and step["export"] == export_id]
