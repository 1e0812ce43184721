"""The fetcher against real TLS servers on loopback, friendly and hostile."""

from __future__ import annotations

import io
import logging
import shutil
import socket
import ssl
import subprocess
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from pipeline.adapters.https import BLOCK, Fetcher, Limits, look_up
from pipeline.adapters.public_addresses import Address, is_public
from pipeline.errors import RefusedAddress, SourceUnavailable, UnreadableSource

HOME = ip_address("127.0.0.1")  # the only address that the tests' fetcher may connect to
ELSEWHERE = ip_address("127.0.0.2")
PUBLIC = ip_address("93.184.215.14")
PICTURE = bytes(range(256)) * 1000
SECRET = "S3cr3t"

OPENSSL = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=loopback"
    " -addext subjectAltName=DNS:pictures.test,DNS:other.test,IP:127.0.0.1"
    " -addext keyUsage=critical,digitalSignature,keyCertSign"
)

Pieces = Iterator[bytes]
Answer = Callable[[str], Pieces]  # request head -> what is sent, piece by piece


@dataclass(frozen=True)
class Certificate:
    """One that signed itself, for pictures.test, other.test and 127.0.0.1."""

    cert: str
    key: str


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is needed to make a certificate")
    folder: Path = tmp_path_factory.mktemp("tls")
    made = Certificate(str(folder / "cert.pem"), str(folder / "key.pem"))
    subprocess.run(
        [*OPENSSL.split(), "-keyout", made.key, "-out", made.cert],
        check=True,
        capture_output=True,
    )
    return made


class Site:
    """A TLS server that answers one request for each connection, one after the other."""

    def __init__(self, certificate: Certificate, answer: Answer, address: Address = HOME) -> None:
        self.answer = answer
        self.accepted = 0
        self.heads: list[str] = []
        self.names: list[str | None] = []
        self.stopping = threading.Event()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate.cert, certificate.key)
        self._tls.sni_callback = lambda _sock, name, _context: self.names.append(name)
        self._listener = socket.create_server((str(address), 0), backlog=50)
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
                raw.settimeout(5)
                with suppress(OSError), raw, self._tls.wrap_socket(raw, server_side=True) as tls:
                    self._converse(tls)

    def _converse(self, tls: ssl.SSLSocket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := tls.recv(4096)):
                return
            head += more
        self.heads.append(head.decode())
        for piece in self.answer(self.heads[-1]):
            tls.sendall(piece)
            if self.stopping.is_set():
                return


Open = Callable[..., Site]


@pytest.fixture
def opened(certificate: Certificate) -> Iterator[Open]:
    """Opens sites, and closes them when the test is over."""
    with ExitStack() as stack:

        def open_site(answer: Answer, address: Address = HOME) -> Site:
            site = Site(certificate, answer, address)
            stack.callback(site.close)
            return site

        yield open_site


class Names:
    """A resolver that counts, and gives a host's answers one after the other; the last one stays."""

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
        limits or Limits(bytes=1 << 20, seconds=5),
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
    """Answer every request with these header lines and this body, until the connection closes."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines, ""))
    return lambda _: iter([head.encode("latin-1"), body])


def sized(body: bytes) -> Answer:
    return said(f"Content-Length: {len(body)}", body=body)


def chunked(*chunks: bytes) -> Answer:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return said("Transfer-Encoding: chunked", body=body)


def moved(location: str, status: int = 302) -> Answer:
    return said(f"Location: {location}", "Content-Length: 0", status=f"{status} Moved")


# What is fetched


@pytest.mark.parametrize("answer", [sized(PICTURE), said(body=PICTURE), chunked(PICTURE[:7], PICTURE[7:])])
def test_the_bytes_arrive_as_they_were_sent(certificate: Certificate, opened: Open, answer: Answer) -> None:
    site = opened(answer)
    assert fetched(fetcher(certificate, site), site.url()) == PICTURE


def test_the_name_is_used_for_sni_and_host_and_nothing_else_is_sent(certificate: Certificate, opened: Open) -> None:
    site = opened(sized(b"x"))
    fetched(fetcher(certificate, site), site.url("/a/photo.jpg?size=1#part"))
    request, *lines = site.heads[0].split("\r\n")
    assert request == "GET /a/photo.jpg?size=1 HTTP/1.1"
    assert sorted(line for line in lines if line) == [
        "Accept-Encoding: identity",
        "Connection: close",
        f"Host: pictures.test:{site.port}",
        "User-Agent: pipeline",
    ]
    assert site.names == ["pictures.test"]


def test_scheme_and_host_may_be_in_capitals(certificate: Certificate, opened: Open) -> None:
    site = opened(sized(b"x"))
    assert fetched(fetcher(certificate, site), f"HTTPS://PICTURES.test:{site.port}/") == b"x"


def test_a_literal_address_is_verified_against_the_certificate(certificate: Certificate, opened: Open) -> None:
    site = opened(sized(b"x"))
    assert fetched(fetcher(certificate, site), site.url(host="127.0.0.1")) == b"x"


def test_letters_outside_ascii_are_percent_encoded(certificate: Certificate, opened: Open) -> None:
    site = opened(sized(b"x"))
    fetched(fetcher(certificate, site), site.url("/Füße.jpg?q=100%25"))
    assert site.heads[0].startswith("GET /F%C3%BC%C3%9Fe.jpg?q=100%25 HTTP/1.1\r\n")


def test_one_fetcher_serves_many_threads(certificate: Certificate, opened: Open) -> None:
    def echo(head: str) -> Pieces:
        return sized(head.split()[1].encode() * 5000)(head)

    site = opened(echo)
    one = fetcher(certificate, site)
    paths = [f"/{number}.jpg" for number in range(20)]
    with ThreadPoolExecutor(5) as pool:
        bodies = list(pool.map(lambda path: fetched(one, site.url(path)), paths))
    assert bodies == [path.encode() * 5000 for path in paths]


def test_the_next_address_is_tried_when_one_does_not_answer(certificate: Certificate, opened: Open) -> None:
    site = opened(sized(b"x"))
    both = Fetcher(
        Limits(),
        may_connect=lambda address: address in (HOME, ELSEWHERE),
        ca_certs=certificate.cert,
        ports=frozenset({site.port}),
        resolve=Names(pictures=[[ELSEWHERE, HOME]]),
    )
    assert fetched(both, site.url()) == b"x"


def test_proxies_in_the_environment_are_ignored(
    certificate: Certificate, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, proxy = opened(sized(b"x")), opened(sized(b"proxy"))
    for variable in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
    assert fetched(fetcher(certificate, site), site.url()) == b"x"
    assert proxy.accepted == 0


# Limits


def test_a_length_over_the_limit_is_refused_before_the_body(certificate: Certificate, opened: Open) -> None:
    site = opened(said("Content-Length: 1025"))
    with pytest.raises(UnreadableSource, match=r"photo\.jpg at pictures\.test is larger than"):
        fetched(fetcher(certificate, site, limits=Limits(bytes=1024)), site.url())


@pytest.mark.parametrize("answer", [said(body=PICTURE), chunked(PICTURE)])
def test_a_body_over_the_limit_is_cut_off_when_no_length_is_given(
    certificate: Certificate, opened: Open, answer: Answer
) -> None:
    site, into = opened(answer), io.BytesIO()
    with pytest.raises(UnreadableSource, match="is larger than"):
        fetcher(certificate, site, limits=Limits(bytes=1024)).fetch(site.url(), into)
    assert len(into.getvalue()) <= 1024


def test_a_body_of_exactly_the_limit_is_accepted(certificate: Certificate, opened: Open) -> None:
    site = opened(chunked(PICTURE))
    assert fetched(fetcher(certificate, site, limits=Limits(bytes=len(PICTURE))), site.url()) == PICTURE


def test_a_chunk_of_size_minus_one_does_not_load_the_rest_into_memory(
    certificate: Certificate, opened: Open
) -> None:
    class Pages(io.BytesIO):
        largest = 0

        def write(self, data: object, /) -> int:
            assert isinstance(data, bytes)
            self.largest = max(self.largest, len(data))
            return super().write(data)

    site, into = opened(said("Transfer-Encoding: chunked", body=b"-1\r\n" + PICTURE)), Pages()
    with pytest.raises(SourceUnavailable, match="was closed early"):
        fetcher(certificate, site).fetch(site.url(), into)
    assert 0 < into.largest <= BLOCK


def drip(site_stop: list[threading.Event], start: bytes, piece: bytes) -> Answer:
    """Send `piece` again and again, 100 times in about two seconds, then end as if all were well."""

    def answer(_: str) -> Pieces:
        yield start
        for _number in range(100):
            yield piece
            if site_stop[0].wait(0.02):
                return

    return answer


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
    ],
    ids=["body", "body of known length", "header", "interim answers", "chunk size"],
)
def test_a_slow_drip_is_stopped(certificate: Certificate, opened: Open, start: bytes, piece: bytes) -> None:
    stop: list[threading.Event] = []
    site = opened(drip(stop, start, piece))
    stop.append(site.stopping)
    with pytest.raises(SourceUnavailable, match="did not arrive in the time allowed") as raised:
        fetched(fetcher(certificate, site, limits=Limits(seconds=0.3)), site.url())
    assert raised.value.retry


def without_tls(certificate: Certificate, listener: socket.socket, limits: Limits) -> tuple[Fetcher, str]:
    """A fetcher that may use this port, and a URL on it."""
    port = listener.getsockname()[1]
    one = Fetcher(
        limits,
        may_connect=lambda address: address == HOME,
        ca_certs=certificate.cert,
        ports=frozenset({port}),
        resolve=Names(),
    )
    return one, f"https://pictures.test:{port}/"


def test_a_server_that_never_speaks_tls_is_stopped(certificate: Certificate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hang_up = threading.Timer(2, silent.close)
        hang_up.start()
        with pytest.raises(SourceUnavailable, match="in the time allowed"):
            fetched(*without_tls(certificate, silent, Limits(seconds=0.2)))
        hang_up.cancel()


def test_redirects_share_one_deadline(certificate: Certificate, opened: Open) -> None:
    def late(_: str) -> Pieces:
        site.stopping.wait(0.2)
        return moved("/again")(_)

    site: Site = opened(late)
    with pytest.raises(SourceUnavailable, match="in the time allowed"):
        fetched(fetcher(certificate, site, limits=Limits(seconds=0.5, redirects=9)), site.url())


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_to_another_host(certificate: Certificate, opened: Open, status: int) -> None:
    target = opened(sized(b"there"))
    site = opened(moved(target.url("/b.jpg", host="other.test"), status))
    assert fetched(fetcher(certificate, site, target), site.url()) == b"there"
    assert target.names == ["other.test"]


def test_a_relative_redirect_is_resolved_and_no_cookie_goes_along(certificate: Certificate, opened: Open) -> None:
    def answer(head: str) -> Pieces:
        if "/deep/b\xfc.jpg" in head or "/deep/b%FC.jpg" in head:
            return sized(b"there")(head)
        return said("Location: b\xfc.jpg?x=1", "Set-Cookie: a=b", status="302 Found")(head)

    site = opened(answer)
    assert fetched(fetcher(certificate, site), site.url("/deep/a.jpg")) == b"there"
    assert site.heads[1].startswith("GET /deep/b%FC.jpg?x=1 HTTP/1.1")
    assert "cookie" not in site.heads[1].lower()


@pytest.mark.parametrize(
    "location",
    [
        "http://pictures.test/photo.jpg",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "//user@pictures.test/",
        "//127.0.0.2/",
        "//169.254.169.254/latest",
        "//localhost/",
        "\\\\pictures.test\\x",
        "https://[::1",
        "/two words",
        "//pictures.test:22/",
    ],
)
def test_a_redirect_to_what_must_not_be_fetched_is_refused(
    certificate: Certificate, opened: Open, location: str
) -> None:
    site = opened(moved(location))
    with pytest.raises(RefusedAddress, match=r"The URL to which photo\.jpg at pictures\.test redirects"):
        fetched(fetcher(certificate, site), site.url())
    assert site.accepted == 1


@pytest.mark.parametrize("host", ["127.0.0.2", "other.test"], ids=["literal", "name"])
def test_a_redirect_to_an_address_that_is_not_allowed_makes_no_connection(
    certificate: Certificate, opened: Open, host: str
) -> None:
    try:
        forbidden = opened(sized(b"the crown jewels"), ELSEWHERE)
    except OSError:
        pytest.skip("this system has only 127.0.0.1 on its loopback")
    site = opened(moved(forbidden.url(host=host)))
    names = Names(other=[[ELSEWHERE]])
    with pytest.raises(RefusedAddress):
        fetched(fetcher(certificate, site, forbidden, names=names), site.url())
    assert (site.accepted, forbidden.accepted) == (1, 0)


def test_a_redirect_loop_ends(certificate: Certificate, opened: Open) -> None:
    site = opened(moved("/photo.jpg"))
    with pytest.raises(UnreadableSource, match="redirects more than 3 times"):
        fetched(fetcher(certificate, site), site.url())
    assert site.accepted == 4


def test_a_redirect_without_a_location_is_unreadable(certificate: Certificate, opened: Open) -> None:
    site = opened(said(status="302 Found"))
    with pytest.raises(UnreadableSource, match="answers 302"):
        fetched(fetcher(certificate, site), site.url())


# Names and addresses


def test_a_name_is_looked_up_once_so_it_cannot_be_rebound(certificate: Certificate, opened: Open) -> None:
    site = opened(sized(b"x"))
    names = Names(pictures=[[HOME], [ELSEWHERE]])
    assert fetched(fetcher(certificate, site, names=names), site.url()) == b"x"
    assert names.asked == ["pictures.test"]


def test_a_name_rebound_between_redirects_is_refused(certificate: Certificate, opened: Open) -> None:
    site = opened(moved("/again"))
    names = Names(pictures=[[HOME], [ELSEWHERE]])
    with pytest.raises(RefusedAddress, match="not public"):
        fetched(fetcher(certificate, site, names=names), site.url())
    assert (names.asked, site.accepted) == (["pictures.test"] * 2, 1)


@pytest.mark.parametrize("answer", [[HOME, PUBLIC], [PUBLIC, HOME]])
def test_one_private_address_among_public_ones_is_refused(
    certificate: Certificate, opened: Open, answer: list[Address]
) -> None:
    site = opened(sized(b"x"))
    guarded = Fetcher(
        Limits(),
        ca_certs=certificate.cert,
        ports=frozenset({site.port}),
        resolve=Names(pictures=[answer]),
    )
    with pytest.raises(RefusedAddress, match="not public"):
        fetched(guarded, site.url())
    assert site.accepted == 0


def test_a_host_without_an_address_is_unreadable() -> None:
    with pytest.raises(UnreadableSource, match="no address"):
        fetched(Fetcher(Limits(), resolve=lambda host, port: []), "https://pictures.test/")


@pytest.mark.parametrize(
    ("error", "retry"), [(socket.EAI_AGAIN, True), (socket.EAI_NONAME, False)], ids=["again", "unknown"]
)
def test_only_a_lookup_that_may_work_later_is_tried_again(error: int, retry: bool) -> None:
    def resolve(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(error, "made to fail")

    with pytest.raises(UnreadableSource, match=r"The host of a\.jpg at pictures\.test") as raised:
        fetched(Fetcher(Limits(), resolve=resolve), "https://pictures.test/a.jpg")
    assert raised.value.retry is retry


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1", "0"])
def test_the_system_resolver_unmasks_hosts_in_disguise(host: str) -> None:
    found = look_up(host, 443)
    assert found
    assert not any(map(is_public, found))


# Faults


@pytest.mark.parametrize("status", [204, 206, 400, 403, 404, 408, 410, 425, 429, 500, 502, 503])
def test_a_status_says_whether_to_try_again(certificate: Certificate, opened: Open, status: int) -> None:
    retry = status in (408, 425, 429, 500, 502, 503)
    site = opened(said("Content-Length: 0", status=f"{status} Whatever"))
    with pytest.raises(UnreadableSource, match=f"answers {status}") as raised:
        fetched(fetcher(certificate, site), site.url())
    assert raised.value.retry is retry
    assert isinstance(raised.value, SourceUnavailable) is retry


@pytest.mark.parametrize(
    "answer",
    [
        said("Content-Length: 100", body=b"only this"),
        said("Transfer-Encoding: chunked", body=b"64\r\nonly this"),
        said("Transfer-Encoding: chunked", body=b"zz\r\n"),
        said(*(f"X-{number}: 1" for number in range(200))),
        lambda _: iter([b"nonsense\r\n\r\n"]),
        lambda _: iter([]),
    ],
    ids=["short", "short chunk", "bad chunk", "many headers", "not http", "no answer"],
)
def test_a_broken_answer_is_tried_again(certificate: Certificate, opened: Open, answer: Answer) -> None:
    site = opened(answer)
    with pytest.raises(SourceUnavailable, match="was closed early"):
        fetched(fetcher(certificate, site), site.url())


def test_a_closed_port_is_tried_again(certificate: Certificate, opened: Open) -> None:
    site = opened(sized(b"x"))
    site.close()
    with pytest.raises(SourceUnavailable, match="The connection to the host"):
        fetched(fetcher(certificate, site), site.url())


@pytest.mark.parametrize("answer", [sized(b""), chunked(), said()])
def test_an_empty_body_is_unreadable(certificate: Certificate, opened: Open, answer: Answer) -> None:
    site = opened(answer)
    with pytest.raises(UnreadableSource, match="is empty"):
        fetched(fetcher(certificate, site), site.url())


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br, gzip", "x-unknown"])
def test_a_content_encoding_is_refused(certificate: Certificate, opened: Open, encoding: str) -> None:
    site = opened(said(f"Content-Encoding: {encoding}", body=b"bomb"))
    with pytest.raises(UnreadableSource, match="Content-Encoding"):
        fetched(fetcher(certificate, site), site.url())


def test_a_certificate_for_another_name_is_refused(certificate: Certificate, opened: Open) -> None:
    site = opened(sized(b"x"))
    with pytest.raises(UnreadableSource, match="no valid certificate") as raised:
        fetched(fetcher(certificate, site), site.url(host="stranger.test"))
    assert not raised.value.retry
    assert site.heads == []


def test_a_certificate_that_nobody_vouches_for_is_refused(opened: Open) -> None:
    site = opened(sized(b"x"))
    strict = Fetcher(Limits(seconds=5), may_connect=lambda _: True, ports=frozenset({site.port}), resolve=Names())
    with pytest.raises(UnreadableSource, match="no valid certificate"):
        fetched(strict, site.url())
    assert site.heads == []


@pytest.mark.parametrize(
    ("reply", "message", "retry"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "over TLS", False), (b"", "was closed early", True)],
    ids=["speaks plainly", "hangs up"],
)
def test_a_server_without_tls_is_unreadable(
    certificate: Certificate, reply: bytes, message: str, retry: bool
) -> None:
    def converse() -> None:
        accepted, _ = listener.accept()
        with accepted:
            accepted.recv(4096)
            accepted.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=converse)
        thread.start()
        with pytest.raises(UnreadableSource, match=message) as raised:
            fetched(*without_tls(certificate, listener, Limits()))
        thread.join()
    assert raised.value.retry is retry


def test_an_error_of_the_file_it_writes_to_is_not_taken_for_one_of_the_network(
    certificate: Certificate, opened: Open
) -> None:
    site = opened(sized(b"x"))
    with Path(certificate.cert).open("rb") as read_only, pytest.raises(io.UnsupportedOperation):
        fetcher(certificate, site).fetch(site.url(), read_only)


# What is refused without a lookup


@pytest.fixture(scope="session")
def offline(certificate: Certificate) -> Fetcher:
    """The rules of production, and a resolver that must not be asked."""

    def resolve(host: str, port: int) -> Sequence[Address]:
        pytest.fail(f"{host} was looked up")

    return Fetcher(Limits(), ca_certs=certificate.cert, resolve=resolve)


REFUSED = [
    "",
    "pictures.test/photo.jpg",
    "http://pictures.test/",
    "HTTP://pictures.test/",
    "file:///etc/passwd",
    "ftp://pictures.test/",
    "data:image/png;base64,AAAA",
    "gopher://pictures.test/",
    "//pictures.test/",
    "https:pictures.test",
    "https:///photo.jpg",
    "https://",
    "https://user@pictures.test/",
    "https://user:password@pictures.test/",
    "https://@pictures.test/",
    "https://pictures.test@127.0.0.1/",
    "https://pictures.test:22/",
    "https://pictures.test:0/",
    "https://pictures.test:80443/",
    "https://pictures.test:x/",
    "https://localhost/",
    "https://localhost./",
    "https://intranet/",
    "https://127.0.0.1/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0x7f.0x1/",
    "https://127.1/",
    "https://0177.0.0.1/",
    "https://127.0.0.1./",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[fe80::1%25eth0]/",
    "https://[2606:2800:220:1::1%25eth0]/",
    "https://[::1",
    "https://①②⑦.⓪.⓪.①/",
    "https://pictures.tést/",
    "https://pictures%2etest/",
    "https://pictures..test/",
    "https://.pictures.test/",
    f"https://{'a' * 64}.test/",
    f"https://{'a.' * 130}test/",
    " https://pictures.test/",
    "https://pictures.test/ ",
    "https://pictures.test/two words",
    "https://pictures.test\t/",
    "ht\ntps://pictures.test/",
    "https://pictures.test/\r\nX-Evil: 1",
    "https://pictures.test/\x00",
    "https://pictures.test/\x7f",
    "https:\\\\pictures.test\\",
    "https://pictures.test\\@127.0.0.1/",
    "https://pictures.test/" + "a" * 8192,
]


@pytest.mark.parametrize("url", REFUSED)
def test_it_is_refused_without_a_lookup(offline: Fetcher, url: str) -> None:
    with pytest.raises(RefusedAddress):
        offline.check(url)
    with pytest.raises(RefusedAddress):
        fetched(offline, url)


@pytest.mark.parametrize(
    "url",
    [
        "https://pictures.test",
        "hTTps://Pictures.TEST:443/a%20b.jpg?x=@:y#z",
        "https://my_bucket.s3.eu-west-1.pictures.test/Füße.jpg",
        "https://xn--mnchen-3ya.test/?a=1",
        "https://93.184.215.14/photo.jpg",
        "https://[2606:2800:220:1:248:1893:25c8:1946]/photo.jpg",
        "https://pictures.test/\ud800.jpg",
    ],
)
def test_it_is_accepted_without_a_lookup(offline: Fetcher, url: str) -> None:
    offline.check(url)


# What is said about it


def told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "answer",
    [
        said(status="404 Not Found"),
        said(status="503 Down"),
        said("Content-Length: 9", body=b"x"),
        said("a line that is no header", "Content-Length: 0"),
        said(),
        said("Content-Encoding: gzip"),
        moved(f"http://pictures.test/b.jpg?token={SECRET}"),
        moved(f"//other.test/{SECRET}/b.jpg?token={SECRET}"),
        moved(f"//user:{SECRET}@[/"),
        moved(f"?again={SECRET}"),
    ],
)
def test_no_message_or_log_line_holds_the_path_or_the_query(
    certificate: Certificate, opened: Open, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    site = opened(answer)
    one = fetcher(certificate, site, names=Names(other=[[PUBLIC]]))
    with caplog.at_level(logging.DEBUG), pytest.raises(UnreadableSource) as raised:
        fetched(one, site.url(f"/{SECRET}/photo.jpg;v={SECRET}?X-Amz-Signature={SECRET}#{SECRET}"))
    assert "pictures.test" in raised.value.message
    assert "photo.jpg" in raised.value.message or "redirects" in raised.value.message
    assert SECRET not in told(raised.value) + caplog.text


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{SECRET}@pictures.test/",
        f"https://user:{SECRET}@pictures.test℀/",
        f"https://user:{SECRET}@[/",
        f"https://user:{SECRET}/",
        f"http://pictures.test/?token={SECRET}",
        f"https://pictures.test/ ?token={SECRET}",
    ],
)
def test_a_refusal_does_not_repeat_the_url(offline: Fetcher, url: str) -> None:
    with pytest.raises(RefusedAddress) as raised:
        offline.check(url)
    assert SECRET not in told(raised.value)


# Public or not

OPEN_INTERNET = """
1.1.1.1 8.8.8.8 93.184.215.14 99.255.255.255 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0
192.0.1.0 198.17.255.255 198.20.0.0 223.255.255.255
2001:4860:4860::8888 2606:2800:220:1:248:1893:25c8:1946 2a00:1450:4001::1 64:ff9b::808:808
"""
ANY_OTHER = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254
168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1
192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
240.0.0.1 255.255.255.255
:: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::808:808 100::1
2001::1 2001:0:4136:e378:8000:63bf:80ff:fffe 2001:10::1 2001:20::1 2001:db8::1
2002:7f00:1:: 2002:a9fe:a9fe::1 3fff::1 5f00::1
fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1
"""


@pytest.mark.parametrize("text", OPEN_INTERNET.split())
def test_an_address_of_the_open_internet_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", ANY_OTHER.split())
def test_any_other_address_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))
