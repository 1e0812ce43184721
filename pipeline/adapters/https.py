"""The one way by which a URL that a stranger wrote is fetched.

Only https, only public addresses, and the address that was checked is the address that is connected to:
a name is looked up once, and then serves TLS and the Host header only. Every redirect starts from the top.
Nothing is taken from the environment (proxies, .netrc), nothing is kept (cookies), nothing is decompressed.

It stands on the standard library because the deadline has to reach into every read of the socket, and
because urllib3 2.8 logs the whole URL, signature included, when a server sends a header it cannot parse.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from time import monotonic
from typing import BinaryIO, cast
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from ..errors import RefusedAddress, SourceUnavailable, UnreadableSource

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[Address]]

MIB = 1024 * 1024
BLOCK = 64 * 1024
MAX_ADDRESSES = 4  # of one host are tried, one after the other

_REDIRECTS = {301, 302, 303, 307, 308}
_TRANSIENT = {408, 425, 429}
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "pipeline", "Connection": "close"}

_ASCII = "".join(map(chr, range(128)))
_URL = re.compile(r"[!-\[\]-~]{1,8192}")  # printable ASCII without the backslash
# The last label begins with a letter, so 127.1, 0x7f.1 and 2130706433 are not names.
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,62}")

# IANA special-purpose address registries (RFC 6890). Written out, because `is_global` changed within 3.11.
# 224/3 is multicast, reserved and broadcast; 168.63.129.16 a cloud's metadata server that looks public.
# fmt: off
_SPECIAL_V4 = [IPv4Network(network) for network in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
)]
# fmt: on
_GLOBAL_V6 = IPv6Network("2000::/3")
# Of that, 2001::/23 holds Teredo among others, 2002::/16 is 6to4, the other two are for documentation.
_SPECIAL_V6 = [IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether this is a global unicast address of the open internet.

    Of the IPv6 forms that hold an IPv4 address only NAT64 can be public: an IPv6-only network needs it.
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _GLOBAL_V6 and not any(address in network for network in _SPECIAL_V6)


def look_up(host: str, port: int) -> list[Address]:
    """Ask the system's resolver, which has its own time-out; raises socket.gaierror."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(answer[4][0])) for answer in answers]


@dataclass(frozen=True)
class Limits:
    """What one fetch may cost: bytes of body, seconds from start to end, redirects."""

    bytes: int = 32 * MIB
    seconds: float = 30.0
    redirects: int = 3


class Fetcher:
    """Fetches untrusted URLs within limits; one for all threads."""

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
        self._tls = ssl.create_default_context(cafile=ca_certs)
        self._tls.sslsocket_class = _TimedSocket

    def fetch(self, url: str, into: BinaryIO) -> None:
        """Write the body to `into`, which after an error holds what had come so far.

        Raises RefusedAddress, SourceUnavailable (try again later) or UnreadableSource.
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
        raise UnreadableSource(f"{source} is only reached by more than {self.limits.redirects} redirects.")

    def check(self, url: str) -> None:
        """Refuse what can be refused without a lookup; raises RefusedAddress."""
        self._source(url)

    def _source(self, url: str, before: _Source | None = None) -> _Source:
        """Read a URL, or a redirect that came from the source before."""
        said = f"The URL to which {before} redirects" if before else "The URL"
        parts, port = _split(url, before.url if before else "", said)
        host = parts.hostname or ""
        rules = (
            (parts.scheme == "https", "does not begin with https://"),
            ("@" not in parts.netloc, "holds a user name or a password"),
            (self._may_name(host), "does not name a public host (international names: as xn--…)"),
            (port in self.ports, f"names port {port}, which is not allowed"),
        )
        for kept, fault in rules:
            if not kept:
                raise RefusedAddress(f"{said} {fault}.")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return _Source(host, port, target, parts.geturl())

    def _may_name(self, host: str) -> bool:
        """A name with a dot, or the literal of an address that may be connected to (without a zone)."""
        try:
            literal = ip_address(host)
        except ValueError:
            return _HOST_NAME.fullmatch(host) is not None
        return "%" not in host and self.may_connect(literal)

    def _connected(self, source: _Source, deadline: float) -> HTTPSConnection:
        """A TLS connection to an address that was checked, verified against the name."""
        addresses = self._addresses(source)
        with _network_errors(source), _dial(addresses[:MAX_ADDRESSES], source.port, deadline) as raw:
            raw.settimeout(_seconds_left(deadline))
            tls = self._tls.wrap_socket(raw, server_hostname=source.host)
        cast(_TimedSocket, tls).deadline = deadline
        connection = HTTPSConnection(source.host, source.port, context=self._tls)
        connection.auto_open = 0  # it must never connect by itself: it would look the name up again
        connection.sock = tls
        return connection

    def _addresses(self, source: _Source) -> Sequence[Address]:
        """Look the host up, once; one address that is not public spoils them all."""
        with _network_errors(source):
            addresses = self.resolve(source.host, source.port)
        if not addresses:
            raise UnreadableSource(f"The host of {source} has no address.")
        if not all(map(self.may_connect, addresses)):
            raise RefusedAddress(f"The host of {source} leads to an address that is not public.")
        return addresses

    def _receive(self, response: HTTPResponse, source: _Source, into: BinaryIO) -> None:
        """Copy the body block by block, counting what really comes."""
        too_large = UnreadableSource(f"{source} is larger than {self.limits.bytes / MIB:.4g} MiB.")
        if response.getheader("Content-Encoding", "identity").lower() != "identity":
            raise UnreadableSource(f"{source} is sent with a Content-Encoding, which was declined.")
        if (response.length or 0) > self.limits.bytes:
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
    """A URL that was checked; as text only file and host, because path and query may hold a signature."""

    host: str
    port: int
    target: str = field(repr=False)
    url: str = field(repr=False)

    def __str__(self) -> str:
        name = urlsplit(self.url).path.rpartition("/")[2].partition(";")[0][:80]
        return f"{name} at {self.host}" if name else self.host


class _TimedSocket(ssl.SSLSocket):
    """Gives every read what is left until the deadline.

    A time-out for each read alone never ends when one byte comes at a time, be it of the head, of a
    chunk's size or of the body.
    """

    deadline: float

    def recv_into(self, *args: object, **kwargs: object) -> int:
        self.settimeout(_seconds_left(self.deadline))
        return super().recv_into(*args, **kwargs)  # type: ignore[arg-type]


def _seconds_left(deadline: float) -> float:
    """Seconds until the deadline; raises TimeoutError when it has passed."""
    if (left := deadline - monotonic()) > 0:
        return left
    raise TimeoutError


def _split(url: str, base: str, said: str) -> tuple[SplitResult, int]:
    """Parse a URL and its port, or refuse: white space, control characters, backslashes, nonsense."""
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
    """A TCP connection to the first address that answers; each gets an even share of the time left."""
    first, *others = addresses
    try:
        return socket.create_connection((str(first), port), _seconds_left(deadline) / len(addresses))
    except OSError:
        if not others:
            raise
    return _dial(others, port, deadline)


def _answer(connection: HTTPSConnection, source: _Source) -> HTTPResponse:
    with _network_errors(source):
        connection.request("GET", source.target, headers=_HEADERS)
        return connection.getresponse()


def _redirect(response: HTTPResponse, source: _Source) -> str | None:
    """Where a redirect leads, or None when the body follows; any other status is an error."""
    if response.status == 200:
        return None
    location = response.getheader("Location")
    if response.status in _REDIRECTS and location:
        return quote(location.encode("latin-1"), safe=_ASCII)
    transient = response.status >= 500 or response.status in _TRANSIENT
    kind = SourceUnavailable if transient else UnreadableSource
    raise kind(f"{source} cannot be had: the server answers {response.status}.")


def _blocks(response: HTTPResponse, source: _Source) -> Iterator[bytes]:
    """The body in pieces of at most BLOCK bytes.

    By read1, because read() takes a chunk size of -1 for "everything" and loads it into memory.
    """
    with _network_errors(source):
        while block := response.read1(BLOCK):
            yield block
        if response.length:
            raise IncompleteRead(b"", response.length)


@contextmanager
def _network_errors(source: _Source) -> Iterator[None]:
    try:
        yield
    except (OSError, HTTPException) as error:
        raise _to_source_error(error, source) from error


def _to_source_error(error: Exception, source: _Source) -> UnreadableSource:
    """What a failure of the network means: only what may pass by itself is SourceUnavailable."""
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
            return UnreadableSource(f"{source} cannot be had over TLS: {fault}.")
    return SourceUnavailable(f"The connection for {source} broke off or could not be made.")
