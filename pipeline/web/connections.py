"""A gunicorn worker that gives a request a thread when its head, and a small body, are complete.

Gunicorn's own (27.0) reads heads in its threads without a limit, so a few clients that send half a head stop it. It
also waits up to 2 s for each client to close, in the loop that accepts connections. Here that loop does both and
never blocks. `enqueue_req`, `finish_request`, `handle_request`, `handle_exit`, `_keepalive_after`, `method_queue`
and `pending_conns` are gunicorn's names; `tests/contract/web/test_gunicorn.py` shows when another version changes
them.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from time import monotonic
from typing import Any

from gunicorn import http, util
from gunicorn.workers.gthread import ThreadWorker

WAIT_SECONDS = 5.0  # for a request, and for a client to close; one number keeps `pending_conns` in order
MAX_BYTES = 65536  # of a head with its small body
SEND_SECONDS = 10.0  # for each write of a response
SEND_BUFFER = 262144  # bytes; a response of ours fits, so that a slow reader holds no thread
DRAIN_SECONDS = 0.05  # for a body that the application left unread
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,6})[ \t]*(?:\r\n|$)", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect:", re.IGNORECASE)


class CompleteRequestWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """One process with threads for requests that have arrived.

    `pending_conns` are the connections that wait, in the order of their timeouts. `when_told` is called in the
    loop once the process is told to end, while requests may still be answered.
    """

    told_at: float | None = None  # to end, on the monotonic clock
    when_told: Callable[[], None] = staticmethod(lambda: None)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Note when the process is told to end. Called in a signal handler."""
        if self.alive:
            self.told_at = monotonic()
            self.method_queue.defer(self.when_told)
        super().handle_exit(sig, frame)

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection a thread, once its next request is there."""
        if conn.parser is None:
            conn.parser = http.get_parser(conn.cfg, conn.sock, conn.client)
            conn.data_ready = True
            with suppress(OSError):  # the client is gone; the next read tells
                conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if _is_complete(conn.parser.unreader.buf.getvalue()):
            super().enqueue_req(conn)
        else:
            self._wait(conn, self._read_request)

    def finish_request(self, conn: Any, fs: Future[bool]) -> None:
        """Keep a connection for the next request, or close it when the client has read the response."""
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self._linger(conn)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer a request. Runs in a thread. Returns False when the connection must be closed."""
        conn.sock.settimeout(SEND_SECONDS)
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError:
            self.log.debug("A client did not read its response.")
            return False

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Return whether the connection can be used again. A body that was refused is not waited for."""
        return keepalive and bool(conn.parser.finish_body(deadline=monotonic() + DRAIN_SECONDS))

    def _wait(self, conn: Any, readable: Any) -> None:
        """Call `readable` when bytes arrive; `murder_pending` closes the connection after WAIT_SECONDS."""
        conn.sock.setblocking(False)
        conn.timeout = monotonic() + WAIT_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(readable, conn))

    def _end_wait(self, conn: Any) -> None:
        self.poller.unregister(conn.sock)
        self.pending_conns.remove(conn)

    def _read_request(self, conn: Any, client: socket.socket) -> None:
        """Read what has arrived of a request."""
        if (data := _receive(client)) is None:
            return
        buffer = conn.parser.unreader.buf
        buffer.seek(0, os.SEEK_END)
        buffer.write(data)
        complete = _is_complete(buffer.getvalue())
        if data and not complete and buffer.tell() < MAX_BYTES:
            return
        self._end_wait(conn)
        if complete:
            super().enqueue_req(conn)
        elif not data:
            self._close(conn)
        else:
            with suppress(OSError):
                util.write_error(client, 431, "Request Header Fields Too Large", "The head is too long.")
            self._linger(conn)

    def _linger(self, conn: Any) -> None:
        """Close after the client, so that it can read the whole response (RFC 9112, 9.6)."""
        conn.left = MAX_BYTES  # of what it may still send
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
        else:
            self._wait(conn, self._discard)

    def _discard(self, conn: Any, client: socket.socket) -> None:
        """Discard what a client sends after the response."""
        if (data := _receive(client)) is None:
            return
        conn.left -= len(data)
        if not data or conn.left <= 0:
            self._end_wait(conn)
            self._close(conn)

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()


def _is_complete(received: bytes) -> bool:
    """Return whether a request needs no more waiting: its head is there, and its body if that is small.

    One empty line may come before it (RFC 9112, 2.2). A client that sent "Expect" sends no body before an answer.
    """
    head, end, body = received.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not end:
        return False
    length = LENGTH.search(head)
    if length is None or EXPECT.search(head) or len(head) + int(length[1]) > MAX_BYTES - 8:
        return True
    return len(body) >= int(length[1])


def _receive(client: socket.socket) -> bytes | None:
    """Return what has arrived; None if nothing has, b"" if nothing more will."""
    try:
        return client.recv(MAX_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""
