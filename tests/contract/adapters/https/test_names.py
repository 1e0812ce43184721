"""Host names are looked up once, and every address of a host must be public."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from pipeline.adapters.https import Fetcher, Limits, look_up
from pipeline.adapters.public_addresses import Address, is_public
from pipeline.errors import RefusedAddress, UnreadableSource

from .sites import (
    ELSEWHERE,
    HOME,
    PUBLIC,
    Certificate,
    Names,
    Open,
    fetched,
    fetcher,
    sized,
)


def test_a_name_is_looked_up_once(certificate: Certificate, opened: Open) -> None:
    site = opened(sized(b"x"))
    names = Names(pictures=[[HOME], [ELSEWHERE]])
    assert fetched(fetcher(certificate, site, names=names), site.url()) == b"x"
    assert names.asked == ["pictures.test"]


@pytest.mark.parametrize("answer", [[HOME, PUBLIC], [PUBLIC, HOME]])
def test_one_private_address_refuses_the_host(
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
def test_a_lookup_is_tried_again_if_it_may_work_later(error: int, retry: bool) -> None:
    def resolve(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(error, "made to fail")

    with pytest.raises(UnreadableSource, match=r"The host of a\.jpg at pictures\.test") as raised:
        fetched(Fetcher(Limits(), resolve=resolve), "https://pictures.test/a.jpg")
    assert raised.value.retry is retry


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1", "0"])
def test_the_resolver_unmasks_addresses_in_disguise(host: str) -> None:
    found = look_up(host, 443)
    assert found
    assert not any(map(is_public, found))
