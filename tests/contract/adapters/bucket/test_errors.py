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

from local.services import free_port
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.errors import StoreDown, StoreRefused
from pipeline.settings import Settings

from .conftest import read


def test_a_wrong_secret_is_named(settings: Settings) -> None:
    bucket = S3Bucket.open(replace(settings, s3_secret="not-the-secret"))
    with pytest.raises(StoreRefused, match=r"could not read a: SignatureDoesNotMatch"):
        bucket.get("a")
    with pytest.raises(StoreDown, match=r"could not write a: SignatureDoesNotMatch") as down:
        bucket.put("a", b"")
    assert "not-the-secret" not in str(down.value)


def test_a_missing_bucket_is_named(settings: Settings) -> None:
    with pytest.raises(StoreRefused, match="NoSuchBucket"):
        S3Bucket.open(replace(settings, bucket="nobodys")).get("a")


def test_a_store_that_does_not_answer_is_named_soon(settings: Settings) -> None:
    bucket = S3Bucket.open(replace(settings, s3_endpoint_url=f"http://127.0.0.1:{free_port()}"))
    began = time.monotonic()
    with pytest.raises(StoreDown, match=r"could not read a: .*Could not connect") as down:
        bucket.get("a")
    assert not isinstance(down.value, StoreRefused)
    assert time.monotonic() - began < 30


def test_a_body_that_breaks_off_is_an_error(settings: Settings) -> None:
    with broken_off() as url, pytest.raises(StoreDown, match="read a"):
        read(S3Bucket.open(replace(settings, s3_endpoint_url=url)), "a", 0, 1000)


@contextmanager
def broken_off() -> Iterator[str]:
    """An S3 server that promises a thousand bytes and sends ten."""

    def answer(environ: Any, start_response: Any) -> list[bytes]:
        start_response("206 Partial Content", [("Content-Length", "1000"), ("ETag", '"x"')])
        return [b"0123456789"]

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
