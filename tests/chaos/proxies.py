"""Proxies between the system and its services: TCP for Redis and mail, HTTP for S3 and the Heroku API."""

from __future__ import annotations

import re
import selectors
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import ThreadingHTTPServer
from urllib.parse import unquote

import hiredis

from ..http_proxy import Answer, PassingHandler
from .gate import PASS, Effect, Gate, Request

LONGEST_TEXT = 2000  # of a request, in characters
_STATE = re.compile(rb'"state":"(\w+)"')
_CLOSE_BY_RESET = struct.pack("ii", 1, 0)


class Cut(ConnectionResetError):
    """The proxy cuts the connection on purpose."""


class TcpProxy(socketserver.ThreadingTCPServer):
    """Passes on what is sent to `upstream`, a port. While it is away, it resets every connection."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 100

    def __init__(self, gate: Gate, service: str, texts: Callable[[], Callable[[bytes], list[str]]]) -> None:
        super().__init__(("127.0.0.1", 0), _TcpHandler)
        self.gate, self.service, self.texts = gate, service, texts
        self.port = int(self.server_address[1])
        self.upstream = 0
        self.away = False
        self.open: set[socket.socket] = set()  # to clients

    def go_away(self) -> None:
        self.away = True
        for each in tuple(self.open):
            with suppress(OSError):  # it was just closed
                each.shutdown(socket.SHUT_RD)  # wakes its thread, which resets it

    def come_back(self) -> None:
        self.away = False

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a connection that ended


class _TcpHandler(socketserver.BaseRequestHandler):
    server: TcpProxy
    request: socket.socket

    def handle(self) -> None:
        self._texts = self.server.texts()
        self._asked: list[Request] = []  # what waits for its answer
        self.server.open.add(self.request)
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self.server.upstream)) as upstream,
            selectors.DefaultSelector() as selector,
        ):
            for each in (self.request, upstream):
                selector.register(each, selectors.EVENT_READ)
            while not self.server.away:
                for key, _ in selector.select():
                    if key.fileobj is upstream:
                        self._answered(upstream)
                    else:
                        self._ask(upstream)
        self.server.open.discard(self.request)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_BY_RESET)

    def _ask(self, upstream: socket.socket) -> None:
        data = self._received(self.request)
        port = int(self.client_address[1])
        asked = [Request(self.server.service, text, port) for text in self._texts(data)]
        effects = [self.server.gate.meet(each, "before") for each in asked]
        if replies := b"".join(effect.reply for effect in effects):
            self.request.sendall(replies)
        elif any(effect.cut for effect in effects):
            raise Cut
        else:
            self._asked = asked
            upstream.sendall(data)

    def _answered(self, upstream: socket.socket) -> None:
        data = self._received(upstream)
        effects = [self.server.gate.meet(each, "after") for each in self._asked]
        self._asked = []
        if any(effect.half for effect in effects):
            self.request.sendall(data[: len(data) // 2])
            raise Cut
        if any(effect.cut for effect in effects):
            raise Cut
        self.request.sendall(data)

    def _received(self, source: socket.socket) -> bytes:
        if not (data := source.recv(1 << 20)):
            raise Cut
        return data


def redis_texts() -> Callable[[bytes], list[str]]:
    """Return a function that reads the commands of one connection to Redis, such as "LPUSH pipeline.short …"."""
    reader = hiredis.Reader()

    def texts(data: bytes) -> list[str]:
        reader.feed(data)
        commands = iter(reader.gets, False)
        return [b" ".join(part for part in command if isinstance(part, bytes))[:LONGEST_TEXT].decode("latin-1")
                for command in commands]  # fmt: skip

    return texts


def mail_texts() -> Callable[[bytes], list[str]]:
    """Return a function that reads what is sent to a mail server: a command, or the text of a mail."""
    return lambda data: [data[:200].decode("latin-1") + ("<end of text>" if data.endswith(b"\r\n.\r\n") else "")]


class HttpProxy(ThreadingHTTPServer):
    """Passes requests on to `upstream`, host:port."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, gate: Gate, service: str) -> None:
        super().__init__(("127.0.0.1", 0), _HttpHandler)
        self.gate, self.service, self.upstream = gate, service, ""

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a connection that was cut


class _HttpHandler(PassingHandler):
    server: HttpProxy

    def do_GET(self) -> None:  # noqa: N802  # http.server names them
        body, gate, upstream = self.body(), self.server.gate, self.server.upstream
        asked = Request(self.server.service, self._text(body), int(self.client_address[1]))
        refused = self._refusal(gate.meet(asked, "before"))
        answer = refused or self.forward(upstream, body)
        effect = PASS if refused else gate.meet(asked, "after")
        if effect.half:
            whole = answer.length or str(len(answer.data))
            self.send(replace(answer, data=answer.data[: len(answer.data) // 2], length=whole))
            self._cut()
        self.send(self._refusal(effect) or answer)

    do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = do_GET  # noqa: N815

    def _refusal(self, effect: Effect) -> Answer | None:
        if effect.cut:
            self._cut()
        return Answer(effect.status, {"Content-Type": "application/xml"}, b"") if effect.status else None

    def _cut(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_BY_RESET)
        raise Cut

    def _text(self, body: bytes) -> str:
        """Return the request in words: "PUT exports/1/export.json planning", "DELETE active/1"."""
        path = unquote(self.path)
        if self.server.service != "s3":
            return f"{self.command} {path}"
        key = path.removeprefix("/").partition("/")[2]
        if path.endswith("?delete"):
            return "DELETE " + " ".join(re.findall(r"<Key>(.*?)</Key>", body.decode()))
        state = _STATE.search(body) if key.endswith("/export.json") else None
        return f"{self.command} {key} {state[1].decode() if state else ''}".strip()


@contextmanager
def served(server: TcpProxy | HttpProxy) -> Iterator[None]:
    """Run a proxy until the block ends."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
