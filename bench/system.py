"""The whole system on this machine, used over HTTP, and what its processes take: memory and processor."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import requests

from local.laptop import Laptop, laptop
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.adapters.redis import Coordination

from . import tables

PART = 32 * 1024 * 1024
TABLE = tables.PARAMS
KINDS = {"pipeline worker": "worker", "gunicorn": "web"}
PATIENCE = 3 * 3600.0


@contextmanager
def running(folder: Path, workers: int, **environ: str) -> Iterator[Laptop]:
    """Valkey, S3, web and workers in 512 MB cgroups; the workers are up and stay."""
    stay = {"MIN_WORKERS": str(workers), "EXPORT_DEADLINE": "36000", "KEEPER_SECONDS": "5"}  # as deployed
    with laptop(folder, workers=workers, boot_seconds=0.2, environ={**stay, **environ}) as system:
        _await_workers(system, workers)
        for _ in range(2):  # the second meets warm processes
            Order(system, "table", {**TABLE, "rows": [{"Order": "1"}]}, chunk_pages=1).wait()
        yield system


def _await_workers(system: Laptop, workers: int) -> None:
    shared = Coordination.open(system.settings)
    deadline = time.monotonic() + 120
    while len(shared.workers.up()) < workers:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{workers} workers did not start within two minutes.")
        time.sleep(0.2)


def put(store: S3Bucket, key: str, blocks: Iterable[bytes]) -> int:
    """Stream bytes into the bucket by a multipart upload; how many they are."""
    upload, waiting, part, size = store.begin_upload(key, "text/csv"), bytearray(), 0, 0
    with ExitStack() as stack:
        stack.callback(upload.abort)
        for block in blocks:
            waiting += block
            if len(waiting) >= PART:
                part, size = part + 1, size + len(waiting)
                upload.write(part, bytes(waiting))
                waiting.clear()
        upload.write(part + 1, bytes(waiting))
        upload.complete()
        stack.pop_all()
    return size + len(waiting)


class Order:
    """An export that was asked for over HTTP, and when it was first seen in each state (seconds)."""

    def __init__(
        self, system: Laptop, document: str, params: Mapping[str, Any], chunk_pages: int | None = None
    ) -> None:
        self._system = system
        self.began = time.perf_counter()
        self.seen: dict[str, float] = {}
        body = {"document": document, "params": params, "chunk_pages": chunk_pages, "key": uuid4().hex}
        self.last = self._answer("POST", "/v1/exports", body)
        self.id = str(self.last["id"])

    def look(self) -> dict[str, Any]:
        """How it stands now."""
        self.last = self._answer("GET", f"/v1/exports/{self.id}")
        self.seen.setdefault(self.last["state"], time.perf_counter() - self.began)
        return self.last

    def wait(self, pause: float = 0.01) -> float:
        """Seconds from the request until the file was ready; RuntimeError when it ended otherwise."""
        while time.perf_counter() - self.began < PATIENCE:
            state = self.look()["state"]
            if state == "ready":
                return self.seen["ready"]
            if state in ("failed", "cancelled"):
                raise RuntimeError(f"The export is {state}: {self.last['failure']}")
            time.sleep(pause)
        raise RuntimeError(f"The export was not ready after {PATIENCE:.0f} s.")

    def _answer(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        url = self._system.url + path
        for pause in (0.5, 1.0, 2.0, 4.0, 0.0):  # a bucket that is busy is said to be down: 503, ask again
            answer = requests.request(method, url, json=body, headers=self._system.headers, timeout=60)
            if answer.status_code != 503:
                break
            time.sleep(pause)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def processes() -> dict[psutil.Process, str]:
    """Web and worker processes that we started, with their kind. Redis and S3 stand for services: not ours."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            words = " ".join(process.cmdline())
            for mark, kind in KINDS.items():
                if mark in words and "bash" not in words and "launch.py" not in words:
                    found[process] = kind
    return found


def worker_seconds() -> float:
    """Seconds of processor that the living workers, and the children they had, have used."""
    total = 0.0
    for process, kind in processes().items():
        if kind == "worker":
            with suppress(psutil.Error):
                total += sum(process.cpu_times()[:4])  # user, system, and both of children that ended
    return total


@dataclass
class Watch:
    """The largest process of each kind while the block runs: bytes resident at its peak (VmHWM)."""

    every: float = 1.0  # looking costs some milliseconds, and the kernel keeps the peak
    peaks: dict[str, int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()  # the kernel kept the peaks of what was shorter than a pause

    @property
    def largest(self) -> int:
        """Bytes of the largest process of any kind."""
        return max(self.peaks.values(), default=0)

    def _run(self) -> None:
        while not self._stop.wait(self.every):
            self._look()

    def _look(self) -> None:
        for process, kind in processes().items():
            self.peaks[kind] = max(self.peaks.get(kind, 0), resident(process.pid, "VmHWM"))


def resident(pid: int, what: str = "VmRSS") -> int:
    """Bytes of a process as the kernel counts them; 0 when it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1]) * 1024
    return 0
