"""The recipes of docs/monitoring.md, by the words that stand there: Flower on Heroku, and another autoscaler."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from local.formation import parse_procfile
from local.services import free_port, valkey
from pipeline.adapters.redis.messages import QUEUES, SMALL
from pipeline.exports.request import ExportRequest
from pipeline.settings import Settings
from pipeline.tasks.submit import submit
from pipeline.web import metrics

from ... import steps
from ...commands import SECONDS
from ...conftest import Environ
from ...journey import slow
from ...journey.tls import tls_in_front_of
from ...waiting import until

PAGE = (Path(__file__).parents[3] / "docs/monitoring.md").read_text()
BIN = Path(sys.executable).parent
PASSWORD = ("admin", "a0b1c2d3e4f5")


def block(begins: str) -> str:
    """The block of code that has a line with this beginning."""
    (found,) = (
        text
        for text in re.findall(r"^```\w*\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
        if re.search(rf"^ *{re.escape(begins)}", text, re.MULTILINE)
    )
    return str(found)


@contextmanager
def started(command: list[str], env: Environ, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_flower_runs_by_the_recipe_for_heroku(environ: Environ, tmp_path: Path) -> None:
    """An app that has nothing but the Redis, which speaks TLS with a certificate of its own, and a password."""
    command = shlex.split(parse_procfile(block("web: exec celery"))["web"].removeprefix("exec "))
    assert "FLOWER_BASIC_AUTH=admin:$(openssl rand -hex 12)" in block("heroku create")
    port = free_port()
    with valkey(tmp_path) as plain, tls_in_front_of(plain.port, tmp_path) as secure:
        shared = {"REDIS_URL": f"rediss://127.0.0.1:{secure}/0", "MONITORING": "on"}
        home = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": os.environ["HOME"], "DYNO": "web.1"}
        env = {**home, **shared, "FLOWER_BASIC_AUTH": ":".join(PASSWORD), "PORT": str(port)}
        worker = [sys.executable, "-m", "pipeline", "worker"]
        words = [word.replace("$PORT", env["PORT"]) for word in command]
        with (
            started(worker, {**environ, **shared, "DYNO": "worker.1"}, tmp_path / "worker.log"),
            started(words, env, tmp_path / "flower.log"),
        ):
            address = f"http://127.0.0.1:{port}"
            until(lambda: status(f"{address}/broker") == 401, "Flower wants a password")
            assert status(f"{address}/api/workers") == 401
            found = f"{address}/api/workers?refresh=1&status=1"
            until(lambda: any(get(found).json().values()), "Flower sees the worker")
            assert set(QUEUES) <= set(re.findall(r"pipeline\.\w+", get(f"{address}/broker").text))


def get(url: str) -> requests.Response:
    return requests.get(url, auth=PASSWORD, timeout=SECONDS)


def status(url: str) -> int:
    """Without the password; 0 while nothing answers."""
    try:
        return requests.get(url, timeout=SECONDS).status_code
    except requests.ConnectionError:
        return 0


def test_keda_asks_for_a_metric_that_is_there() -> None:
    (named,) = re.findall(r"^ +query: max\((\w+)\)$", block("kind: ScaledObject"), re.MULTILINE)
    assert f'"{named}"' in Path(metrics.__file__).read_text()


def test_the_hook_before_a_container_stops_ends_the_worker_at_its_page(
    environ: Environ, settings: Settings, tmp_path: Path
) -> None:
    """In a namespace of process ids, where the worker is the first process, as in a container."""
    inside = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("a namespace of process ids needs root, and Linux")
    pod = block("terminationGracePeriodSeconds")
    command, hook = (words.split(", ") for words in re.findall(r"command: \[(.*?)\]", pod))
    (grace,) = re.findall(r"terminationGracePeriodSeconds: (\d+)", pod)
    env = {**environ, "PATH": f"{BIN}:{os.environ['PATH']}", "DOCUMENTS": slow.__name__}
    env |= {"WORKER_CONCURRENCY": "1", "SHUTDOWN_SECONDS": "3", "PYTHONPATH": str(Path.cwd())}
    assert int(grace) > settings.shutdown_seconds
    with (
        started([*inside, *command], env, tmp_path / "worker.log") as outside,
        steps.sending(settings) as (services, _),
    ):
        drawing = submit(services, ExportRequest("slow", {"pages": 4000, "seconds": 0.1}, "shop", chunk_pages=4000))
        until(lambda: steps.pages_done(services, drawing.export.id) > 0, "pages are drawn")
        (first,) = psutil.Process(outside.pid).children()
        enter = ["nsenter", "--target", str(first.pid), "--pid", "--mount"]
        subprocess.run([*enter, *hook], env=env, capture_output=True, timeout=SECONDS)  # it ends with the container
        assert outside.wait(SECONDS) == 0, (tmp_path / "worker.log").read_text()
        done = services.segments.found(drawing.export.id)
        assert 0 < sum(pages for stored in done.values() for _, pages in stored) < 4000
        assert services.redis.messages.waiting([SMALL]) == 1
