"""What a user of Celery types, on real parts: worker, inspect, report, beat, flower, metrics with promtool, locks.

The task for django-celery-beat is tested in tests/contract/django/, the files of monitoring/ in test_monitoring.py.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest
import requests

from local.monitors import flower
from pipeline.adapters.redis.messages import QUEUES
from pipeline.exports.request import ExportRequest
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.tasks import flow
from pipeline.tasks.submit import submit

from ... import steps
from ...journey import slow
from ..test_monitoring import web
from . import clocked
from .test_worker import CELERY, OURS, SECONDS, Environ, until

ROOT = Path(__file__).parents[3]
NODE = f"worker.1@{gethostname()}"


@dataclass(frozen=True)
class System:
    """A worker, a beat and a Flower, each started by the `celery` command, and services that send them messages."""

    services: Services
    env: Environ
    flower: str
    worker: subprocess.Popen[bytes]
    beat: subprocess.Popen[bytes]
    said: Callable[[], str]

    def type(self, *words: str, wanted: int = 0) -> str:
        """Returns what a command prints."""
        ended = subprocess.run([*words], env=self.env, capture_output=True, text=True, timeout=SECONDS)
        assert ended.returncode == wanted, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def tasks(self, export_id: str) -> list[dict[str, Any]]:
        """Returns the tasks of an export as Flower's API shows them."""
        found = requests.get(f"{self.flower}/api/tasks", timeout=10).json()
        return [each for each in found.values() if export_id in (each["kwargs"] or "")]

    def submit(self, document: str, **params: Any) -> str:
        return submit(self.services, ExportRequest(document, params, "shop", chunk_pages=400)).export.id


@pytest.fixture
def system(
    environ: Environ, settings: Settings, put_photos: Callable[[int], str], tmp_path: Path
) -> Iterator[System]:
    put_photos(2)
    env = {**os.environ, **environ, "MONITORING": "on", "DOCUMENTS": slow.__name__, "PYTHONPATH": str(ROOT)}
    env |= {"SOFT_TIME_LIMIT": "2"}  # a chunk that takes longer is put back
    env |= {"BEAT": "celery", "SCHEDULES": clocked.__name__, "TIMEZONE": "Asia/Seoul"}
    with ExitStack() as stack:
        worker = stack.enter_context(
            started("worker", "-l", "info", env=env | {"DYNO": "worker.1"}, folder=tmp_path)
        )
        beat = stack.enter_context(started("beat", "-l", "info", "--pidfile", "", env=env, folder=tmp_path))
        monitor = stack.enter_context(flower(tmp_path, env))
        services, _ = stack.enter_context(steps.sending(settings))
        yield System(services, env, monitor.url, worker, beat, (tmp_path / "beat.log").read_text)


@contextmanager
def started(*words: str, env: Environ, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command of Celery, with its log in the folder."""
    with (folder / f"{words[0]}.log").open("wb") as out:
        process = subprocess.Popen([*CELERY, *words], env=env, stdout=out, stderr=out, cwd=folder)
    yield process
    process.kill()
    process.wait()


def test_what_a_user_of_celery_types(system: System) -> None:
    services = system.services
    services.bucket.put("inputs/broken.jsonl", b"this is no JSON\n")
    broken = system.submit("photos", listing="inputs/broken.jsonl")
    long = system.submit("slow", pages=400, seconds=0.1)

    until(lambda: any(each["retried"] for each in system.tasks(long)), "Flower shows a chunk that was put back")
    check_inspect(system, long)
    flow.cancel(services, long)
    until(lambda: "started export" in system.said(), "beat starts an export")
    system.beat.terminate()
    assert system.beat.wait(SECONDS) == 0
    until(lambda: services.exports.active() == [], "all exports are over")

    album = re.findall(r"started export (\w+)", system.said())[0]
    check_flower(system, broken, album, long)
    check_metrics(services, broken)
    check_locks(system)
    system.worker.terminate()
    assert system.worker.wait(SECONDS) == 0
    assert "No nodes replied" in system.type(*CELERY, "inspect", "ping", wanted=69)
    check_report(system)


def check_inspect(system: System, drawing: str) -> None:
    """With the name of a worker a command ends when that has answered, else after a time."""
    for what, words in (
        ("ping", "pong"), ("active", f"'kwargs': {{'export': '{drawing}', 'chunk': 0}}"),
        ("registered", "pipeline.render"), ("stats", '"broker": {'),
    ):  # fmt: skip
        said = system.type(*CELERY, "inspect", what, "--timeout", "10", "-d", NODE)
        assert f"{NODE}: OK" in said and words in said, said


def check_flower(system: System, broken: str, album: str, cancelled: str) -> None:
    """A step that failed returns, since a chord counts what is raised; Flower shows it as failed nevertheless."""
    until(lambda: "FAILURE" in {each["state"] for each in system.tasks(broken)}, "Flower shows the failure")
    (failed,) = (each for each in system.tasks(broken) if each["state"] == "FAILURE")
    assert (failed["name"], failed["kwargs"]) == ("pipeline.plan", f"{{'export': '{broken}'}}")
    failure = system.services.exports.load(broken).failure
    assert failure and failed["exception"] == failure.message

    until(lambda: all(each["state"] == "SUCCESS" for each in system.tasks(album)), "all steps succeeded")
    seen = {each["name"]: each["kwargs"] for each in system.tasks(album)}
    assert seen.keys() == {f"pipeline.{step}" for step in ("plan", "render", "assemble", "deliver")}
    assert seen["pipeline.render"] == f"{{'export': '{album}', 'chunk': 0}}"
    (retried,) = (each for each in system.tasks(cancelled) if each["retried"])
    assert "go back" in retried["exception"]

    assert requests.get(f"{system.flower}/api/workers?refresh=1&status=1", timeout=30).json() == {NODE: True}
    page = requests.get(f"{system.flower}/broker", timeout=10).text
    rows = re.findall(r"<td>\s*(pipeline\.\w+)\s*</td>\s*<td[^>]*>\s*(\d+)", page)
    assert dict(rows) == dict.fromkeys(QUEUES, "0"), page


def check_metrics(services: Services, broken: str) -> None:
    """Queue length, failure rate, processing time; promtool finds nothing in either form."""
    failure = services.exports.load(broken).failure
    assert failure
    with web(services) as port:
        for accept in ("text/plain;version=0.0.4", "*/*"):
            headers = {"Authorization": "Bearer shop-token", "Accept": accept}
            answer = requests.get(f"http://127.0.0.1:{port}/metrics", headers=headers, timeout=30)
            said = subprocess.run(["promtool", "check", "metrics"], input=answer.content, capture_output=True)
            assert (said.returncode, said.stdout, said.stderr) == (0, b"", b"")
            for series in (
                'pipeline_queue_messages{queue="pipeline.small"} 0.0',
                f'pipeline_exports_finished_total{{code="{failure.code}",document="photos",outcome="failed"}} 1.0',
                'pipeline_step_seconds_count{document="photos",step="assemble"} ',
                'pipeline_workers{state="idle"} 1.0',
            ):
                assert series in answer.text, answer.text


def check_locks(system: System) -> None:
    """What the script at a deploy does; the worker lives, so it stays the leader."""
    system.services.redis.leases.take("left", 60)
    said = system.type(*OURS, "locks", "--release")
    assert said.startswith("released left\n") and "not released: 1, held by processes that live" in said, said
    assert system.services.redis.leases.held(["keeper", "left"]) == {"keeper"}


def check_report(system: System) -> None:
    said = system.type(*CELERY, "report")
    for words in (*QUEUES, "'clean-up'", "'report'", "'check'", "'album'", "timezone: 'Asia/Seoul'"):
        assert words in said
