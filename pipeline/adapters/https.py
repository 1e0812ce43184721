"""Fetches untrusted URLs, and posts to them: only https and public addresses, against server-side request forgery.

A host name is looked up once. The address that was checked is the one that is connected to; the name then serves
TLS and the Host header only. Every redirect is checked like a first URL. No proxy and no .netrc is read from the
environment, no cookie is kept, no body is decompressed.

It is built on the standard library, because the deadline must limit every read of the socket, and because urllib3
2.8 logs the whole URL, signature included, when a server sends a header that it cannot parse.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from ipaddress import ip_address
from time import monotonic
from typing import BinaryIO, cast
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from ..errors import RefusedAddress, SourceUnavailable, UnreadableSource
from ..settings import MIB
from .public_addresses import Address, is_public
from .timed_tls import TimedSocket, client_context, seconds_left

Resolve = Callable[[str, int], Sequence[Address]]
"""Host name and port -> addresses; raises socket.gaierror."""

BLOCK = 65_536  # bytes read at a time
MAX_ADDRESSES = 4  # of one host that are tried, one after the other

_REDIRECTS = {301, 302, 303, 307, 308}
_TRANSIENT = {408, 425, 429}
_NO_HEADERS: Mapping[str, str] = {}
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "pipeline", "Connection": "close"}

_ASCII = "".join(map(chr, range(128)))
_URL = re.compile(r"[!-\[\]-~]{1,8192}")  # printable ASCII without the backslash
# The last label begins with a letter, so 127.1, 0x7f.1 and 2130706433 are not names.
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,62}")


def look_up(host: str, port: int) -> list[Address]:
    """Return the addresses of a host. The system's resolver has its own time-out. Raises socket.gaierror."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(answer[4][0])) for answer in answers]


@dataclass(frozen=True)
class Limits:
    """What one fetch may take: bytes of body, seconds from start to end, number of redirects."""

    bytes: int = 32 * MIB
    seconds: float = 30.0
    redirects: int = 3


class Fetcher:
    """Fetches untrusted URLs within limits. Thread-safe."""

    def __init__(
        self,
        limits: Limits,
        *,
        may_connect: Callable[[Address], bool] = is_public,
        ca_certs: str | None = None,
        ports: frozenset[int] = frozenset({443}),
        resolve: Resolve = look_up,
    ) -> None:
        self.limits = limits
        self.may_connect = may_connect
        self.ports = ports
        self.resolve = resolve
        self.ca_certs = ca_certs

    def fetch(self, url: str, into: BinaryIO) -> None:
        """Write the body to `into`; after an error it holds what was received until then.

        Raises RefusedAddress, SourceUnavailable (may work later) or UnreadableSource.
        """
        deadline = monotonic() + self.limits.seconds
        source = self._source(url)
        for _ in range(self.limits.redirects + 1):
            with (
                closing(self._connected(source, deadline)) as connection,
                closing(_answer(connection, source)) as response,
            ):
                location = _redirect(response, source)
                if location is None:
                    return self._receive(response, source, into)
            source = self._source(location, source)
        raise UnreadableSource(f"{source} redirects more than {self.limits.redirects} times.")

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send a body; return the status of the answer, whose body is not read. No redirect is followed.

        Raises RefusedAddress, SourceUnavailable (may work later) or UnreadableSource.
        """
        deadline = monotonic() + self.limits.seconds
        source = replace(self._source(url), is_secret=True)
        with (
            closing(self._connected(source, deadline)) as connection,
            closing(_answer(connection, source, "POST", body, headers)) as response,
        ):
            return response.status

    def check(self, url: str) -> None:
        """Raise RefusedAddress for what can be refused without looking up the host."""
        self._source(url)

    def _source(self, url: str, before: _Source | None = None) -> _Source:
        """Check a URL, or the target of a redirect that the source `before` answered with."""
        said = f"The URL to which {before} redirects" if before else "The URL"
        parts, port = _split(url, before.url if before else "", said)
        host = parts.hostname or ""
        rules = (
            (parts.scheme == "https", "does not begin with https://"),
            ("@" not in parts.netloc, "contains a user name or a password"),
            (self._may_name(host), "does not name a public host (international names: as xn--…)"),
            (port in self.ports, f"names port {port}, which is not allowed"),
        )
        for kept, fault in rules:
            if not kept:
                raise RefusedAddress(f"{said} {fault}.")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return _Source(host, port, target, parts.geturl())

    def _may_name(self, host: str) -> bool:
        """Return True for a name with a dot, and for an allowed literal address without a zone."""
        try:
            literal = ip_address(host)
        except ValueError:
            return _HOST_NAME.fullmatch(host) is not None
        return "%" not in host and self.may_connect(literal)

    def _connected(self, source: _Source, deadline: float) -> HTTPSConnection:
        """Connect by TLS to an address that was checked; the certificate must be for the host name."""
        addresses = self._addresses(source)
        with _network_errors(source), _dial(addresses[:MAX_ADDRESSES], source.port, deadline) as raw:
            raw.settimeout(seconds_left(deadline))
            tls = client_context(self.ca_certs).wrap_socket(raw, server_hostname=source.host)
        cast(TimedSocket, tls).deadline = deadline
        connection = HTTPSConnection(source.host, source.port, context=tls.context)
        connection.auto_open = False  # never reconnect: that would look the name up again
        connection.sock = tls
        return connection

    def _addresses(self, source: _Source) -> Sequence[Address]:
        """Look up the host, once. A single address that is not public refuses them all."""
        with _network_errors(source):
            addresses = self.resolve(source.host, source.port)
        if not addresses:
            raise UnreadableSource(f"The host of {source} has no address.")
        if not all(map(self.may_connect, addresses)):
            raise RefusedAddress(f"The host of {source} has an address that is not public.")
        return addresses

    def _receive(self, response: HTTPResponse, source: _Source, into: BinaryIO) -> None:
        """Copy the body in blocks, and count the bytes that really arrive."""
        too_large = UnreadableSource(f"{source} is larger than {self.limits.bytes / MIB:.4g} MiB.")
        if response.getheader("Content-Encoding", "identity").lower() != "identity":
            raise UnreadableSource(f"{source} is sent compressed (Content-Encoding), although that was declined.")
        if response.length and response.length > self.limits.bytes:
            raise too_large
        received = 0
        for block in _blocks(response, source):
            received += len(block)
            if received > self.limits.bytes:
                raise too_large
            into.write(block)
        if not received:
            raise UnreadableSource(f"{source} is empty.")


@dataclass(frozen=True)
class _Source:
    """A checked URL. Its text is only file name and host, or host: path and query may hold a signature."""

    host: str
    port: int
    target: str
    url: str
    is_secret: bool = False

    def __str__(self) -> str:
        name = urlsplit(self.url).path.rpartition("/")[2].partition(";")[0][:80]
        return f"{name} at {self.host}" if name and not self.is_secret else self.host

    __repr__ = __str__


def _split(url: str, base: str, said: str) -> tuple[SplitResult, int]:
    """Parse a URL and its port. Refuses white space, control characters, backslashes and what is no URL."""
    fault = RefusedAddress(f"{said} is not well formed (white space, backslash, brackets, port, length).")
    plain = quote(url, safe=_ASCII, errors="surrogatepass")
    if not _URL.fullmatch(plain):
        raise fault
    try:
        parts = urlsplit(urljoin(base, plain))
        return parts, 443 if parts.port is None else parts.port
    except ValueError:
        raise fault from None  # the ValueError may quote a password


def _dial(addresses: Sequence[Address], port: int, deadline: float) -> socket.socket:
    """Connect by TCP to the first address that answers. Each gets an equal share of the time left."""
    first, *others = addresses
    try:
        return socket.create_connection((str(first), port), seconds_left(deadline) / len(addresses))
    except OSError:
        if not others:
            raise
    return _dial(others, port, deadline)


def _answer(
    connection: HTTPSConnection,
    source: _Source,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> HTTPResponse:
    """Send the request, return the head of the answer."""
    with _network_errors(source):
        connection.request(method, source.target, body, {**_HEADERS, **headers})
        return connection.getresponse()


def _redirect(response: HTTPResponse, source: _Source) -> str | None:
    """Return the target of a redirect, None when a body follows. Any other status is an error."""
    if response.status == 200:
        return None
    location = response.getheader("Location")
    if response.status in _REDIRECTS and location:
        return quote(location.encode("latin-1"), safe=_ASCII)
    transient = response.status >= 500 or response.status in _TRANSIENT
    kind = SourceUnavailable if transient else UnreadableSource
    raise kind(f"{source} cannot be fetched: the server answers {response.status}.")


def _blocks(response: HTTPResponse, source: _Source) -> Iterator[bytes]:
    """Yield the body in pieces of at most BLOCK bytes.

    It uses read1: read() takes a chunk size of -1 for "everything" and loads it into memory.
    """
    with _network_errors(source):
        while block := response.read1(BLOCK):
            yield block
        if response.length:
            raise IncompleteRead(b"", response.length)


@contextmanager
def _network_errors(source: _Source) -> Iterator[None]:
    """Raise our errors for those of the network."""
    try:
        yield
    except (OSError, HTTPException) as error:
        raise _to_source_error(error, source) from error


def _to_source_error(error: Exception, source: _Source) -> UnreadableSource:
    """Return our error for a failure of the network: SourceUnavailable if it may pass, else UnreadableSource."""
    match error:
        case TimeoutError():
            return SourceUnavailable(f"{source} did not arrive in the time allowed.")
        case socket.gaierror(errno=socket.EAI_AGAIN):
            return SourceUnavailable(f"The host of {source} cannot be looked up at the moment.")
        case socket.gaierror():
            return UnreadableSource(f"The host of {source} is not known.")
        case ssl.SSLCertVerificationError(verify_message=fault):
            return UnreadableSource(f"{source} has no valid certificate: {fault}.")
        case ssl.SSLError(reason=fault) if not isinstance(error, ssl.SSLEOFError):
            return UnreadableSource(f"{source} cannot be fetched over TLS: {fault}.")
    return SourceUnavailable(f"The connection to the host of {source} failed or was closed early.")
