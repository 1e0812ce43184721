"""Redis for tests that use it directly; a certificate, and sites that use it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import redis

from local.services import Valkey
from pipeline.adapters.bucket import Bucket
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.adapters.public_addresses import Address
from pipeline.adapters.redis import Coordination, workers
from pipeline.settings import Settings

from .adapters.https.sites import HOME, Answer, Certificate, Open, Site, make_certificate


@pytest.fixture(autouse=True)
def reports_last_as_long_as_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test says in a worker's place is said once, and must count until the test looks at it."""
    monkeypatch.setattr(workers, "FORGET_SECONDS", 600.0)


@pytest.fixture
def client(valkey_server: Valkey) -> Iterator[Any]:
    """A plain client of the server, which is emptied."""
    with redis.Redis.from_url(valkey_server.url, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture
def shared(valkey_server: Valkey, client: Any) -> Iterator[Coordination]:
    """The adapters on an emptied server; their connections are closed at the end."""
    coordination = Coordination.open(Settings.from_env({"REDIS_URL": valkey_server.url}))
    yield coordination
    coordination.client.connection_pool.disconnect()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is needed to make a certificate")
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def open_site(certificate: Certificate) -> Iterator[Open]:
    """Opens sites, and closes them after the test."""
    with ExitStack() as stack:

        def opened(answer: Answer, address: Address = HOME, port: int = 0) -> Site:
            site = Site(certificate, answer, address, port)
            stack.callback(site.close)
            return site

        yield opened


@contextmanager
def bucket_requests(bucket: Bucket) -> Iterator[list[str]]:
    """The URLs of the requests that are sent to the bucket."""
    assert isinstance(bucket, S3Bucket)
    events, urls = bucket._client.meta.events, list[str]()

    def note(request: Any, **_: Any) -> None:
        urls.append(request.url)

    events.register("before-send.s3", note)
    try:
        yield urls
    finally:
        events.unregister("before-send.s3", note)
