"""The stage on which keepers take their turns."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.dynos import Dynos
from local.services import S3, Valkey
from pipeline.adapters.bucket import REQUEST
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.services import Services, open_services
from pipeline.settings import Settings
from pipeline.tasks import keeper

from ....conftest import SentMessages
from ....pictures import jpeg
from ...lesser_s3 import Lacks, lesser
from .stage import LINGER, KeeperStage


@pytest.fixture(scope="module")
def opened(s3_server: S3, valkey_server: Valkey) -> Services:
    settings = Settings.from_env(
        {
            "REDIS_URL": valkey_server.url,
            "S3_ENDPOINT_URL": s3_server.endpoint_url,
            "S3_BUCKET": s3_server.bucket,
            "S3_PREFIX": "keeper/",
            "AWS_ACCESS_KEY_ID": s3_server.key_id,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret,
            "SECRET_KEY": "test-secret-key",
            "WORKER_MEMORY_MB": "4096",  # the tests of a process share its memory
            "KEEPER_SECONDS": "0.1",
            "LINGER_SECONDS": str(LINGER),
            "WORKER_CONCURRENCY": "1",
            "MAX_WORKERS": "2",
        }
    )
    S3Bucket.open(settings).create_bucket()
    return open_services(settings, SentMessages())


@pytest.fixture
def stage(opened: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeeperStage]:
    monkeypatch.setattr(keeper, "CHECK_SECONDS", 600.0)  # a turn looks at all exports, however slow the machine is
    (tmp_path / "Procfile").write_text("worker: sleep 600\n")
    env = {"PATH": os.environ["PATH"]}
    with Dynos(tmp_path / "Procfile", env, cwd=tmp_path, log_folder=tmp_path / "logs", boot_seconds=600) as dynos:
        settings = dataclasses.replace(
            opened.settings, heroku_api_url=dynos.url, heroku_api_key=dynos.key, heroku_app=dynos.app,
            heroku_timeout=60.0,
        )  # fmt: skip
        messages = SentMessages()
        stage = KeeperStage(dataclasses.replace(opened, settings=settings, queue=messages), messages, dynos)
        stage.wipe_redis()
        store = stage.s.bucket
        store.delete_under("")
        for n in range(5):
            store.put(f"inputs/album/{n}.jpg", jpeg(n, 40, 30))
        lines = [f'{{"source":"inputs/album/{n}.jpg"}}' for n in range(5)]
        store.put("inputs/album.jsonl", "\n".join(lines).encode())
        yield stage
        for each in stage.keepers:
            each.resign()


@pytest.fixture
def unreadable(stage: KeeperStage) -> Iterator[dict[str, int]]:
    """Keys that the keeper's bucket does not give, and the status that it answers instead."""
    keys: dict[str, int] = {}
    with lesser(stage.s.settings, Lacks(unreadable=keys)) as settings:
        stage.s = open_services(settings, stage.queue, REQUEST)
        yield keys
