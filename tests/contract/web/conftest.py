"""Requests to the web application, on a real bucket and a real Redis. No worker runs: tests call the steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.tasks.app import open_with_celery
from pipeline.web import create_app
from pipeline.web.previews import EXTENSION as PREVIEWS

from ... import steps
from ...nowhere import closed_port

SHOP = {"Authorization": "Bearer shop-token"}
ARCHIVE = {"Authorization": "Bearer archive-token"}
PASSWORD = "open sesame"
OURS = {"X-Pipeline": "1"}
PutPhotos = Callable[[int], str]


@pytest.fixture
def client(services: Services) -> Iterator[FlaskClient]:
    app = create_app(services)
    yield app.test_client()
    app.extensions[PREVIEWS].stop()


@pytest.fixture
def cut_off(settings: Settings) -> Services:
    """Services without Redis: its port is closed."""
    alone = replace(settings, redis_url=f"redis://127.0.0.1:{closed_port()}/0")
    return open_with_celery(alone)


def ask(client: FlaskClient, params: dict[str, Any], **more: Any) -> TestResponse:
    return client.post("/v1/exports", json={"document": "photos", "params": params, **more}, headers=SHOP)


def asked(client: FlaskClient, put_photos: PutPhotos, photos: int = 3, **more: Any) -> str:
    """Request an export. Returns its id."""
    answer = ask(client, {"listing": put_photos(photos)}, **more)
    assert answer.status_code == 202, answer.text
    return str(answer.json["id"])  # type: ignore[index]


def make(services: Services, export_id: str) -> None:
    """Run all steps of an export, as workers do."""
    steps.plan(services, export_id)
    for chunk in services.exports.plan(export_id).chunks:
        steps.render(services, export_id, chunk.number)
    steps.assemble(services, export_id)
    steps.deliver(services, export_id)


def sign_in(client: FlaskClient, **form: str) -> TestResponse:
    return client.post("/sign-in", data={"password": PASSWORD, **form})


def sign_out(client: FlaskClient) -> TestResponse:
    """Sign out as the button on the page does, without JavaScript."""
    found = re.search(r'name="token" value="(.+)"', client.get("/").text)
    assert found
    return client.post("/sign-out", data={"token": found[1]}, headers={"Origin": "null"})


def error(answer: TestResponse) -> dict[str, Any]:
    """Return the error of a response. It has all four fields, and the members of a problem (RFC 9457)."""
    body: dict[str, Any] = answer.json  # type: ignore[assignment]
    found: dict[str, Any] = body["error"]
    assert set(found) == {"code", "message", "advice", "field"}
    assert answer.mimetype == "application/problem+json"
    assert (body["type"], body["status"], body["detail"]) == ("about:blank", answer.status_code, found["message"])
    assert body["title"] and all(body[member] == found[member] for member in found)
    return found


def keys(services: Services) -> list[str]:
    return [entry.key for entry in services.bucket.entries("")]
