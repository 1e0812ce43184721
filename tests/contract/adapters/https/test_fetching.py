"""What is fetched, and within which limits."""

from __future__ import annotations

import io
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from pipeline.adapters.https import BLOCK, Fetcher, Limits
from pipeline.adapters.public_addresses import Address
from pipeline.errors import SourceUnavailable, UnreadableSource
from pipeline.settings import MIB

from .sites import (
    ELSEWHERE,
    HOME,
    PICTURE,
    Answer,
    Certificate,
    Names,
    Open,
    Pieces,
    Site,
    chunked,
    fetched,
    fetcher,
    said,
    sized,
    without_tls,
)


@pytest.mark.parametrize("answer", [sized(PICTURE), said(body=PICTURE), chunked(PICTURE[:7], PICTURE[7:])])
def test_the_bytes_arrive_as_they_were_sent(certificate: Certificate, opened: Open, answer: Answer) -> None:
    site = opened(answer)
    assert fetched(fetcher(certificate, site), site.url()) == PICTURE


def test_only_four_headers_are_sent_and_the_name_for_sni(certificate: Certificate, opened: Open) -> None:
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


def with_addresses(
    certificate: Certificate, site: Site, addresses: list[Address], seconds: float = 60.0
) -> Fetcher:
    return Fetcher(
        Limits(seconds=seconds),
        may_connect=lambda address: address in (HOME, ELSEWHERE),
        ca_certs=certificate.cert,
        ports=frozenset({site.port}),
        resolve=Names(pictures=[addresses]),
    )


def test_up_to_four_addresses_are_tried_if_some_refuse(certificate: Certificate, opened: Open) -> None:
    site = opened(sized(b"x"))
    fourth, fifth = [ELSEWHERE] * 3 + [HOME], [ELSEWHERE] * 4 + [HOME]
    assert fetched(with_addresses(certificate, site, fourth), site.url()) == b"x"
    with pytest.raises(SourceUnavailable, match="The connection to the host"):
        fetched(with_addresses(certificate, site, fifth), site.url())


def test_an_address_that_does_not_answer_leaves_time_for_the_next(certificate: Certificate, opened: Open) -> None:
    site = opened(sized(b"x"))
    with ExitStack() as sockets:
        try:
            sockets.enter_context(socket.create_server((str(ELSEWHERE), site.port), backlog=0))
        except OSError:
            pytest.skip("this system has only 127.0.0.1 on its loopback")
        for _ in range(4):  # the system answers no more than its queue holds
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((str(ELSEWHERE), site.port))
        both = with_addresses(certificate, site, [ELSEWHERE, HOME], seconds=5.0)
        assert fetched(both, site.url()) == b"x"


def test_a_fetch_may_take_so_much_unless_told_otherwise() -> None:
    assert Limits() == Limits(bytes=33_554_432, seconds=30.0, redirects=3)


def test_proxies_in_the_environment_are_ignored(
    certificate: Certificate, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, proxy = opened(sized(b"x")), opened(sized(b"proxy"))
    for variable in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
    assert fetched(fetcher(certificate, site), site.url()) == b"x"
    assert proxy.accepted == 0


def test_a_length_over_the_limit_is_refused_before_the_body(certificate: Certificate, opened: Open) -> None:
    site = opened(said(f"Content-Length: {MIB // 2 + 1}"))
    with pytest.raises(UnreadableSource, match=r"^photo\.jpg at pictures\.test is larger than 0\.5 MiB\.$"):
        fetched(fetcher(certificate, site, limits=Limits(bytes=MIB // 2)), site.url())


@pytest.mark.parametrize("answer", [said(body=PICTURE), chunked(PICTURE)])
def test_a_body_over_the_limit_is_cut_off(certificate: Certificate, opened: Open, answer: Answer) -> None:
    site, into = opened(answer), io.BytesIO()
    with pytest.raises(UnreadableSource, match="is larger than"):
        fetcher(certificate, site, limits=Limits(bytes=1024)).fetch(site.url(), into)
    assert len(into.getvalue()) <= 1024


@pytest.mark.parametrize("answer", [sized(PICTURE), chunked(PICTURE)])
def test_a_body_of_exactly_the_limit_is_accepted(certificate: Certificate, opened: Open, answer: Answer) -> None:
    site = opened(answer)
    assert fetched(fetcher(certificate, site, limits=Limits(bytes=len(PICTURE))), site.url()) == PICTURE


def test_a_chunk_of_size_minus_one_is_not_read_at_once(certificate: Certificate, opened: Open) -> None:
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


def test_a_server_that_never_speaks_tls_is_stopped(certificate: Certificate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hang_up = threading.Timer(60, silent.close)
        hang_up.start()
        with pytest.raises(SourceUnavailable, match="in the time allowed"):
            fetched(*without_tls(certificate, silent, Limits(seconds=0.2)))
        hang_up.cancel()
