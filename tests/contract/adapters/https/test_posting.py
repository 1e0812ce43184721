"""What is posted, and what an error says of the address, which is a secret."""

from __future__ import annotations

import pytest

from pipeline.adapters.https import Limits
from pipeline.errors import RefusedAddress, SourceUnavailable

from .sites import Certificate, Open, fetcher, moved, said, sized


def test_a_body_and_headers_are_sent_and_the_status_is_returned(certificate: Certificate, opened: Open) -> None:
    site = opened(said("Content-Length: 0", status="202 Accepted"))
    assert fetcher(certificate, site).post(site.url("/hook?a=1"), b"body", {"X-Sign": "s"}) == 202
    assert site.heads[0].startswith("POST /hook?a=1 HTTP/1.1\r\n")
    assert "\r\nX-Sign: s\r\n" in site.heads[0]
    assert site.bodies == [b"body"]


@pytest.mark.parametrize(("answer", "status"), [(moved("/elsewhere"), 302), (sized(b"x" * 100), 200)])
def test_no_redirect_is_followed_and_no_body_is_read(
    certificate: Certificate, opened: Open, answer: object, status: int
) -> None:
    site = opened(answer)
    assert fetcher(certificate, site, limits=Limits(bytes=1, seconds=60)).post(site.url(), b"", {}) == status
    assert site.accepted == 1


def test_an_error_names_the_host_alone(certificate: Certificate, opened: Open) -> None:
    site = opened(sized(b"x"))
    url = site.url("/hooks/T0KEN")
    one = fetcher(certificate, site)
    site.close()
    with pytest.raises(SourceUnavailable) as raised:
        one.post(url, b"", {})
    assert raised.value.message == "The connection to the host of pictures.test failed or was closed early."


def test_an_address_that_is_not_public_is_refused(certificate: Certificate, opened: Open) -> None:
    site = opened(sized(b"x"))
    with pytest.raises(RefusedAddress):
        fetcher(certificate, site).post(site.url(host="127.0.0.2"), b"", {})
    assert site.accepted == 0
