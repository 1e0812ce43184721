"""A bucket for each module; its tests use different keys."""

from __future__ import annotations

import pytest

from local.services import S3
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.settings import Settings


@pytest.fixture(scope="module")
def settings(s3_server: S3, request: pytest.FixtureRequest) -> Settings:
    return Settings.from_env(
        {
            "S3_ENDPOINT_URL": s3_server.endpoint_url,
            "S3_BUCKET": s3_server.bucket,
            "S3_PREFIX": f"{request.module.__name__}/",
            "AWS_ACCESS_KEY_ID": s3_server.key_id,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret,
        }
    )


@pytest.fixture(scope="module")
def bucket(settings: Settings) -> S3Bucket:
    return S3Bucket.open(settings)


def read(bucket: S3Bucket, key: str, start: int, stop: int, etag: str | None = None) -> bytes:
    return b"".join(bucket.read(key, start, stop, etag))
