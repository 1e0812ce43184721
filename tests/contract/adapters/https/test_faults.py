"""A broken answer is an error that says whether trying again may help."""

from __future__ import annotations

import io
import socket
import threading
from pathlib import Path

import pytest

from pipeline.adapters.https import Fetcher, Limits
from pipeline.errors import SourceUnavailable, UnreadableSource

from .sites import (
    Answer,
    Certificate,
    Names,
    Open,
    chunked,
    fetched,
    fetcher,
    said,
    sized,
    without_tls,
)


@pytest.mark.parametrize("status", [204, 206, 400, 403, 404, 408, 410, 425, 429, 499, 500, 502, 503])
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


def test_a_self_signed_certificate_is_refused(opened: Open) -> None:
    site = opened(sized(b"x"))
    strict = Fetcher(Limits(seconds=60), may_connect=lambda _: True, ports=frozenset({site.port}), resolve=Names())
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


def test_an_error_of_the_output_file_is_passed_on(certificate: Certificate, opened: Open) -> None:
    site = opened(sized(b"x"))
    with Path(certificate.cert).open("rb") as read_only, pytest.raises(io.UnsupportedOperation):
        fetcher(certificate, site).fetch(site.url(), read_only)
