"""A TLS endpoint with a self-signed certificate in front of a plain port, as Heroku's Redis has."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def tls_in_front_of(port: int, folder: Path) -> Iterator[int]:
    """The port that speaks TLS; connections end with the block."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*_certificate(folder))
    open_ones: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, context, port, open_ones), daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for connection in open_ones:
                _close(connection)


def _accept(server: socket.socket, context: ssl.SSLContext, port: int, open_ones: list[socket.socket]) -> None:
    with suppress(OSError):  # the server was closed
        while True:
            plain, _ = server.accept()
            threading.Thread(target=_serve, args=(plain, context, port, open_ones), daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, port: int, open_ones: list[socket.socket]) -> None:
    try:
        secure = context.wrap_socket(plain, server_side=True)
    except OSError:
        plain.close()
        return
    behind = socket.create_connection(("127.0.0.1", port))
    open_ones += [secure, behind]
    threading.Thread(target=_pump, args=(behind, secure), daemon=True).start()
    _pump(secure, behind)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for connection in (source, target):
        _close(connection)


def _close(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "redis.crt", folder / "redis.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=redis"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key
