"""A real Valkey that is away for a while: it refuses writes, cuts and refuses connections, or answers no more."""

from __future__ import annotations

import selectors
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis

from local.services import Valkey


class Passage(socketserver.ThreadingTCPServer):
    """Passes TCP connections on to a port. While `away` it cuts those that are open, and new ones at once.

    The next connection on which the bytes `cut_at` are sent is cut; that of `mute_at` stays open without an answer.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = port
        self.url = f"redis://127.0.0.1:{self.server_address[1]}/0"
        self.away = threading.Event()
        self.cut_at = self.mute_at = b""

    def meets(self, data: bytes) -> tuple[bool, bool]:
        """Return whether these bytes cut their connection, and whether they mute it; each happens once."""
        cut, mute = (bool(mark) and mark in data for mark in (self.cut_at, self.mute_at))
        self.cut_at, self.mute_at = b"" if cut else self.cut_at, b"" if mute else self.mute_at
        return cut, mute


class _Handler(socketserver.BaseRequestHandler):
    server: Passage
    request: socket.socket

    def handle(self) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.server.upstream)) as upstream:
            other = {self.request: upstream, upstream: self.request}
            with selectors.DefaultSelector() as selector:
                for each in other:
                    selector.register(each, selectors.EVENT_READ)
                mute = False
                while not self.server.away.is_set():
                    for key, _ in selector.select(0.05):
                        source = key.fileobj
                        assert isinstance(source, socket.socket)
                        data = source.recv(65536)
                        cut, muted = self.server.meets(data)
                        mute |= muted
                        if cut or not data:
                            return
                        if not mute:
                            other[source].sendall(data)


@contextmanager
def passage(server: Valkey) -> Iterator[Passage]:
    """Run a passage to the server."""
    with Passage(server.port) as between:
        thread = threading.Thread(target=between.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield between
        finally:
            between.shutdown()
            thread.join()


def refuse_writes(server: Valkey, seconds: float) -> None:
    """Answer READONLY to every write, like a server that was replaced by its replica."""
    with redis.Redis.from_url(server.url) as client:
        client.replicaof("127.0.0.1", 1)
        time.sleep(seconds)
        client.replicaof("NO", "ONE")


def refuse_connections(between: Passage, seconds: float) -> None:
    """Cut every connection and accept none."""
    between.away.set()
    time.sleep(seconds)
    between.away.clear()
