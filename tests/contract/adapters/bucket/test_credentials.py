"""Where keys come from when the program's own variables are not set: boto3's chain; and temporary keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.errors import StoreRefused
from pipeline.settings import Settings

from ...lesser_s3 import Lacks, lesser


@pytest.fixture
def keyless(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Settings without keys, on a machine that has none."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return replace(settings, s3_key_id=None, s3_secret=None)


def test_no_keys_at_all_are_said(keyless: Settings) -> None:
    with pytest.raises(StoreRefused, match="there are no keys") as refused:
        S3Bucket.open(keyless).put("a", b"")
    assert "AWS_ACCESS_KEY_ID" in refused.value.advice


def test_a_profile_is_used(
    settings: Settings, keyless: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = (
        "[archive]",
        f"aws_access_key_id = {settings.s3_key_id}",
        f"aws_secret_access_key = {settings.s3_secret}",
    )
    (tmp_path / "credentials").write_text("\n".join(lines))
    (tmp_path / "config").write_text("[profile archive]\nregion = eu-west-3\n")
    monkeypatch.setenv("AWS_PROFILE", "archive")
    bucket = S3Bucket.open(keyless)
    assert bucket.put("profile", b"1")
    assert "eu-west-3" in bucket.presign("profile", "a.pdf", 60)


def test_the_role_of_a_machine_is_used(
    settings: Settings, keyless: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        "AccessKeyId": settings.s3_key_id, "SecretAccessKey": settings.s3_secret, "Token": "of-the-role",
        "Expiration": "2999-01-01T00:00:00Z",
    }  # fmt: skip
    with answering(given) as url, lesser(settings, Lacks(token="of-the-role")) as other:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
        bucket = S3Bucket.open(replace(keyless, s3_endpoint_url=other.s3_endpoint_url))
        bucket.put("role", b"1")
        stored = bucket.get("role")
    assert stored is not None
    assert stored.data == b"1"


def test_temporary_keys_send_their_token(settings: Settings) -> None:
    with lesser(settings, Lacks(token="fits")) as other:
        bucket = S3Bucket.open(replace(other, s3_session_token="fits"))
        bucket.put("token", b"1")
        assert bucket.get("token") is not None
        assert "X-Amz-Security-Token=fits" in bucket.presign("token", "a.pdf", 60)
        with pytest.raises(StoreRefused, match="the session token does not fit the key") as refused:
            S3Bucket.open(other).get("token")
        assert "AWS_SESSION_TOKEN" in refused.value.advice


@contextmanager
def answering(given: object) -> Iterator[str]:
    """A server that gives keys to a container."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps(given).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/keys"
        finally:
            server.shutdown()
            thread.join()
