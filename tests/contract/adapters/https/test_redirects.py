"""Redirects are followed within limits, and checked like a first URL."""

from __future__ import annotations

import pytest

from pipeline.adapters.https import Limits
from pipeline.errors import RefusedAddress, SourceUnavailable, UnreadableSource

from .sites import (
    ELSEWHERE,
    HOME,
    Certificate,
    Names,
    Open,
    Pieces,
    Site,
    fetched,
    fetcher,
    moved,
    said,
    sized,
)


def test_redirects_share_one_deadline(certificate: Certificate, opened: Open) -> None:
    def late(_: str) -> Pieces:
        site.stopping.wait(0.2)
        return moved("/again")(_)

    site: Site = opened(late)
    with pytest.raises(SourceUnavailable, match="in the time allowed"):
        fetched(fetcher(certificate, site, limits=Limits(seconds=0.5, redirects=9)), site.url())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_to_another_host(certificate: Certificate, opened: Open, status: int) -> None:
    target = opened(sized(b"there"))
    site = opened(moved(target.url("/b.jpg", host="other.test"), status))
    assert fetched(fetcher(certificate, site, target), site.url()) == b"there"
    assert target.names == ["other.test"]


def test_a_relative_redirect_is_resolved_without_cookies(certificate: Certificate, opened: Open) -> None:
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
def test_a_redirect_to_a_forbidden_url_is_refused(certificate: Certificate, opened: Open, location: str) -> None:
    site = opened(moved(location))
    with pytest.raises(RefusedAddress, match=r"The URL to which photo\.jpg at pictures\.test redirects"):
        fetched(fetcher(certificate, site), site.url())
    assert site.accepted == 1


@pytest.mark.parametrize("host", ["127.0.0.2", "other.test"], ids=["literal", "name"])
def test_a_redirect_to_a_private_address_does_not_connect(
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


def test_a_name_rebound_between_redirects_is_refused(certificate: Certificate, opened: Open) -> None:
    site = opened(moved("/again"))
    names = Names(pictures=[[HOME], [ELSEWHERE]])
    with pytest.raises(RefusedAddress, match="not public"):
        fetched(fetcher(certificate, site, names=names), site.url())
    assert (names.asked, site.accepted) == (["pictures.test"] * 2, 1)
