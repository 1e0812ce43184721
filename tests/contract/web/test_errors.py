"""Services that are down, internal errors, unknown paths."""

from __future__ import annotations

import socket
import time
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from pipeline.exports.ids import new_id
from pipeline.services import Services, open_services
from pipeline.settings import Settings
from pipeline.web import create_app

from ... import steps
from ...conftest import Environ, SentMessages
from ...nowhere import closed_port
from .conftest import SHOP, PutPhotos, ask, asked, error, sign_in


def test_an_export_is_kept_while_redis_is_down(cut_off: Services, put_photos: PutPhotos) -> None:
    client = create_app(cut_off).test_client()
    answer = ask(client, {"listing": put_photos(1)})
    body = answer.json
    assert answer.status_code == 202 and body and body["queued"] is False
    export_id = body["id"]
    assert answer.headers["Location"].endswith(f"/v1/exports/{export_id}")
    assert cut_off.exports.active() == [export_id]
    assert client.get(f"/v1/exports/{export_id}", headers=SHOP).json["state"] == "queued"  # type: ignore[index]
    again = ask(client, {"listing": "inputs/album.jsonl"})
    assert (again.status_code, again.json["id"]) == (202, export_id)  # type: ignore[index]
    cancelled = client.delete(f"/v1/exports/{export_id}", headers=SHOP)
    assert (cancelled.status_code, cancelled.json["state"]) == (200, "cancelled")  # type: ignore[index]


def test_progress_comes_from_the_bucket_without_redis(
    services: Services, cut_off: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(create_app(services).test_client(), put_photos, 2, chunk_pages=1)
    steps.plan(services, export_id)
    steps.render(services, export_id, 1)
    body = create_app(cut_off).test_client().get(f"/v1/exports/{export_id}", headers=SHOP).json
    assert body and body["progress"]["pages_done"] == 1 and body["progress"]["percent"] == 45


def test_sign_in_works_without_redis(cut_off: Services) -> None:
    client = create_app(cut_off).test_client()
    assert sign_in(client).status_code == 303 and client.get("/").status_code == 200


def test_without_the_bucket_the_api_is_503(settings: Settings) -> None:
    alone = replace(settings, s3_endpoint_url=f"http://127.0.0.1:{closed_port()}")
    client = create_app(open_services(alone, SentMessages())).test_client()
    answer = client.get(f"/v1/exports/{new_id()}", headers=SHOP)
    assert answer.status_code == 503 and error(answer)["code"] == "StoreDown" and "Retry-After" in answer.headers
    sign_in(client)
    assert client.get("/").status_code == 200


def test_a_hanging_bucket_is_503_within_15_s(environ: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    """Heroku answers for us after 30 seconds, with a page that helps nobody."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        address = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        for name, value in (environ | {"S3_ENDPOINT_URL": address}).items():
            monkeypatch.setenv(name, value)
        client = create_app().test_client()
        began = time.monotonic()
        answer = ask(client, {"listing": "inputs/album.jsonl"})
        assert time.monotonic() - began < 15
    assert answer.status_code == 503 and error(answer)["code"] == "StoreDown"
    assert "doctor" in error(answer)["advice"] and "Retry-After" in answer.headers


def test_health_needs_no_service(settings: Settings) -> None:
    nowhere = f"127.0.0.1:{closed_port()}"
    alone = replace(settings, redis_url=f"redis://{nowhere}/0", s3_endpoint_url=f"http://{nowhere}")
    answer = create_app(open_services(alone, SentMessages())).test_client().get("/health")
    assert (answer.status_code, answer.json) == (200, {"ok": True})


def test_an_internal_error_hides_its_details(
    client: FlaskClient, messages: SentMessages, put_photos: PutPhotos, caplog: pytest.LogCaptureFixture
) -> None:
    messages.broken = ZeroDivisionError("a detail")
    answer = ask(client, {"listing": put_photos(1)})
    assert answer.status_code == 500 and "a detail" not in answer.text and "Traceback" not in answer.text
    assert "a detail" in caplog.text


def test_unknown_paths_and_methods_have_the_error_form(client: FlaskClient) -> None:
    missing = client.get("/nowhere", headers={"Accept": "application/json"})
    assert missing.status_code == 404 and error(missing)["message"]
    wrong = client.put("/v1/exports", headers=SHOP)
    assert wrong.status_code == 405 and error(wrong) and "POST" in wrong.headers["Allow"]
    assert "<h1>" in client.get("/nowhere", headers={"Accept": "text/html"}).text
    assert client.get("/v1/exports//x", headers=SHOP | {"Host": "evil.example"}).status_code == 404
