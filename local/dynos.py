"""Local dynos: real worker processes behind a small server with Heroku's Platform API.

    with Dynos(Path("Procfile"), os.environ, log_folder=Path("logs"), cwd=Path.cwd()) as dynos:
        heroku3.api.HEROKU_URL = dynos.url
        heroku3.from_key(dynos.key).app(dynos.app).scale_formation_process("worker", 2)

As on Heroku: a boot delay, `$DYNO`, SIGTERM to every process of a dyno and SIGKILL after 30 s, the highest ordinal
stops first, a dyno that ends is restarted, and there is a memory limit where the system allows one.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from . import cgroup
from .dyno import MIB, DynoSettings
from .formation import LocalFormation
from .platform_api import ERROR_IDS, Tokens, application
from .process import Start, start

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


@dataclass(frozen=True)
class Fault:
    """A fault of an API call: no answer for `hang` seconds, then a reset, this status, or the true answer.

    `lost`: the call is obeyed, but its answer is lost by a reset, or replaced by this status. Without a `body` the
    answer is an error in Heroku's format. A `sticky` fault affects every call until `faults.clear()`; any other
    affects one. With a `method` it waits for a call of it.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    hang: float = 0.0
    reset: bool = False
    lost: bool = False
    sticky: bool = False
    method: str = ""


@dataclass(frozen=True)
class Call:
    """An API call that was answered; `time` in seconds since the epoch, status 0 for a reset connection."""

    time: float
    method: str
    path: str
    status: int


class Dynos(LocalFormation):
    """A formation with the Platform API in front of it, on a loopback port, from `start()` to `stop()`.

    `env` is the machine's, `config_vars` are the app's. Append to `faults` to make the API fail. `requests` has the
    calls, `history` has what the dynos did. Times are seconds.
    """

    def __init__(
        self,
        procfile: Path,
        env: Mapping[str, str],
        *,
        log_folder: Path,
        cwd: Path,
        config_vars: Mapping[str, str] | None = None,
        app: str = "demo",
        key: str = "local-key",
        types: Sequence[str] = ("worker",),
        limit: int = 100,
        tokens: int = 4500,
        boot_seconds: float = 1.0,
        stop_seconds: float = 30.0,
        look_seconds: float = 0.2,
        memory_bytes: int = 512 * MIB,
        port: int = 0,
        start: Start = start,
    ) -> None:
        settings = DynoSettings(
            dict(env), cwd, log_folder, boot_seconds, stop_seconds, look_seconds, memory_bytes, start
        )
        super().__init__(app, procfile, types, limit, settings, config_vars or {})
        self.key = key
        self.faults: deque[Fault] = deque()
        self.requests: list[Call] = []
        self._port = port
        self._api = application(self, key, Tokens(tokens), log_folder)
        self._server: BaseWSGIServer | None = None
        self._faults_taken = threading.Lock()
        self._no_hangs = threading.Event()

    @property
    def url(self) -> str:
        """The address of the API, without a trailing slash."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def memory_limited(self) -> bool:
        """True if the kernel enforces a memory limit for each dyno."""
        return cgroup.available()

    def start(self) -> Dynos:
        """Start the API; no dyno runs until one is ordered."""
        self._server = make_server("127.0.0.1", self._port, self._serve, threaded=True, request_handler=_Handler)
        self._port = self._server.port
        self.open()
        serve = partial(self._server.serve_forever, poll_interval=0.05)  # stop() takes this long
        threading.Thread(target=serve, name="platform-api", daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop the API and every dyno; no process is left."""
        self.end_hangs()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self.close()

    def end_hangs(self) -> None:
        """Let the calls that hang go on, and none hang from now on."""
        self._no_hangs.set()

    def __enter__(self) -> Dynos:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One WSGI call: apply the next fault, call the API, append to `requests`."""
        call = Request(environ)
        fault = self._next_fault(call.method)
        self._no_hangs.wait(fault.hang)
        if fault.lost:
            Response.from_app(self._api, environ)
        elif fault.reset:
            call.get_data()  # else the client may still be sending, and would meet a broken pipe
        if fault.reset or (fault.lost and not fault.status):
            self._note_call(call, 0)
            raise _Reset
        response = _error_response(fault) if fault.status else Response.from_app(self._api, environ)
        self._note_call(call, response.status_code)
        return response(environ, start_response)

    def _next_fault(self, method: str) -> Fault:
        with self._faults_taken:
            for fault in tuple(self.faults):
                if fault.method in ("", method):
                    if not fault.sticky:
                        with suppress(ValueError):  # it was cleared meanwhile
                            self.faults.remove(fault)
                    return fault
        return Fault()

    def _note_call(self, call: Request, status: int) -> None:
        self.requests.append(Call(time.time(), call.method, call.path, status))


class _Reset(ConnectionResetError):
    """Passes through the server, which treats it as a lost connection."""


class _Handler(WSGIRequestHandler):
    """Logs errors but not requests, which `Dynos.requests` has; resets a connection for a fault."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass

    def connection_dropped(self, error: BaseException, *_: object) -> None:
        self.close_connection = True
        if isinstance(error, _Reset):
            # A linger of 0 sends RST at close; the server itself would send FIN first.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())


def _error_response(fault: Fault) -> Response:
    status = fault.status or 500
    error = {"id": ERROR_IDS.get(status, "bad_request"), "message": f"A fault of the test: {status}."}
    body = json.dumps(error) if fault.body is None else fault.body
    kind = "application/json" if fault.body is None else "text/html"
    return Response(body, status, fault.headers, content_type=kind)
