"""What is wrong with a bucket is said soon, and without secrets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.errors import StoreDown, StoreRefused
from pipeline.settings import Settings

from ....nowhere import closed_port
from .conftest import read


def test_a_wrong_secret_is_named(settings: Settings) -> None:
    bucket = S3Bucket.open(replace(settings, s3_secret="not-the-secret"))
    with pytest.raises(
        StoreRefused, match=r"could not read a: the secret does not fit the key \(SignatureDoesNotMatch\)"
    ):
        bucket.get("a")
    with pytest.raises(StoreDown, match=r"could not write a: .*SignatureDoesNotMatch") as down:
        bucket.put("a", b"")
    assert "not-the-secret" not in str(down.value)


def test_a_missing_bucket_is_named(settings: Settings) -> None:
    with pytest.raises(StoreRefused, match="NoSuchBucket"):
        S3Bucket.open(replace(settings, bucket="nobodys")).get("a")


def test_a_store_that_does_not_answer_is_named_soon(settings: Settings) -> None:
    bucket = S3Bucket.open(replace(settings, s3_endpoint_url=f"http://127.0.0.1:{closed_port()}"))
    began = time.monotonic()
    with pytest.raises(StoreDown, match=r"could not read a: .*Could not connect") as down:
        bucket.get("a")
    assert not isinstance(down.value, StoreRefused)
    assert time.monotonic() - began < 100


def test_a_body_that_breaks_off_is_an_error(settings: Settings) -> None:
    with answering("206 Partial Content", b"0123456789", 1000) as url, pytest.raises(StoreDown, match="read a"):
        read(S3Bucket.open(replace(settings, s3_endpoint_url=url)), "a", 0, 1000)


@contextmanager
def answering(status: str, body: bytes, length: int | None = None) -> Iterator[str]:
    """An S3 server that answers everything in this way, and may promise more bytes than it sends."""

    def answer(environ: Any, start_response: Any) -> list[bytes]:
        start_response(status, [("Content-Length", str(length or len(body))), ("ETag", '"x"')])
        return [body]

    with make_server("127.0.0.1", 0, answer, handler_class=Silent) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "code", "words", "advice"),
    [
        (403, "", r"the key may not do this \(403\)", "may read, write, list and delete"),
        (403, "AccessDenied", r"the key may not do this \(AccessDenied\)", "AWS_SECRET_ACCESS_KEY"),
        (403, "InvalidAccessKeyId", "does not know the key", "the address of the store"),
        (403, "RequestTimeTooSkewed", "clock is wrong", "15 minutes"),
        (400, "ExpiredToken", "have expired", "AWS_SESSION_TOKEN"),
        (400, "AuthorizationHeaderMalformed", "not the bucket's region", "AWS_REGION"),
        (301, "PermanentRedirect", "redirects every request", "S3_ENDPOINT_URL"),
        (404, "NoSuchBucket", "there is no such bucket", "S3_BUCKET"),
    ],
)
def test_the_codes_of_s3_are_said_in_words(
    settings: Settings, status: int, code: str, words: str, advice: str
) -> None:
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode() if code else b""
    with answering(f"{status} No", body) as url:
        bucket = S3Bucket.open(replace(settings, s3_endpoint_url=url))
        with pytest.raises(StoreRefused, match=f"could not .* a: .*{words}") as refused:
            if code:
                bucket.get("a")
            else:
                bucket.head("a")
    assert advice in refused.value.advice
