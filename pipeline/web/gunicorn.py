"""How the web process is run: one process, eight threads, and the keeper beside them.

Read by gunicorn as `--config python:pipeline.web.gunicorn`.
"""

from __future__ import annotations

import os
from pathlib import Path
from socket import socket
from threading import Thread
from time import monotonic
from typing import Any

from .. import logs
from ..services import worker_pool
from ..tasks.keeper import Keeper
from .auth import EXTENSION

# A platform that gives PORT routes to it from outside; a laptop keeps to itself.
_host = os.environ.get("HOST", "0.0.0.0" if "PORT" in os.environ else "127.0.0.1")  # noqa: S104
bind = f"{_host}:{os.environ.get('PORT', '5000')}"
workers = 1  # said aloud: Heroku sets WEB_CONCURRENCY, and requests here wait for S3, not for the processor
worker_class = "gthread"
threads = 8
timeout = 30
graceful_timeout = 25  # Heroku kills after 30
# The heartbeat file must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # gunicorn makes it safely
control_socket_disable = True  # nobody uses it, and it lies in the home directory
accesslog = None  # paths hold the tokens of mail links

BODY_SECONDS = 10.0  # in which a body must have come: gunicorn (27.0) lets one drip hold a thread for ever
_RELEASED_WITHIN = 5.0  # seconds for a keeper to end its turn and give its lease back
_keepers: list[tuple[Keeper, Thread]] = []


def post_worker_init(worker: Any) -> None:
    """Start the keeper in the process that serves, after it was forked: connections must not be shared."""
    logs.begin("%(name)s: %(message)s")
    services = worker.wsgi.extensions[EXTENSION]
    keeper = Keeper(services, worker_pool(services.settings, services.redis))
    _keepers.append((keeper, keeper.start()))


class Hurried:
    """A connection from which a body is read: all of it until the deadline, or TimeoutError, which is a 400."""

    def __init__(self, connection: socket, deadline: float) -> None:
        self.connection = connection
        self._deadline = deadline

    def recv(self, size: int) -> bytes:
        """What came next."""
        if (left := self._deadline - monotonic()) <= 0:
            raise TimeoutError
        self.connection.settimeout(left)
        try:
            return self.connection.recv(size)
        finally:
            self.connection.settimeout(None)  # the answer may take its time


def pre_request(worker: Any, request: Any) -> None:  # noqa: ARG001  # gunicorn's signature
    """The head is read, and no more of the body than came with it."""
    request.unreader.sock = Hurried(request.unreader.sock, monotonic() + BODY_SECONDS)


def post_request(worker: Any, request: Any, environ: Any, response: Any) -> None:  # noqa: ARG001  # as above
    """The next request may come much later on the same connection."""
    request.unreader.sock = request.unreader.sock.connection


def worker_exit(server: Any, worker: Any) -> None:  # noqa: ARG001  # gunicorn's signature
    """Stop the keeper, so that another process leads at once."""
    for keeper, thread in _keepers:
        keeper.stop()
        thread.join(_RELEASED_WITHIN)
