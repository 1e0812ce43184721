"""Tokens, sessions, and requests of other sites."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from pipeline.adapters.redis import counters
from pipeline.exports.ids import new_id
from pipeline.services import Services
from pipeline.settings import Token
from pipeline.web import create_app

from .conftest import ARCHIVE, OURS, PASSWORD, SHOP, PutPhotos, asked, error, sign_in, sign_out


def test_a_token_or_a_session_is_required(client: FlaskClient) -> None:
    for method, path in (
        ("POST", "/v1/exports"),
        ("GET", "/v1/exports"),
        ("GET", f"/v1/exports/{new_id()}"),
        ("DELETE", f"/v1/exports/{new_id()}"),
        ("GET", f"/v1/exports/{new_id()}/download"),
    ):
        answer = client.open(path, method=method, json={}, headers={"Accept": "application/json"})
        assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
        assert error(answer)["code"] == "NotSignedIn"
    assert client.get("/").headers["Location"] == "/sign-in"


def test_a_wrong_token_is_refused_even_with_a_session(client: FlaskClient, subtests: pytest.Subtests) -> None:
    sign_in(client)
    assert client.get("/v1/exports").status_code == 200
    no_token = ("Bearer", "Bearer ", "shop-token", "Basic c2hvcDpzaG9w", "Basic é", "")
    for value in ("Bearer wrong-token", "Bearer é", *no_token):
        with subtests.test(value):
            answer = client.get("/v1/exports", headers={"Authorization": value})
            assert answer.status_code == 401
            said = "has no bearer token" if value in no_token else "names no token that this app knows"
            assert said in error(answer)["message"]
            assert "API_TOKENS" in error(answer)["advice"]


def test_a_token_may_have_any_sign_in_it(services: Services) -> None:
    settings = replace(services.settings, api_tokens={"to=ken,1 2": Token("shop")})
    client = create_app(replace(services, settings=settings)).test_client()
    for value in ("Bearer to=ken,1 2", "bearer  to=ken,1 2 "):
        assert client.get("/v1/exports", headers={"Authorization": value}).status_code == 200


def test_a_browser_is_redirected_to_sign_in(client: FlaskClient) -> None:
    path = f"/v1/exports/{new_id()}/download"
    answer = client.get(path, headers={"Accept": "text/html,application/xml;q=0.9,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/sign-in?next={path}")


def test_the_password_opens_the_panel(client: FlaskClient, services: Services) -> None:
    wrong = client.post("/sign-in", data={"password": "open barley"})
    assert wrong.status_code == 401 and "password is wrong" in wrong.text and "Set-Cookie" not in wrong.headers
    answer = sign_in(client)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    assert client.get("/").status_code == 200
    out = sign_out(client)
    assert (out.status_code, out.headers["Location"]) == (303, "/sign-in")
    assert client.get("/").status_code == 302
    secure = replace(services, settings=replace(services.settings, base_url="https://pdf.example.org"))
    assert "Secure" in sign_in(create_app(secure).test_client()).headers["Set-Cookie"]


def test_without_a_password_sign_in_is_closed(services: Services) -> None:
    client = create_app(replace(services, settings=replace(services.settings, panel_password=None))).test_client()
    assert "PANEL_PASSWORD" in client.get("/sign-in").text
    answer = sign_in(client, password="")
    assert answer.status_code == 403 and client.get("/").status_code == 302


def test_sign_in_never_redirects_to_another_site(client: FlaskClient, subtests: pytest.Subtests) -> None:
    outside = ("//evil.example", "https://evil.example", "/\\evil.example", "/d/../..//evil.example")
    for target in (*outside, "/%09/evil", "/d/x\n", "/a", ""):
        with subtests.test(target):
            page = client.get("/sign-in", query_string={"next": target})
            assert 'name="next" value="/"' in page.text
            assert sign_in(client, next=target).headers["Location"] == "/"
            sign_out(client)


@pytest.mark.usefixtures("one_minute")
def test_sign_in_attempts_are_limited(client: FlaskClient) -> None:
    for _ in range(10):
        assert client.post("/sign-in", data={"password": "guess"}).status_code == 401
    answer = sign_in(client)
    assert answer.status_code == 429 and answer.headers["Retry-After"] == "60"
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.post("/sign-in", data={"password": PASSWORD}, environ_base=elsewhere).status_code == 303


@pytest.fixture
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count of tries begins anew with each minute of the clock, which stands still."""
    monkeypatch.setattr(counters, "time", SimpleNamespace(time=lambda: 6e6))


@pytest.mark.usefixtures("one_minute")
def test_the_client_address_comes_from_the_router(services: Services) -> None:
    settings = replace(services.settings, base_url="https://pdf.example.org")
    client = create_app(replace(services, settings=settings)).test_client()

    def guess(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return client.post("/sign-in", data={"password": "guess"}, headers=headers).status_code

    assert [guess(f"192.0.2.{i}, 198.51.100.1") for i in range(11)] == [401] * 10 + [429]
    assert guess("198.51.100.2") == 401


def test_a_changed_password_ends_sessions(services: Services) -> None:
    def opened(**changes: Any) -> FlaskClient:
        return create_app(replace(services, settings=replace(services.settings, **changes))).test_client()

    first = opened()
    sign_in(first)
    cookie = first.get_cookie("pipeline")
    assert cookie
    for changes, status in (
        ({}, 200),
        ({"secret_keys": ("new key", *services.settings.secret_keys)}, 200),
        ({"panel_password": "another"}, 302),
        ({"panel_password": None}, 302),
        ({"secret_keys": ("new key",)}, 302),
    ):
        client = opened(**changes)
        client.set_cookie("pipeline", cookie.value)
        assert client.get("/").status_code == status, changes


def test_sign_out_without_a_session_sets_no_cookie(client: FlaskClient) -> None:
    """A browser sends another site's request without our cookie, and would obey an answer that removes it."""
    answer = client.post("/sign-out", data={"token": ""})
    assert answer.status_code == 303 and "Set-Cookie" not in answer.headers


def test_another_site_cannot_write_with_the_cookie(client: FlaskClient, put_photos: PutPhotos) -> None:
    sign_in(client)
    body = {"document": "photos", "params": {"listing": put_photos(1)}}
    own = client.application.extensions["pipeline"].settings.base_url
    for headers in (
        {},
        {"X-Pipeline": "0"},
        OURS | {"Origin": "https://evil.example"},
        OURS | {"Origin": "null"},
        OURS | {"Origin": own + ".evil.example"},
    ):
        answer = client.post("/v1/exports", json=body, headers=headers)
        assert answer.status_code == 403 and error(answer)["code"] == "Forbidden"
    for headers in (OURS, OURS | {"Origin": own}, OURS | {"Origin": "http://localhost"}):
        assert client.post("/v1/exports", json=body, headers=headers).status_code == 202
    assert client.delete(f"/v1/exports/{new_id()}").status_code == client.post("/sign-out").status_code == 403
    assert client.get("/").status_code == 200
    foreign = client.post("/sign-in", data={"password": PASSWORD}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403


def test_the_panel_and_a_token_see_different_exports(client: FlaskClient, put_photos: PutPhotos) -> None:
    export_id = asked(client, put_photos)
    sign_in(client)
    assert client.get(f"/v1/exports/{export_id}").status_code == 404
    assert client.get("/v1/exports").json == {"exports": [], "next": None}


def test_a_session_outlives_the_browser_and_holds_nothing_of_an_earlier_one(client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["earlier"] = "x"
    assert "Expires=" in sign_in(client).headers["Set-Cookie"]
    with client.session_transaction() as session:
        assert session.keys() == {"_permanent", "proof", "form"}
        assert len(session["form"]) >= 20, "it cannot be guessed"
    sign_out(client)
    with client.session_transaction() as session:
        assert not session.keys() & {"proof", "form"}


def test_signing_in_works_while_redis_is_down(cut_off: Services) -> None:
    assert sign_in(create_app(cut_off).test_client()).status_code == 303


def test_each_token_has_its_owner(client: FlaskClient, put_photos: PutPhotos) -> None:
    export_id = asked(client, put_photos)
    for headers, status in ((SHOP, 200), (ARCHIVE, 404)):
        assert client.get(f"/v1/exports/{export_id}", headers=headers).status_code == status


def test_reading_with_a_session_needs_no_header(client: FlaskClient) -> None:
    sign_in(client)
    for method in ("GET", "HEAD"):
        assert client.open("/v1/exports", method=method).status_code == 200


def test_a_session_outlives_the_older_key(services: Services) -> None:
    def opened(*keys: str) -> FlaskClient:
        return create_app(replace(services, settings=replace(services.settings, secret_keys=keys))).test_client()

    both, alone = opened("new key", "old key"), opened("new key")
    sign_in(both)
    cookie = both.get_cookie("pipeline")
    assert cookie
    alone.set_cookie("pipeline", cookie.value)
    assert alone.get("/").status_code == 200
