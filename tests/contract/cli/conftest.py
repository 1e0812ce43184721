"""The command line on a real bucket and a real Redis."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import program
from pipeline.services import Services

from ... import steps
from ...conftest import Environ
from ...nowhere import closed_port
from ...pictures import jpeg

ROOT = Path(__file__).parents[3]
SECONDS = 300.0  # to wait for a subprocess, on the busiest machine
Run = Callable[..., Result]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Twelve photos in two folders, one of them broken, and other files."""
    folder = tmp_path / "album"
    (folder / "trip").mkdir(parents=True)
    for name in (".cache", "@eaDir"):
        (folder / name).mkdir()
    for number in range(1, 11):
        (folder / f"{number}.jpg").write_bytes(jpeg(number))
    (folder / "trip" / "1.JPEG").write_bytes(jpeg(20))
    (folder / "7.jpg").write_bytes(b"nope")
    (folder / "trip" / "2.png").write_bytes(jpeg(21))
    for name in (".hidden.jpg", ".cache/thumb.jpg", "Thumbs.db", "@eaDir/1.jpg", "notes.txt"):
        (folder / name).write_bytes(jpeg(0))
    return folder


@pytest.fixture
def run(environ: Environ, services: Services) -> Run:
    """Call the program in this process, with the services of the test."""

    def call(*arguments: object, **variables: str) -> Result:
        return CliRunner(env=environ | variables).invoke(program, [str(argument) for argument in arguments])

    return call


@pytest.fixture
def alone() -> Run:
    """Call the program in this process, without any service."""
    closed = f"127.0.0.1:{closed_port()}"
    variables = {"REDIS_URL": f"redis://{closed}/0", "S3_ENDPOINT_URL": f"http://{closed}"}

    def call(*arguments: object) -> Result:
        return CliRunner(env=variables).invoke(program, [str(argument) for argument in arguments])

    return call


@contextmanager
def started(environ: dict[str, str], *arguments: object, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run the program as a process, and kill it if it is still running at the end."""
    command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    # A shell may let this process ignore Ctrl-C, and its children would ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, cwd=ROOT, env=environ, text=True, start_new_session=True, **pipes) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


def error(result: Result) -> Any:
    return answer(result)["error"]


def submitted(run: Run, source: object, *arguments: object) -> str:
    result = run("submit", "photos", source, "--quiet", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def finish(services: Services, export_id: str) -> None:
    """Run all steps of an export, as workers do."""
    steps.plan(services, export_id)
    for chunk in range(services.exports.load(export_id).chunks):
        steps.render(services, export_id, chunk)
    steps.assemble(services, export_id)
    steps.deliver(services, export_id)
