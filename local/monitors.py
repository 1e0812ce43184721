"""Prometheus and Flower beside a system on one computer. They stop when the block ends."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ServiceDown

from .services import free_port, running, speaks_http

MONITORING = Path(__file__).parents[1] / "monitoring"
TARGET, INTERVAL = "127.0.0.1:5000", "15s"  # as monitoring/prometheus.yml has them


@dataclass(frozen=True)
class Monitor:
    """The address of a monitor that runs."""

    url: str


@contextmanager
def prometheus(folder: Path, target: str, token: str, *, interval: str = "1s") -> Iterator[Monitor]:
    """Run Prometheus with the files of monitoring/; it reads `target` with this token.

    Raises ServiceDown if it does not start.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise ServiceDown("There is no `prometheus` program.", advice="apt-get install prometheus")
    made = folder.resolve() / "prometheus"
    shutil.copytree(MONITORING, made)
    config = (MONITORING / "prometheus.yml").read_text().replace(TARGET, target).replace(INTERVAL, interval)
    (made / "prometheus.yml").write_text(config)
    (made / "token").write_text(token)
    port = free_port()
    command = [program, f"--config.file={made}/prometheus.yml", f"--storage.tsdb.path={made}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    with running(command, made / "prometheus.log", os.environ, lambda: speaks_http(port, "/-/ready"), ServiceDown):
        yield Monitor(f"http://127.0.0.1:{port}")


@contextmanager
def flower(folder: Path, environ: Mapping[str, str], *, port: int = 0) -> Iterator[Monitor]:
    """Run Flower for the workers that have this environment, which must have MONITORING=on.

    Its API needs no password here. Raises ServiceDown if it does not start.
    """
    port = port or free_port()
    env = {**environ, "FLOWER_UNAUTHENTICATED_API": "true"}
    env["PYTHONPATH"] = str(MONITORING.parent)
    command = [sys.executable, "-m", "celery", "-A", "pipeline.celery", "flower", "--address=127.0.0.1"]
    command.append(f"--port={port}")
    log = folder.resolve() / "logs" / "flower.log"
    with running(command, log, env, lambda: speaks_http(port, "/"), ServiceDown):
        yield Monitor(f"http://127.0.0.1:{port}")
