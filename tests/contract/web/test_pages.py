"""Security headers, URLs and the page."""

from __future__ import annotations

import re
from dataclasses import replace

from flask.testing import FlaskClient

from pipeline.services import Services
from pipeline.web import create_app

from .conftest import SHOP, PutPhotos, sign_in


def test_every_response_has_the_security_headers(services: Services) -> None:
    https = replace(services.settings, base_url="https://pdf.example.org")
    plain, secure = (create_app(s).test_client() for s in (services, replace(services, settings=https)))
    for path in ("/", "/sign-in", "/v1/exports", "/nowhere", "/d/x", "/health", "/static/panel.js"):
        for client in (plain, secure):
            with client.get(path) as answer:
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert answer.headers["X-Frame-Options"] == "DENY"
                policy = answer.headers["Content-Security-Policy"].split("; ")
                assert {"default-src 'self'", "frame-ancestors 'none'"} <= set(policy)
                assert "unsafe" not in str(policy)
                assert ("Strict-Transport-Security" in answer.headers) is (client is secure)
                assert "Cache-Control" in answer.headers


def test_urls_never_come_from_the_host_header(client: FlaskClient, put_photos: PutPhotos) -> None:
    body = {"document": "photos", "params": {"listing": put_photos(1)}}
    answer = client.post("/v1/exports", json=body, headers=SHOP | {"Host": "evil.example"})
    assert "evil" not in answer.text and "evil" not in answer.headers["Location"]
    assert "evil" not in client.get("/", headers={"Host": "evil.example"}).headers["Location"]


def test_the_page_escapes_the_listings(client: FlaskClient, services: Services) -> None:
    for name in ("a", '"><script>alert(1)</script>'):
        services.bucket.put(f"inputs/{name}.jsonl", b"")
    services.bucket.put("inputs/a.jpg", b"")
    services.bucket.put("exports/b.jsonl", b"")
    sign_in(client)
    page = client.get("/").text
    assert '<option value="inputs/a.jsonl">' in page and "exports/b" not in page and "a.jpg" not in page
    assert "<script>alert" not in page
    assert not re.search(r"<[^>]*\s(style|on\w+)=", page) and not re.search(r"<script(?![^>]*src=)", page)
