"""The web process as gunicorn runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from local.services import free_port
from pipeline.adapters.redis import Coordination
from pipeline.settings import Settings

from ...conftest import Environ


def test_gunicorn_runs_a_keeper_and_logs_json(environ: Environ, settings: Settings, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "gunicorn", "--config", "python:pipeline.web.gunicorn"]
    env = environ | {"PORT": str(port), "HOST": "127.0.0.1", "HOME": str(tmp_path), "WEB_CONCURRENCY": "3"}
    env["LOG_FORMAT"] = "json"
    shared = Coordination.open(settings)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "pipeline.web:create_app()"], env=env, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        await_true(lambda: shared.leases.held(["keeper"]) == {"keeper"})
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
            assert answer.read() == b'{"ok":true}'
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert shared.leases.held(["keeper"]) == set()
    finally:
        process.kill()
        process.wait()
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert len([each for each in records if each["message"].startswith("Booting worker")]) == 1
    assert not [each for each in records if "exception" in each]
    assert list(tmp_path.iterdir()) == [log]


def await_true(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
