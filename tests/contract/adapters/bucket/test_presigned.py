"""Signed links to a real S3 server."""

from __future__ import annotations

import time

import pytest
import requests
from werkzeug.http import parse_options_header

from pipeline.adapters.bucket.s3 import S3Bucket


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Álbum „é“ 2026.pdf", "_lbum ___ 2026.pdf"),
        ('a "quoted" \\ name.pdf', "a _quoted_ _ name.pdf"),
        ("line\r\nX-Evil: 1.pdf", "line__X-Evil: 1.pdf"),
    ],
)
def test_a_signed_link_gives_the_file_under_its_name(bucket: S3Bucket, name: str, plain: str) -> None:
    """`plain` is for clients that do not know RFC 8187."""
    bucket.put("file.pdf", b"%PDF", content_type="application/pdf")
    answer = requests.get(bucket.presign("file.pdf", name, 60), timeout=60)
    assert (answer.status_code, answer.content) == (200, b"%PDF")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert "X-Evil" not in answer.headers
    assert parse_options_header(answer.headers["Content-Disposition"]) == ("attachment", {"filename": name})
    old = answer.headers["Content-Disposition"].partition("; filename*")[0]
    assert parse_options_header(old)[1]["filename"] == plain


def test_a_changed_or_expired_link_is_refused(bucket: S3Bucket) -> None:
    bucket.put("file.pdf", b"%PDF")
    bucket.put("other.pdf", b"secret")
    url, short = bucket.presign("file.pdf", "file.pdf", 60), bucket.presign("file.pdf", "file.pdf", 1)
    assert requests.get(url.replace("/file.pdf?", "/other.pdf?"), timeout=60).status_code == 403
    assert requests.get(url.replace("Expires=60", "Expires=6000"), timeout=60).status_code == 403
    time.sleep(1.3)
    assert requests.get(short, timeout=60).status_code == 403
    assert requests.get(url, timeout=60).status_code == 200
