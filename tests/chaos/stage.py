"""The system under test, with a proxy in front of each service. One stage serves many runs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGTERM, Signals
from urllib.parse import urlsplit

import psutil

from local import process
from local.laptop import Laptop, laptop, start_web
from local.services import valkey
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.adapters.redis import Coordination

from ..forks import forking
from .gate import Gate
from .orders import put_photos
from .proxies import HttpProxy, TcpProxy, mail_texts, redis_texts, served

ROOT = Path(__file__).parents[2]
ENVIRON = {
    "DOCUMENTS": "tests.journey.slow tests.chaos.ranges",
    "WAITING_PRICE": "1000",  # the maximum of workers, at once
    "LOG_FORMAT": "json",
}
SHORT = {
    "KEEPER_SECONDS": "1",
    "LEASE_SECONDS": "2",
    "LINGER_SECONDS": "1",
    "REPAIR_PATIENCE": "5",
    "SHUTDOWN_SECONDS": "2",
}
DEFAULTS = {"KEEPER_SECONDS": "5", "LINGER_SECONDS": "5"}  # where the local system has others
LONGER = 4.0  # times as long as with short timings may all take with the defaults
END_SECONDS = 30.0  # for a web process that is told to end
LEADER_SECONDS = 5.0  # within which another process leads
DISK_BYTES = 32 << 20  # of the disk for temporary files
QUIET = 2.0  # processes that want a processor, for each there is: with more the machine is busy
BUSIEST = 10.0  # times as long as on a quiet machine is waited at most
LOOK_SECONDS = 60.0  # between two samples of the memory, which is not checked here


class NotThere(Exception):
    """There is no process that the fault could be done to."""


def busy() -> float:
    """Return how many processes want each processor, in the last minute: 1 when it is less."""
    return min(BUSIEST, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


@dataclass
class Stage:
    """A running system, its proxies, and what faults need to break and mend it."""

    running: Laptop
    gate: Gate
    redis: TcpProxy
    mail: TcpProxy
    s3: HttpProxy
    heroku: HttpProxy
    disk: Path | None  # for temporary files; None where it cannot be mounted
    store: S3Bucket
    services: ExitStack
    web: process.ProcessTree
    redis_pid: int
    redis_port: int
    start: process.Start  # of web and worker processes
    patience: float  # how many times longer everything may take than with short timings
    paid: float = 0.0  # dyno-seconds when they were last looked at
    _later: list[threading.Thread] = field(default_factory=list)

    def allowed(self, seconds: float) -> float:
        """Return how long something may take at this moment that may take so long on a quiet machine."""
        return seconds * self.patience * busy()

    def process_at(self, port: int) -> int:
        """Return the process that has this end of a connection. Forked children share those of their parent."""
        for pid in sorted(self.web.pids().union(*self._dyno_pids().values())):
            with suppress(psutil.NoSuchProcess):
                if any(each.laddr.port == port for each in psutil.Process(pid).net_connections("tcp")):
                    return pid
        raise NotThere(f"no process has a connection from port {port}")

    def pids_of_dyno_at(self, port: int) -> set[int]:
        """Return the processes of the dyno that has this end of a connection; of any dyno when it is no worker."""
        pid, dynos = self.process_at(port), self._dyno_pids()
        own = [pids for pids in dynos.values() if pid in pids]
        return (own or [pids for pids in dynos.values() if pids] or [set()])[0]

    def leader(self) -> int:
        """Return the process whose keeper leads. One that was killed before has the lease for a while."""
        leases = Coordination.open(self.running.settings).leases
        deadline = time.monotonic() + LEADER_SECONDS
        while time.monotonic() < deadline:
            pid = int(leases.holders(["keeper"]).get("keeper", "").rpartition(" ")[2] or 0)
            if pid in self.web.pids().union(*self._dyno_pids().values()):
                return pid
            time.sleep(0.1)
        raise NotThere("no process leads")

    def active(self) -> list[str]:
        """Return the marks of exports that have work left."""
        return [entry.key for entry in self.store.entries("active/")]

    def restart_web(self) -> None:
        """Kill the web process with its children, and start it again, as Heroku does."""
        self.web.end(0)
        self.web = start_web(self.running.env, self.running.folder, self.start)

    def deploy(self) -> None:
        """Do as Heroku at a deploy: the release phase, then all processes are told to end and start again."""
        command = (sys.executable, "-m", "pipeline", "prepare")
        subprocess.run(command, env=dict(self.running.env), cwd=ROOT, capture_output=True, check=True)
        for pids in self._dyno_pids().values():
            self.signal(pids, SIGTERM)
        self.web.end(END_SECONDS)
        self.web = start_web(self.running.env, self.running.folder, self.start)

    def restart_redis(self, seconds: float) -> None:
        """Kill Redis, with all it has, and start another one after a while."""
        os.kill(self.redis_pid, SIGKILL)
        self.later(seconds, self._start_redis)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something after a while; `settle` waits for it."""
        timer = threading.Timer(seconds, act)
        timer.start()
        self._later.append(timer)

    def beside(self, act: Callable[[], None]) -> None:
        """Do something in a thread; `settle` waits for it."""
        self.later(0, act)

    def settle(self) -> None:
        """Wait until all that was begun is done."""
        while self._later:
            self._later.pop().join()

    def signal(self, pids: set[int], number: Signals) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop_for(self, pids: set[int], seconds: float) -> None:
        """Stop processes, and let them go on after a while."""
        self.signal(pids, Signals.SIGSTOP)
        self.later(seconds, partial(self.signal, pids, SIGCONT))

    def fill_disk(self, seconds: float) -> None:
        """Leave no room for temporary files, for a while."""
        if self.disk is None:
            raise OSError("this user cannot mount a small disk")
        filler = self.disk / "filler"
        with suppress(OSError):
            filler.write_bytes(bytes(DISK_BYTES))
        self.later(seconds, filler.unlink)

    def _dyno_pids(self) -> dict[str, set[int]]:
        dynos = self.running.dynos.dynos()
        return {dyno.id: dyno.pids() for dyno in dynos}

    def _start_redis(self) -> None:
        server = self.services.enter_context(valkey(self.running.folder, port=self.redis_port))
        self.redis_pid = server.pid


@contextmanager
def staged(folder: Path, *, defaults: bool = False, patience: float = 1.0, forks: bool = False) -> Iterator[Stage]:
    """Run the system, with short timings or with the defaults of its settings. It is ended after the block."""
    gate = Gate()
    redis, mail = TcpProxy(gate, "redis", redis_texts), TcpProxy(gate, "smtp", mail_texts)
    s3, heroku = HttpProxy(gate, "s3"), HttpProxy(gate, "heroku")
    with ExitStack() as stack:
        for proxy in (redis, mail, s3, heroku):
            stack.enter_context(served(proxy))
        disk = stack.enter_context(_small_disk(folder / "disk"))
        start = stack.enter_context(forking(folder, *ENVIRON["DOCUMENTS"].split())) if forks else process.start
        services = stack.enter_context(ExitStack())
        running = stack.enter_context(
            laptop(
                folder, boot_seconds=0.1, stop_seconds=30 if defaults else 5,
                look_seconds=LOOK_SECONDS, start=start,
                environ={**ENVIRON, **(DEFAULTS if defaults else SHORT), **({"TMPDIR": str(disk)} if disk else {})},
                route=partial(_routed, redis, mail, s3, heroku),
            )
        )  # fmt: skip
        direct = S3Bucket.open(replace(running.settings, s3_endpoint_url=f"http://{s3.upstream}"))
        stage = Stage(
            running, gate, redis, mail, s3, heroku, disk, direct, services, running.web, running.valkey.pid,
            running.valkey.port, start, patience * (LONGER if defaults else 1.0),
        )  # fmt: skip
        put_photos(direct)
        stack.callback(lambda: stage.web.end(2))
        stack.callback(stage.settle)
        yield stage


def _routed(
    redis: TcpProxy, mail: TcpProxy, s3: HttpProxy, heroku: HttpProxy, addresses: Mapping[str, str]
) -> Mapping[str, str]:
    """Return the addresses of the proxies, and let them pass on to these addresses."""
    tcp = {"REDIS_URL": redis, "SMTP_URL": mail}
    http = {"S3_ENDPOINT_URL": s3, "HEROKU_API_URL": heroku}
    routed = dict(addresses)
    for name, proxy in tcp.items():
        port = urlsplit(addresses[name]).port or 0
        proxy.upstream = port
        routed[name] = addresses[name].replace(f":{port}", f":{proxy.port}")
    for name, server in http.items():
        server.upstream = urlsplit(addresses[name]).netloc
        routed[name] = f"http://127.0.0.1:{server.server_port}"
    return routed


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path | None]:
    folder.mkdir(parents=True)
    command = ("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder))
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(("umount", "-l", str(folder)), check=True)
