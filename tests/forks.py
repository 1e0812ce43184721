"""Starts web and worker processes as forks of one process that has imported what they need.

    python -m tests.forks SOCKET [MODULE...]

A start from nothing takes 0.7 s of processor time for imports alone. A fork runs the same command on the same
code, in a session, a cgroup and an environment of its own, and dies with this process. What it cannot show is what
depends on the imports: their time and order, the random seed of hashes.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import runpy
import select
import shlex
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from local import process
from local.cgroup import Cgroup
from local.launch import PR_SET_PDEATHSIG
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.settings import Settings

MODULES = (
    "pipeline.cli.run", "pipeline.tasks.worker", "pipeline.web", "pipeline.web.connections",
    "pipeline.scaler.heroku", "pipeline.documents.photos", "pipeline.documents.table",
    # what these import when they are used
    "babel.dates", "babel.numbers", "boto3.s3.inject", "celery.app.control", "celery.concurrency.prefork",
    "celery.fixups.django", "celery.worker.autoscale", "celery.worker.components", "celery.worker.strategy",
    "celery.worker.consumer.delayed_delivery", "encodings.idna", "gunicorn.app.wsgiapp", "gunicorn.glogging",
    "gunicorn.http", "gunicorn.workers.gthread", "heroku3",
)  # fmt: skip
START_SECONDS = 120.0
PR_SET_NAME = 15  # <linux/prctl.h>
ROOT = Path(__file__).parents[1]


@dataclass
class Fork:
    """A process that another one forked: its end is seen through the kernel, its exit code is not."""

    pid: int
    _end: int | None = field(init=False)  # a descriptor that can be read when the process has ended

    def __post_init__(self) -> None:
        try:
            self._end = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self._end = None

    def poll(self) -> int | None:
        return None if self._end is not None and not _readable(self._end, 0) else 0

    def wait(self) -> int:
        if self._end is not None:
            _readable(self._end, None)
            os.close(self._end)
            self._end = None
        return 0


def _readable(descriptor: int, milliseconds: int | None) -> bool:
    """Wait so long, or without end, until there is something to read: for any descriptor, unlike select()."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(milliseconds))


@contextmanager
def forking(folder: Path, *modules: str) -> Iterator[process.Start]:
    """Run the process that forks, with these modules imported too. Yields what starts a program as a fork of it."""
    address = folder / "forks.sock"
    command = (sys.executable, "-m", "tests.forks", str(address), *modules)
    tree = process.start(command, cwd=ROOT, env=os.environ, output=folder / "forks.log")

    def start(
        command: Sequence[str], *, cwd: Path, env: Mapping[str, str], output: Path, cgroup: Cgroup | None = None
    ) -> process.ProcessTree:
        shell = command[0] == "bash"
        words = shlex.split(command[-1].removeprefix("exec ")) if shell else ["python", *command[1:]]
        wanted = {"words": words, "cwd": str(cwd), "env": dict(env), "output": str(output)}
        wanted["cgroup"] = str(cgroup.procs) if cgroup else ""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(address))
            connection.sendall(json.dumps(wanted).encode())
            connection.shutdown(socket.SHUT_WR)
            return process.ProcessTree(Fork(int(_read(connection))), cgroup)

    try:
        deadline = time.monotonic() + START_SECONDS
        while not address.exists():
            if not tree.running or time.monotonic() > deadline:
                raise OSError(f"the process that forks did not start; its output is in {folder}/forks.log")
            time.sleep(0.02)
        yield start
    finally:
        tree.end(1)


def _read(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as file:
        return file.read()


def main(address: str, *modules: str) -> None:
    """Fork for each request; only a fork returns from `_wanted`, with what it shall become."""
    for name in (*MODULES, *modules):
        import_module(name)
    _share_descriptions()
    gc.collect()
    gc.freeze()  # so that the collector of a fork does not copy what all share
    _run(_wanted(address))


def _share_descriptions() -> None:
    """Read what botocore says about S3, so that forks need not: each client would read 1.5 MB of JSON."""
    S3Bucket.open(Settings.from_env({"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}))


def _wanted(address: str) -> Mapping[str, Any]:
    parent = os.getpid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel forgets forks that have ended
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{address}.new")
        listening.listen(20)
        Path(f"{address}.new").rename(address)
        while True:
            connection, _ = listening.accept()
            with connection:
                wanted: Mapping[str, Any] = json.loads(_read(connection))
                if os.fork() == 0:
                    _settle(wanted, parent)
                    connection.sendall(str(os.getpid()).encode())  # it can be found by its session now
                    return wanted


def _settle(wanted: Mapping[str, Any], parent: int) -> None:
    """Make this fork what a program of its own would be."""
    os.setsid()
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(PR_SET_NAME, wanted["env"].get("DYNO", "fork").encode())  # what ps shows
    if os.getppid() != parent:
        os._exit(1)
    if wanted["cgroup"]:
        Path(wanted["cgroup"]).write_text(str(os.getpid()))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with Path(os.devnull).open("rb") as nothing, Path(wanted["output"]).open("ab") as log:
        for number, file in enumerate((nothing, log, log)):
            os.dup2(file.fileno(), number)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    tempfile.tempdir = None  # TMPDIR is another


def _run(wanted: Mapping[str, Any]) -> None:
    words = wanted["words"]
    if words[:2] == ["python", "-m"]:
        sys.argv = words[2:]
        runpy.run_module(words[2], run_name="__main__", alter_sys=True)
    elif words[0] == "gunicorn":
        sys.argv = words
        import_module("gunicorn.app.wsgiapp").run()
    else:
        raise ValueError(f"this command is not known: {words}")


if __name__ == "__main__":
    main(*sys.argv[1:])
