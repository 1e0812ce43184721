"""Gunicorn's configuration: one process with eight threads, and the keeper in a thread of its own.

Read by gunicorn as `--config python:pipeline.web.gunicorn`.
"""

from __future__ import annotations

import os
from pathlib import Path
from socket import socket
from time import monotonic
from typing import Any

from gunicorn import glogging

from .. import logs
from ..services import worker_pool
from ..settings import log_format
from ..tasks.child.beside import Beside
from ..tasks.keeper import Keeper
from .auth import EXTENSION
from .connections import CompleteRequestWorker
from .previews import EXTENSION as PREVIEWS

# A platform that sets PORT routes requests from outside. Without it, listen on this machine only.
_port = os.environ.get("PORT")
_host = os.environ.get("HOST") or ("0.0.0.0" if _port else "127.0.0.1")  # noqa: S104
bind = f"{_host}:{_port or 5000}"
workers = 1  # explicit, since Heroku sets WEB_CONCURRENCY; requests wait for S3, not for the processor
worker_class = CompleteRequestWorker
threads = 8
timeout = 30
graceful_timeout = 25  # seconds; Heroku kills after 30
# Gunicorn touches a heartbeat file; on a slow disk that could block.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # gunicorn makes it safely
control_socket_disable = True  # unused, and it would be in the home directory
accesslog = None  # paths contain the tokens of mail links

BODY_SECONDS = 10.0  # time for a whole body; gunicorn (27.0) lets a slow one block a thread for ever
MARGIN_SECONDS = 2.0  # for the rest of the process's end; gunicorn kills it after graceful_timeout
_keepers: list[Keeper] = []


def post_worker_init(worker: Any) -> None:
    """Start the keeper, and what makes small exports, after the fork: processes must not share connections."""
    services = worker.wsgi.extensions[EXTENSION]
    logs.begin(services.settings.log_format, "%(name)s: %(message)s")
    if isinstance(services.queue, Beside):
        services.queue.start()
    keeper = Keeper(services, worker_pool(services.settings, services.redis))
    keeper.start()
    _keepers.append(keeper)
    worker.when_told = keeper.stop  # another process leads at once, while requests are still answered here


class GunicornLog(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's own records in the format of all others; its form of a line of text stays."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(logs.formatter(log_format(os.environ), self.error_fmt))


logger_class = GunicornLog


class DeadlineSocket:
    """A socket that must deliver a body before a deadline. Raises TimeoutError, which gunicorn answers with 400."""

    def __init__(self, connection: socket, deadline: float) -> None:
        self.connection = connection
        self._deadline = deadline

    def recv(self, size: int) -> bytes:
        """Return the next bytes."""
        if (left := self._deadline - monotonic()) <= 0:
            raise TimeoutError
        before = self.connection.gettimeout()
        self.connection.settimeout(left)
        try:
            return self.connection.recv(size)
        finally:
            self.connection.settimeout(before)  # the limit for the response


def pre_request(worker: Any, request: Any) -> None:  # noqa: ARG001  # gunicorn's signature
    """Set the deadline once the head of a request is read."""
    request.unreader.sock = DeadlineSocket(request.unreader.sock, monotonic() + BODY_SECONDS)


def post_request(worker: Any, request: Any, environ: Any, response: Any) -> None:  # noqa: ARG001  # as above
    """Remove the deadline: the next request on this connection may come much later."""
    request.unreader.sock = request.unreader.sock.connection


def worker_exit(server: Any, worker: Any) -> None:  # noqa: ARG001  # as above
    """Stop the keeper, give back what is made beside this process, and let a mail that is being handed over end."""
    until = (worker.told_at or monotonic()) + graceful_timeout - MARGIN_SECONDS
    for keeper in _keepers:
        keeper.stop()
    if isinstance(queue := worker.wsgi.extensions[EXTENSION].queue, Beside):
        queue.stop()
    else:
        worker.wsgi.extensions[PREVIEWS].stop()
    for keeper in _keepers:
        keeper.end(until)
