"""What people may do by their roles: view, ask, operate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from pipeline.exports import audit
from pipeline.logs import NAME
from pipeline.services import Services
from pipeline.settings import Scope, Settings
from pipeline.settings.tokens import ROLES
from pipeline.web import create_app, previews, sessions
from pipeline.web.openapi import NAMED
from pipeline.web.people import Person
from pipeline.web.routes import OF_THE_PANEL, ROUTES

from ...conftest import Environ
from .conftest import OURS, PutPhotos, asked, error, make

SignedIn = Callable[..., FlaskClient]


@pytest.fixture
def signed_in(services: Services, environ: Environ) -> SignedIn:
    """Returns a browser in which a person with a role is signed in, as after a sign-in at the issuer."""
    oidc = {
        "OIDC_ISSUER": "https://login.example.org", "OIDC_CLIENT_ID": "pdfs", "OIDC_CLIENT_SECRET": "secret",
        "OIDC_ROLES": "view=anyone",
    }  # fmt: skip
    settings = Settings.from_env(environ | oidc)
    app = create_app(replace(services, settings=settings))

    def signed_in(role: str, name: str = "") -> FlaskClient:
        client = app.test_client()
        with app.test_request_context():
            sessions.begin(settings, Person(name or f"{role}@example.org", ROLES[role]))
            values = dict(flask.session)
        with client.session_transaction() as session:
            session.update(values)
            session.permanent = True
        return client

    return signed_in


def ask(client: FlaskClient, listing: str, **more: Any) -> str:
    """Request an export on the panel. Returns its id."""
    body = {"document": "photos", "params": {"listing": listing}, **more}
    answer = client.post("/v1/exports", json=body, headers=OURS)
    assert answer.status_code in (200, 202), answer.text
    return str(answer.json["id"])  # type: ignore[index]


def test_each_operation_needs_its_role(signed_in: SignedIn, subtests: pytest.Subtests) -> None:
    for prefix, routes in (("/v1", ROUTES), ("/panel", OF_THE_PANEL)):
        for route in routes:
            for role, scope in ROLES.items():
                with subtests.test(operation=route.name, role=role):
                    path = prefix + NAMED.sub("1", route.path)
                    answer = signed_in(role).open(path, method=route.method, headers=OURS)
                    refused = answer.status_code == 403 and error(answer)["code"] == "NotAllowed"
                    assert refused is (scope < route.scope)


def test_on_the_panel_looking_needs_view_and_all_else_ask() -> None:
    assert {(route.method == "GET", route.scope) for route in OF_THE_PANEL} == {
        (True, Scope.READ), (False, Scope.ASK),
    }  # fmt: skip


def test_who_may_only_look_downloads_and_changes_nothing(
    signed_in: SignedIn, services: Services, put_photos: PutPhotos
) -> None:
    client = signed_in("view")
    export_id = ask(signed_in("ask"), put_photos(1))
    make(services, export_id)
    assert client.get("/").headers["Location"] == "/all"
    assert 'href="/"' not in client.get("/all").text
    assert client.get(f"/panel/exports/{export_id}").json["may_change"] is False  # type: ignore[index]
    for path in ("/panel", "/v1"):
        assert client.get(f"{path}/exports/{export_id}/download").status_code == 302
        for method, what in (("DELETE", ""), ("POST", "/retry"), ("POST", "/again")):
            answer = client.open(f"{path}/exports/{export_id}{what}", method=method, headers=OURS)
            assert answer.status_code == 403 and "The role of view@example.org is view" in error(answer)["message"]
    assert client.post("/v1/exports", json={}, headers=OURS).status_code == 403
    assert client.post("/v1/inputs", json={"name": "a.csv"}, headers=OURS).status_code == 403
    assert services.exports.load(export_id).state.over


def test_who_asks_changes_its_own_exports_alone(
    signed_in: SignedIn, services: Services, put_photos: PutPhotos, subtests: pytest.Subtests
) -> None:
    ann, bob, operator = signed_in("ask", "ann"), signed_in("ask", "bob"), signed_in("operate")
    listing = put_photos(1)
    of_ann, of_shop = ask(ann, listing), asked(operator, put_photos)
    assert services.exports.load(of_ann).subject == "ann" and ask(bob, listing) != of_ann
    for export_id in (of_ann, of_shop):
        assert bob.get(f"/panel/exports/{export_id}").json["may_change"] is False  # type: ignore[index]
        for method, what in (("DELETE", ""), ("POST", "/retry"), ("POST", "/again")):
            with subtests.test(method=method, what=what):
                answer = bob.open(f"/panel/exports/{export_id}{what}", method=method, headers=OURS)
                assert answer.status_code == 403 and "is not one of bob" in error(answer)["message"]
    for what in ("retry", "again"):
        assert bob.post(f"/v1/exports/{of_ann}/{what}", headers=OURS).status_code == 403
    assert ann.get(f"/panel/exports/{of_ann}").json["may_change"] is True  # type: ignore[index]
    assert ann.delete(f"/panel/exports/{of_ann}", headers=OURS).status_code == 204
    assert operator.post(f"/panel/exports/{of_ann}/again", headers=OURS).status_code == 202
    assert operator.delete(f"/panel/exports/{of_shop}", headers=OURS).status_code == 204


def test_people_ask_for_themselves(signed_in: SignedIn, put_photos: PutPhotos) -> None:
    client, body = signed_in("operate", "ann"), {"document": "photos", "params": {"listing": put_photos(1)}}
    refused = client.post("/v1/exports", json=body | {"subject": "bob"}, headers=OURS)
    assert refused.status_code == 422 and error(refused)["field"] == "subject"
    export_id = ask(client, put_photos(1), subject="ann")
    rows = client.get("/panel/exports?owner=panel&subject=ann").json["exports"]  # type: ignore[index]
    assert [row["export"]["id"] for row in rows] == [export_id]


def test_inputs_are_of_the_person_who_hands_them_in(signed_in: SignedIn) -> None:
    ann, bob = signed_in("ask", "ann"), signed_in("operate", "bob")
    body = {"name": "a.csv", "bytes": 3}
    made = ann.post("/v1/inputs", json=body, headers=OURS).json["id"]  # type: ignore[index]
    assert bob.get(f"/v1/inputs/{made}").status_code == 404
    assert bob.delete(f"/v1/inputs/{made}", headers=OURS).status_code == 404
    assert bob.post("/v1/inputs", json=body | {"beside": made}, headers=OURS).status_code == 404
    assert ann.get(f"/v1/inputs/{made}").status_code == 200
    assert ann.delete(f"/v1/inputs/{made}", headers=OURS).status_code == 204


def test_previews_are_limited_for_each_person(signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "PER_MINUTE", 1)
    ann, body = signed_in("ask", "ann"), {"document": "table", "params": {"rows": [{"Item": "Tea"}]}}
    answers = [ann.post("/v1/previews", json=body, headers=OURS) for _ in range(3)]  # a minute may begin meanwhile
    assert answers[-1].status_code == 429 and "ann has asked for 1 previews" in error(answers[-1])["message"]
    assert signed_in("ask", "bob").post("/v1/previews", json=body, headers=OURS).status_code == 200
    ann.application.extensions[previews.EXTENSION].stop()


def test_the_log_names_the_person(
    signed_in: SignedIn, services: Services, put_photos: PutPhotos, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    export_id = ask(signed_in("ask", "ann"), put_photos(1))
    make(services, export_id)
    signed_in("view", "eve").get(f"/panel/exports/{export_id}/download")
    signed_in("operate", "bob").delete(f"/panel/exports/{export_id}", headers=OURS)
    lines = [getattr(record, NAME) for record in caplog.records if record.name == audit.__name__]
    assert [(line["action"], line["owner"], line["subject"], line["by"]) for line in lines] == [
        ("requested", "panel", "ann", "ann"), ("downloaded", "panel", "ann", "eve"),
        ("removed", "panel", "ann", "bob"),
    ]  # fmt: skip


def test_another_site_cannot_write_with_the_cookie_of_a_person(signed_in: SignedIn) -> None:
    client = signed_in("operate")
    for headers in ({}, OURS | {"Origin": "https://evil.example"}):
        assert client.post("/v1/exports", json={}, headers=headers).status_code == 403
