"""URLs that are refused without a lookup, and what an error says about a URL."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence

import pytest

from pipeline.adapters.https import Fetcher, Limits
from pipeline.adapters.public_addresses import Address
from pipeline.errors import RefusedAddress, UnreadableSource

from .sites import (
    PUBLIC,
    Answer,
    Certificate,
    Names,
    Open,
    fetched,
    fetcher,
    moved,
    said,
)

SECRET = "S3cr3t"


@pytest.fixture(scope="session")
def offline(certificate: Certificate) -> Fetcher:
    """A fetcher with the rules of production, and a resolver that must not be asked."""

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
def test_a_url_is_refused_without_a_lookup(offline: Fetcher, url: str) -> None:
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
def test_a_url_is_accepted_without_a_lookup(offline: Fetcher, url: str) -> None:
    offline.check(url)


def full_text(error: BaseException) -> str:
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
def test_no_message_or_log_line_holds_path_or_query(
    certificate: Certificate, opened: Open, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    site = opened(answer)
    one = fetcher(certificate, site, names=Names(other=[[PUBLIC]]))
    with caplog.at_level(logging.DEBUG), pytest.raises(UnreadableSource) as raised:
        fetched(one, site.url(f"/{SECRET}/photo.jpg;v={SECRET}?X-Amz-Signature={SECRET}#{SECRET}"))
    assert "pictures.test" in raised.value.message
    assert "photo.jpg" in raised.value.message or "redirects" in raised.value.message
    assert SECRET not in full_text(raised.value) + caplog.text


def test_a_dump_of_a_source_holds_no_path(offline: Fetcher) -> None:
    source = offline._source(f"https://pictures.test/{SECRET}/a.jpg?signature={SECRET}")
    assert repr(source) == "a.jpg at pictures.test"


def test_a_long_name_is_cut_in_messages(offline: Fetcher) -> None:
    assert str(offline._source(f"https://pictures.test/{'a' * 100}")) == f"{'a' * 80} at pictures.test"


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
    assert SECRET not in full_text(raised.value)
