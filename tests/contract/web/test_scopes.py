"""What a token may do, and what the log says about who did what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from pipeline.exports import audit
from pipeline.logs import NAME
from pipeline.services import Services
from pipeline.settings import Scope, Settings
from pipeline.tasks.schedules.clean_up import CleanUp
from pipeline.web import create_app
from pipeline.web.openapi import NAMED
from pipeline.web.routes import ROUTES

from ...conftest import Environ
from .conftest import SHOP, PutPhotos, asked, error, make, sign_in


@pytest.fixture
def scoped(services: Services, environ: Environ) -> FlaskClient:
    """An app with a token for each scope, all of one owner."""
    tokens = "shop:read=read-token shop:ask=ask-token shop:all=all-token shop=shop-token"
    settings = Settings.from_env(environ | {"API_TOKENS": tokens})
    return create_app(replace(services, settings=settings)).test_client()


def test_each_operation_needs_its_scope(scoped: FlaskClient, subtests: pytest.Subtests) -> None:
    for route in ROUTES:
        for scope in Scope:
            with subtests.test(operation=route.name, scope=scope.name):
                headers = {"Authorization": f"Bearer {scope.name.lower()}-token"}
                answer = scoped.open("/v1" + NAMED.sub("1", route.path), method=route.method, headers=headers)
                refused = answer.status_code == 403 and error(answer)["code"] == "NotAllowed"
                assert refused is (scope < route.scope)


def test_reading_changes_nothing_and_asking_removes_no_export() -> None:
    needed = {(route.method, route.path.split("/")[1]): route.scope for route in ROUTES}
    assert {scope for (method, _), scope in needed.items() if method == "GET"} == {Scope.READ}
    assert {scope for (method, _), scope in needed.items() if method == "POST"} == {Scope.ASK}
    assert (needed["DELETE", "exports"], needed["DELETE", "inputs"]) == (Scope.ALL, Scope.ASK)


def test_a_token_without_scope_may_do_everything(scoped: FlaskClient, put_photos: PutPhotos) -> None:
    assert scoped.delete(f"/v1/exports/{asked(scoped, put_photos)}", headers=SHOP).status_code == 200
    read = scoped.post("/v1/exports", json={}, headers={"Authorization": "Bearer read-token"})
    assert error(read)["message"] == "The token of shop has the scope read; this needs ask."


def audited(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    found = [getattr(record, NAME) for record in caplog.records if record.name == audit.__name__]
    caplog.clear()
    return found


def test_what_is_done_to_an_export_is_one_line_each(
    client: FlaskClient, services: Services, put_photos: PutPhotos, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    first, second = (asked(client, put_photos, subject=name, key=name) for name in ("ann", "bob"))
    asked(client, put_photos, subject="ann", key="ann")  # the same
    make(services, first)
    about = {"export": first, "owner": "shop", "subject": "ann", "document": "photos", "by": "shop"}
    other = about | {"export": second, "subject": "bob"}
    assert audited(caplog) == [about | {"action": "requested"}, other | {"action": "requested"}]
    for method in ("HEAD", "GET"):
        client.open(f"/v1/exports/{first}/download", method=method, headers=SHOP)
    client.delete(f"/v1/exports/{second}", headers=SHOP)
    client.delete(f"/v1/exports/{first}", headers=SHOP)
    read = {"action": "downloaded", "volume": 0, "address": "127.0.0.1"}
    assert audited(caplog) == [about | read, other | {"action": "cancelled"}, about | {"action": "removed"}]
    sign_in(client)
    client.get(f"/v1/exports/{first}/download")
    assert audited(caplog) == [], "nothing was downloaded"


def test_an_export_whose_time_is_over_is_a_line_too(
    client: FlaskClient, services: Services, put_photos: PutPhotos, caplog: pytest.LogCaptureFixture
) -> None:
    make(services, export_id := asked(client, put_photos, subject="ann"))
    caplog.set_level("INFO")
    for _ in range(2):
        CleanUp(services.bucket, services.exports, replace(services.settings, keep_seconds=0)).run()
    about = {"export": export_id, "owner": "shop", "subject": "ann", "document": "photos"}
    assert audited(caplog) == [about | {"action": "expired"}]
