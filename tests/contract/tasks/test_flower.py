"""A real Flower beside a real worker with MONITORING=on."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from local.monitors import flower
from pipeline.adapters.redis.messages import QUEUES
from pipeline.exports.export import State
from pipeline.exports.request import ExportRequest
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.tasks.submit import submit

from ... import steps
from ...journey import slow
from .test_worker import CELERY, Environ, until


@pytest.fixture
def monitored(environ: Environ, settings: Settings, tmp_path: Path) -> Iterator[tuple[Services, str]]:
    """Services that send messages to a worker, and the address of Flower, which sees that worker."""
    env = {**os.environ, **environ, "MONITORING": "on", "WORKER_CONCURRENCY": "1", "DOCUMENTS": slow.__name__}
    env["SOFT_TIME_LIMIT"] = "2"  # a chunk that takes longer is put back
    with flower(tmp_path, env) as monitor, (tmp_path / "worker.log").open("wb") as out:
        worker = subprocess.Popen([*CELERY, "worker", "-n", "one@dyno"], env=env, stdout=out, stderr=out)
        with steps.sending(settings) as (services, _):
            yield services, monitor.url
        worker.terminate()
        worker.wait()


def tasks(url: str, export_id: str) -> list[dict[str, Any]]:
    """Returns the tasks of an export as Flower's API shows them."""
    found = requests.get(f"{url}/api/tasks", timeout=10).json()
    return [each for each in found.values() if export_id in (each["kwargs"] or "")]


def test_flower_shows_workers_tasks_and_queues(monitored: tuple[Services, str]) -> None:
    """Also a chunk that is put back, and a step that failed: it returns, since a chord counts what is raised."""
    services, url = monitored
    slow_one = submit(
        services, ExportRequest("slow", {"pages": 12, "seconds": 0.3}, "shop", chunk_pages=12)
    ).export.id
    services.bucket.put("inputs/broken.jsonl", b"this is no JSON\n")
    broken = submit(services, ExportRequest("photos", {"listing": "inputs/broken.jsonl"}, "shop")).export.id
    retried: set[str] = set()

    def ended() -> bool:
        retried.update(each["exception"] for each in tasks(url, slow_one) if each["state"] == "RETRY")
        return all(services.exports.load(each).state.over for each in (slow_one, broken))

    until(ended, "both exports are over")
    assert services.exports.load(slow_one).state is State.READY
    failure = services.exports.load(broken).failure
    assert failure

    until(lambda: {"FAILURE"} <= {each["state"] for each in tasks(url, broken)}, "Flower shows the failure")
    (failed,) = (each for each in tasks(url, broken) if each["state"] == "FAILURE")
    assert (failed["name"], failed["kwargs"]) == ("pipeline.plan", f"{{'export': '{broken}'}}")
    assert failed["exception"] == failure.message
    until(lambda: all(each["state"] == "SUCCESS" for each in tasks(url, slow_one)), "all else succeeded")
    seen = {each["name"]: each["kwargs"] for each in tasks(url, slow_one)}
    assert seen["pipeline.render"] == f"{{'export': '{slow_one}', 'chunk': 0}}"
    assert seen.keys() == {f"pipeline.{step}" for step in ("plan", "render", "assemble", "deliver")}
    assert any("go back" in each for each in retried), retried

    workers = requests.get(f"{url}/api/workers?refresh=1&status=1", timeout=30).json()
    assert workers == {"one@dyno": True}
    page = requests.get(f"{url}/broker", timeout=10).text
    rows = re.findall(r"<td>\s*(pipeline\.\w+)\s*</td>\s*<td[^>]*>\s*(\d+)", page)
    assert dict(rows) == dict.fromkeys(QUEUES, "0"), page
