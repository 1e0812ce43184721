"""Local dynos under test, and clients of their API."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL
from typing import Any

import heroku3
import heroku3.api
import psutil
import pytest
import requests
from requests.adapters import HTTPAdapter

from local.dyno import DynoState
from local.dynos import Dynos

from ...waiting import until

MIB = 1024 * 1024
SECONDS = 60.0  # in which a call is answered, on any machine
LONG = 600.0  # seconds that no test takes: for what shall not happen in it, as that a boot ends


ACCEPT = "application/vnd.heroku+json; version=3"


# A worker and its child; each logs its name and the signals it gets. `deaf` ignores SIGTERM.
WORKER = """
import os, signal, subprocess, sys, time
log, deaf, role = sys.argv[1], sys.argv[2] == "deaf", sys.argv[3]
def note(word):
    with open(log, "a") as file:
        file.write(f"{os.environ['DYNO']} {role} {word} {os.getpid()} {os.environ['DYNO_RAM']}\\n")
def heard(number, frame):
    note("SIGTERM")
    if not deaf:
        sys.exit(0)
signal.signal(signal.SIGTERM, heard)
if role == "parent":
    subprocess.Popen([sys.executable, __file__, log, sys.argv[2], "child"])
note("began")
while True:
    time.sleep(60)
"""


class Stage:
    """Local dynos under test, the file their workers write to, and clients of their API."""

    def __init__(self, folder: Path, cleanup: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.log = folder / "heard.txt"
        self.log.touch()
        (folder / "worker.py").write_text(WORKER)
        self._cleanup = cleanup
        self._monkeypatch = monkeypatch

    def dynos(self, command: str = "", **options: Any) -> Dynos:
        """Started, and stopped at the end of the test; by default the worker above, after no boot."""
        command = command or f"{sys.executable} worker.py {self.log} polite parent"
        (self.folder / "Procfile").write_text(f"web: true\nworker: {command}\n")
        given: dict[str, Any] = {
            "boot_seconds": 0.0,
            "stop_seconds": LONG,
            "log_folder": self.folder / "logs",
        } | options
        env = {"PATH": os.environ["PATH"]}
        return self._cleanup.enter_context(Dynos(self.folder / "Procfile", env, cwd=self.folder, **given))

    def deaf(self, **options: Any) -> Dynos:
        """Dynos whose processes ignore SIGTERM."""
        return self.dynos(f"{sys.executable} worker.py {self.log} deaf parent", **options)

    def heroku(self, dynos: Dynos) -> Any:
        """heroku3 on these dynos."""
        session = self._cleanup.enter_context(requests.Session())
        session.mount("http://", _Patience())
        self._monkeypatch.setattr(heroku3.api, "HEROKU_URL", dynos.url)
        return heroku3.from_key(dynos.key, session=session)

    def heard(self, word: str) -> list[tuple[str, str, int]]:
        """(dyno, role, pid) of each process that wrote the word, in order."""
        lines = [line.split() for line in self.log.read_text().splitlines()]
        return [(dyno, role, int(pid)) for dyno, role, said, pid, _ in lines if said == word]


class _Patience(HTTPAdapter):
    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        return super().send(*args, **(kwargs | {"timeout": SECONDS}))


def call(
    dynos: Dynos,
    method: str,
    path: str,
    body: object = None,
    *,
    key: str | None = None,
    accept: str = ACCEPT,
    timeout: float = SECONDS,
) -> requests.Response:
    headers = {"Accept": accept, "Authorization": f"Bearer {dynos.key if key is None else key}"}
    return requests.request(
        method, dynos.url + path, json=body, headers=headers, timeout=timeout, proxies={"http": ""}
    )


def wait_until_up(dynos: Dynos, count: int) -> None:
    """Wait until so many dynos are up: their processes may have begun before."""
    until(lambda: [dyno.state for dyno in dynos.dynos()].count(DynoState.UP) == count)


def hurry(dynos: Dynos) -> None:
    """End a test with deaf processes without waiting for their grace to pass."""
    dynos.scale({"worker": 0})

    def gone() -> bool:
        for dyno in dynos.dynos():
            dyno.signal(SIGKILL)
        return not dynos.dynos()

    until(gone)


def running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def run_one_off(dynos: Dynos, **body: Any) -> requests.Response:
    return call(dynos, "POST", "/apps/demo/dynos", body)
