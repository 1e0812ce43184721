"""TLS servers on loopback, friendly and hostile, and a fetcher that may connect to them."""

from __future__ import annotations

import io
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from pipeline.adapters.https import Fetcher, Limits
from pipeline.adapters.public_addresses import Address

HOME = ip_address("127.0.0.1")  # the only address that the tests' fetcher may connect to


ELSEWHERE = ip_address("127.0.0.2")


PUBLIC = ip_address("93.184.215.14")


PICTURE = bytes(range(256)) * 1000


OPENSSL = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=loopback"
    " -addext subjectAltName=DNS:pictures.test,DNS:other.test,DNS:hooks.test,IP:127.0.0.1"
    " -addext keyUsage=critical,digitalSignature,keyCertSign"
)


Pieces = Iterator[bytes]


Answer = Callable[[str], Pieces]  # request head -> what is sent, piece by piece


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for pictures.test, other.test, hooks.test and 127.0.0.1: paths of PEM files."""

    cert: str
    key: str


class Site:
    """A TLS server: one request per connection, one connection at a time."""

    def __init__(self, certificate: Certificate, answer: Answer, address: Address = HOME, port: int = 0) -> None:
        self.answer = answer
        self.accepted = 0
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.names: list[str | None] = []
        self.stopping = threading.Event()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate.cert, certificate.key)
        self._tls.sni_callback = lambda _sock, name, _context: self.names.append(name)
        self._listener = socket.create_server((str(address), port), backlog=50)
        self._listener.settimeout(0.01)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def url(self, path: str = "/photo.jpg", host: str = "pictures.test") -> str:
        return f"https://{host}:{self.port}{path}"

    def close(self) -> None:
        self.stopping.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self.stopping.is_set():
            with suppress(TimeoutError):
                raw, _ = self._listener.accept()
                self.accepted += 1
                raw.settimeout(60)
                with suppress(OSError), raw, self._tls.wrap_socket(raw, server_side=True) as tls:
                    self._converse(tls)

    def _converse(self, tls: ssl.SSLSocket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := tls.recv(4096)):
                return
            head += more
        head, _, body = head.partition(b"\r\n\r\n")
        sent = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        while sent and len(body) < int(sent[1]):
            body += tls.recv(4096)
        self.bodies.append(body)
        self.heads.append(head.decode() + "\r\n\r\n")
        for piece in self.answer(self.heads[-1]):
            tls.sendall(piece)
            if self.stopping.is_set():
                return


Open = Callable[..., Site]


class Names:
    """A resolver that notes what it is asked. It gives a host's answers in turn, and repeats the last one."""

    def __init__(self, **answers: list[Sequence[Address]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        answers = self.answers.get(host.partition(".")[0], [[HOME]])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def fetcher(
    certificate: Certificate, *sites: Site, limits: Limits | None = None, names: Names | None = None
) -> Fetcher:
    return Fetcher(
        limits or Limits(bytes=1 << 20, seconds=60),
        may_connect=lambda address: address == HOME,
        ca_certs=certificate.cert,
        ports=frozenset(site.port for site in sites),
        resolve=names or Names(),
    )


def fetched(with_fetcher: Fetcher, url: str) -> bytes:
    into = io.BytesIO()
    with_fetcher.fetch(url, into)
    assert into.tell() == len(into.getvalue())
    return into.getvalue()


def said(*lines: str, status: str = "200 OK", body: bytes = b"") -> Answer:
    """Return an answer with these header lines and this body; the connection then closes."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines, ""))
    return lambda _: iter([head.encode("latin-1"), body])


def sized(body: bytes) -> Answer:
    return said(f"Content-Length: {len(body)}", body=body)


def chunked(*chunks: bytes) -> Answer:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return said("Transfer-Encoding: chunked", body=body)


def moved(location: str, status: int = 302) -> Answer:
    return said(f"Location: {location}", "Content-Length: 0", status=f"{status} Moved")


def without_tls(certificate: Certificate, listener: socket.socket, limits: Limits) -> tuple[Fetcher, str]:
    """Return a fetcher that may use the listener's port, and a URL on it."""
    port = listener.getsockname()[1]
    one = Fetcher(
        limits,
        may_connect=lambda address: address == HOME,
        ca_certs=certificate.cert,
        ports=frozenset({port}),
        resolve=Names(),
    )
    return one, f"https://pictures.test:{port}/"


def make_certificate(folder: Path) -> Certificate:
    """Make a certificate with the openssl command."""
    made = Certificate(str(folder / "cert.pem"), str(folder / "key.pem"))
    command = [*OPENSSL.split(), "-keyout", made.key, "-out", made.cert]
    subprocess.run(command, check=True, capture_output=True)
    return made
