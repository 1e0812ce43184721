"""One repository for all of these tests; each begins with an empty bucket."""

from __future__ import annotations

import pytest

from local.services import S3
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.exports.repository import ExportRepository
from pipeline.settings import Settings


@pytest.fixture(scope="module")
def opened(s3_server: S3) -> S3Bucket:
    settings = Settings.from_env(
        {
            "S3_ENDPOINT_URL": s3_server.endpoint_url,
            "S3_BUCKET": s3_server.bucket,
            "S3_PREFIX": "test_exports/",
            "AWS_ACCESS_KEY_ID": s3_server.key_id,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret,
        }
    )
    return S3Bucket.open(settings)


@pytest.fixture
def bucket(opened: S3Bucket) -> S3Bucket:
    opened.delete_under("")
    return opened


@pytest.fixture
def exports(bucket: S3Bucket) -> ExportRepository:
    return ExportRepository(bucket)
