"""A store is tried with the checks of `doctor` and a whole export, and nothing is left in it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from local import store
from local.services import S3
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.errors import StoreRefused
from pipeline.settings import Settings


@pytest.fixture
def keys(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_BUCKET", s3_server.bucket)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret)


@pytest.mark.usefixtures("keys")
def test_a_store_is_tried_with_a_whole_export(
    s3_server: S3, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(store, "PHOTOS", 3)
    out = io.StringIO()
    store.try_store(s3_server.endpoint_url, tmp_path, Console(file=out, width=200))
    assert "album.pdf has 3 pages" in out.getvalue()
    whole = S3Bucket(S3Bucket.open(settings)._client, settings.bucket)
    assert [entry.key for entry in whole.entries("trial-")] == []


@pytest.mark.usefixtures("keys")
def test_a_store_that_refuses_the_key_is_not_tried_further(
    s3_server: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StoreRefused, match="the secret does not fit the key"):
        store.try_store(s3_server.endpoint_url, tmp_path, Console(file=io.StringIO()))
