"""What botocore reads about S3 before the first request."""

from __future__ import annotations

import pytest
from botocore.loaders import JSONFileLoader

from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.settings import Settings


def test_the_descriptions_are_read_once_for_all_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """1.5 MB of JSON: each process that a worker forks opens a client of its own."""
    settings = Settings.from_env(
        {"S3_BUCKET": "tests", "AWS_ACCESS_KEY_ID": "test-key", "AWS_SECRET_ACCESS_KEY": "test-secret"}
    )
    S3Bucket.open(settings)
    read: list[str] = []
    monkeypatch.setattr(JSONFileLoader, "load_file", lambda _, path: read.append(path))
    S3Bucket.open(settings)
    assert read == []
