"""From the request to the file: exports of every day, with no worker up and with one."""

from __future__ import annotations

import csv
import io
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from typing import Any

from local.laptop import Laptop, laptop
from pipeline.settings import Settings

from . import inputs
from .figures import Figure
from .system import TABLE, Order, put, running

BOOT = 12.0  # seconds that a dyno takes to boot
TIMES = {1: 7, 20: 7, 200: 3, 2000: 2}
"""Pages, and how often they are asked for."""
MOST = {1: 0.6, 20: 1.0}  # seconds, with no worker up
IN_REQUEST = 20  # pages: the rows of larger ones come from the bucket


def request_to_ready() -> list[Figure]:
    """Medians of seconds, and the dynos that were paid."""
    with tempfile.TemporaryDirectory() as folder, none_up(Path(folder)) as system:
        found = [_without(system, pages) for pages in TIMES]
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), 1, INLINE_SECONDS=_default()) as system:
        found += [_with_one(system, pages) for pages in TIMES]
    return found


def none_up(folder: Path) -> AbstractContextManager[Laptop]:
    """A system whose workers are started when they are needed, as on Heroku."""
    environ = {"INLINE_SECONDS": _default(), "KEEPER_SECONDS": "5"}
    return laptop(folder, workers=1, boot_seconds=BOOT, environ=environ)


def _default() -> str:
    return str(Settings.from_env({}).inline_seconds)


def _without(system: Laptop, pages: int) -> Figure:
    params, seconds, paid = _params(system, pages), [], []
    for _ in range(TIMES[pages]):
        before = system.dynos.dyno_seconds()
        seconds.append(Order(system, "table", params).wait())
        while system.dynos.count():  # the next one finds no worker up
            time.sleep(0.5)
        time.sleep(1.0)
        paid.append(system.dynos.dyno_seconds() - before)
    how = f"{_how(seconds)}; {median(paid):.0f} dyno-seconds, boot {BOOT:.0f} s"
    return Figure(f"{_name(pages)}, no worker up: request to ready", median(seconds), "s", how, MOST.get(pages))


def _with_one(system: Laptop, pages: int) -> Figure:
    params, seconds = _params(system, pages), []
    for _ in range(TIMES[pages]):
        seconds.append(Order(system, "table", params).wait())
        time.sleep(1.0)
    return Figure(f"{_name(pages)}, one worker up: request to ready", median(seconds), "s", _how(seconds))


def _how(seconds: list[float]) -> str:
    return f"median of {len(seconds)}, slowest {max(seconds):.2f} s"


def _name(pages: int) -> str:
    return f"{pages:,} pages" if pages > 1 else "1 page"


def _params(system: Laptop, pages: int) -> dict[str, Any]:
    if pages <= IN_REQUEST:
        text = b"".join(inputs.csv_blocks(pages)).decode()
        return {**TABLE, "rows": list(csv.DictReader(io.StringIO(text)))}
    key = f"inputs/rows-{pages}.csv"
    put(system.store, key, inputs.csv_blocks(pages))
    return {**TABLE, "listing": key}
