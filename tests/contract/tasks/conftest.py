"""The stage on which steps of an export are taken one by one."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Iterator
from pathlib import Path

import celery
import pytest
import redis

from local.services import S3, Smtp, Valkey, smtp
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.adapters.redis import Coordination
from pipeline.services import Services, open_services
from pipeline.settings import Settings
from pipeline.tasks import step
from pipeline.tasks.app import make_app

from ...conftest import SentMessages
from ...mails import Moody, Running, mail_server
from ...pictures import jpeg
from .frame import Clock, Frame
from .stage import Stage


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smtp]:
    with smtp(tmp_path_factory.mktemp("smtp")) as server:
        yield server


@pytest.fixture(scope="module")
def opened(s3_server: S3, valkey_server: Valkey, mail: Smtp) -> Services:
    settings = Settings.from_env(
        {
            "REDIS_URL": valkey_server.url,
            "S3_ENDPOINT_URL": s3_server.endpoint_url,
            "S3_BUCKET": s3_server.bucket,
            "S3_PREFIX": "tasks/",
            "AWS_ACCESS_KEY_ID": s3_server.key_id,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret,
            "SECRET_KEY": "test-secret-key",
            "WORKER_MEMORY_MB": "4096",  # the tests of a process share its memory
            "WORKER_CONCURRENCY": "2",
            "SMTP_URL": mail.url,
        }
    )
    S3Bucket.open(settings).create_bucket()
    return open_services(settings, SentMessages())


@pytest.fixture
def stage(opened: Services, mail: Smtp) -> Stage:
    """With nothing in the bucket but five photos, and nothing in Redis."""
    with redis.Redis.from_url(opened.settings.redis_url) as client:
        client.flushall()
    messages = SentMessages()
    stage = Stage(dataclasses.replace(opened, queue=messages), messages, mail)
    for left in stage.store.uploads(""):
        left.abort()
    stage.store.delete_under("")
    stage.put_album([jpeg(n, 40, 30) for n in range(5)])
    return stage


@pytest.fixture
def moody(tmp_path: Path) -> Iterator[Running]:
    """A mail server that does what it is told."""
    with mail_server(tmp_path, Moody, auth_require_tls=False) as server:
        yield server


@pytest.fixture
def app(opened: Services) -> Iterator[celery.Celery]:
    """The real tasks, to be run in this process by `apply`."""
    before = signal.getsignal(signal.SIGTERM)  # a task's process takes it as "finish the page"
    app = make_app(opened.settings)
    yield app
    app.close()
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def frame(shared: Coordination, monkeypatch: pytest.MonkeyPatch) -> Frame:
    clock = Clock()
    monkeypatch.setattr(step, "time", clock)
    monkeypatch.setattr(step, "resident", lambda: 0)
    return Frame(shared, clock)
