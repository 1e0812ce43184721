"""Signing in at an issuer of identities (OpenID Connect): who gets in, and what is refused."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from local.services import free_port
from pipeline.exports.links import DownloadLinks
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.web import create_app, sessions

from ...conftest import Environ
from ...issuer import Faults, Issuer, serving
from .conftest import PutPhotos, asked, make, sign_in, sign_out

RETURN = "/sign-in/oidc"
Opened = Callable[..., FlaskClient]


@pytest.fixture(scope="module")
def running() -> Iterator[Issuer]:
    with serving(Issuer()) as issuer:
        issuer.redirect_uris = [f"http://127.0.0.1:5000{RETURN}"]
        yield issuer


@pytest.fixture
def issuer(running: Issuer) -> Issuer:
    fresh = Issuer()
    running.faults, running.people, running.thin = Faults(), fresh.people, False
    running.asked.clear()
    return running


@pytest.fixture
def opened(services: Services, environ: Environ, issuer: Issuer) -> Opened:
    """Opens an app whose people sign in at the issuer; with changed variables."""

    def opened(**changes: str) -> FlaskClient:
        settings = Settings.from_env(environ | issuer.environ() | changes)
        return create_app(replace(services, settings=settings)).test_client()

    return opened


@pytest.fixture
def client(opened: Opened) -> FlaskClient:
    return opened()


def begin(client: FlaskClient, target: str = "/all") -> str:
    """Press the button. Returns the issuer's address, with the query."""
    answer = client.post(RETURN, data={"next": target})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def agree(address: str, person: str) -> str:
    """Sign in at the issuer. Returns where it sends the person back to."""
    answer = requests.post(address, data={"person": person}, allow_redirects=False, timeout=60)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"].removeprefix("http://127.0.0.1:5000")


def enter(client: FlaskClient, person: str = "ann", target: str = "/all") -> TestResponse:
    return client.get(agree(begin(client, target), person))


def problem(answer: TestResponse) -> str:
    """What the page of an answer says is wrong."""
    found = re.search(r'id="problem">(.*)</p>', answer.text)
    return found[1].replace("&#39;", "'") if found else ""


def test_a_person_comes_in_and_goes_where_it_wanted(
    client: FlaskClient, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    page = client.get("/sign-in?next=/workers").text
    assert (
        'name="next" value="/workers"' in page and "Sign in with 127.0.0.1:" in page and 'type="password"' in page
    )
    answer = enter(client, "ann", "/workers")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/workers")
    assert "ann@example.org, operate" in client.get("/workers").text
    assert "ann@example.org is signed in" in caplog.text
    out = sign_out(client)
    assert out.headers["Location"] == f"{issuer.url}/end?realm=house&client_id=pdfs"
    assert client.get("/all").status_code == 302


NO_END: dict[str, tuple[Faults, str]] = {
    "no such page": (Faults(metadata={"end_session_endpoint": None}), ""),
    "not encrypted": (Faults(metadata={"end_session_endpoint": "http://192.0.2.1/end"}), "(end_session_endpoint)"),
    "no address": (Faults(metadata={"end_session_endpoint": 7}), "(end_session_endpoint)"),
    "away": (Faults(status=500), "does not answer"),
}


@pytest.mark.parametrize("name", NO_END)
def test_who_stays_signed_in_at_the_issuer_is_told_so(
    client: FlaskClient, issuer: Issuer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    enter(client)
    issuer.faults, words = NO_END[name]
    out = sign_out(client)
    assert out.status_code == 200 and client.get("/all").status_code == 302
    assert f"You are signed out here, but not at {issuer.url[7:]};" in out.text
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == bool(words) and all(words in line for line in warned)


def test_who_came_by_the_password_is_signed_out_here(client: FlaskClient, issuer: Issuer) -> None:
    sign_in(client)
    assert sign_out(client).headers["Location"] == "/sign-in" and not issuer.asked


def test_a_link_of_a_mail_leads_through_the_issuer_to_the_file(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos)
    make(services, export_id)
    link = DownloadLinks(services.settings).sign(export_id).removeprefix(services.settings.base_url)
    target = parse_qs(urlsplit(client.get(link).headers["Location"]).query)["next"][0]
    assert target == link and f'value="{link}"' in client.get("/sign-in", query_string={"next": link}).text
    assert enter(client, "eve", target).headers["Location"] == link
    assert "X-Amz-Signature" in client.get(link).headers["Location"], "one who may only look downloads"


def test_two_tabs_sign_in_at_once(client: FlaskClient) -> None:
    first, second = begin(client, "/workers"), begin(client, "/all")
    assert client.get(agree(second, "ann")).headers["Location"] == "/all"
    assert client.get(agree(first, "ann")).headers["Location"] == "/workers"
    assert client.post(RETURN, data={"next": "/all"}).headers["Location"] == "/all", "already signed in"


def test_many_begun_sign_ins_do_not_fill_the_cookie(services: Services, opened: Opened) -> None:
    client, long = opened(), "/d/" + "x" * 300
    addresses = []
    for _ in range(9):
        addresses.append(begin(client, long))
    cookie = client.get_cookie("pipeline")
    assert cookie and len(cookie.value) < 3500
    for forgotten in (0, -5):
        assert client.get(agree(addresses[forgotten], "ann")).status_code == 403
    for kept in (-4, -1):
        assert client.get(agree(addresses[kept], "ann")).headers["Location"] == long


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "/sign-in/oidc?x"]
)
def test_no_one_is_sent_to_another_site(client: FlaskClient, target: str) -> None:
    assert enter(client, "ann", target).headers["Location"] == "/"


def test_another_site_cannot_begin_a_sign_in(client: FlaskClient) -> None:
    null = {"Origin": "null"}  # of a page with the policy no-referrer, as ours are
    for evil in ({"Origin": "https://evil.example"}, null | {"Sec-Fetch-Site": "cross-site"}):
        answer = client.post(RETURN, data={}, headers=evil)
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers, "it would take the place of the session"
    assert client.post(RETURN, data={}, headers=null | {"Sec-Fetch-Site": "same-origin"}).status_code == 303
    assert client.get(f"{RETURN}?code=x&state=y").status_code == 403


@pytest.mark.parametrize("claims", [{}, {"thin": True}])
def test_claims_come_from_the_token_or_from_userinfo(
    client: FlaskClient, issuer: Issuer, claims: dict[str, Any]
) -> None:
    issuer.thin = bool(claims)
    enter(client, "bob")
    assert "bob@example.org, ask" in client.get("/all").text
    assert ("/userinfo" in issuer.asked) is issuer.thin


def test_an_address_of_the_token_is_not_verified_by_another_one(client: FlaskClient, issuer: Issuer) -> None:
    """Eve wrote ann's address where the issuer does not verify it; that of userinfo is verified, and her own."""
    issuer.faults = Faults(claims={"email": None}, userinfo={"email_verified": False})
    assert "the claim email is missing, or not verified" in problem(enter(client, "bob"))
    issuer.faults = Faults(claims={"email": "ann@example.org", "email_verified": None})
    enter(client, "eve")
    assert "eve@elsewhere.org, view" in client.get("/all").text


def test_an_address_that_the_token_has_and_verifies_stays(client: FlaskClient, issuer: Issuer) -> None:
    issuer.faults = Faults(claims={"groups": None}, userinfo={"email": "ann@example.org"})
    enter(client, "bob")
    assert "bob@example.org, ask" in client.get("/all").text
    assert "/userinfo" in issuer.asked, "for the groups only"


NOW, DAY = int(time.time()), 86400
OTHER = "http://other.example"
OLD, SOON = ({"iat": NOW + day * DAY, "exp": NOW + day * DAY + 300} for day in (-1, 1))
NOT_VALID = "says about you is not valid ({})"
WRONG: dict[str, tuple[Faults, str]] = {
    "another state": (Faults(answer={"state": "guessed"}), "was not begun in this browser"),
    "no state": (Faults(answer={"state": None}), "was not begun in this browser"),
    "denied": (Faults(answer={"error": "access_denied", "code": None}), "did not sign you in"),
    "other error": (Faults(answer={"error": "login_required"}), "refuses the sign-in (login_required)"),
    "a text as an error": (Faults(answer={"error": "Call 555 now"}), "refuses the sign-in (error)"),
    "no code": (Faults(answer={"code": None}), "refuses the sign-in (code)"),
    "guessed code": (Faults(answer={"code": "guessed"}), "was used already"),
    "mixed-up issuer": (Faults(answer={"iss": OTHER}), "from another issuer"),
    "no issuer": (Faults(answer={"iss": None}), "from another issuer"),
    "wrong nonce": (Faults(claims={"nonce": "another"}), NOT_VALID.format("nonce")),
    "no nonce": (Faults(claims={"nonce": None}), NOT_VALID.format("nonce")),
    "other audience": (Faults(claims={"aud": "shop"}), NOT_VALID.format("aud")),
    "other audience for us": (Faults(claims={"aud": "shop", "azp": "pdfs"}), NOT_VALID.format("aud")),
    "several, for another": (Faults(claims={"aud": ["shop", "pdfs"], "azp": "shop"}), NOT_VALID.format("azp")),
    "no audience": (Faults(claims={"aud": None}), NOT_VALID.format("aud")),
    "token of another issuer": (Faults(claims={"iss": OTHER}), NOT_VALID.format("iss")),
    "expired": (Faults(claims=OLD), "clocks"),
    "no end": (Faults(claims={"exp": None}), "clocks"),
    "from the future": (Faults(claims=SOON), "clocks"),
    "no subject": (Faults(claims={"sub": None}), NOT_VALID.format("sub")),
    "alg none": (Faults(algorithm="none"), NOT_VALID.format("id_token")),
    "public key as secret": (Faults(algorithm="HS256"), NOT_VALID.format("id_token")),
    "forged": (Faults(forged=True), NOT_VALID.format("id_token")),
    "no ID token": (Faults(body='{"access_token": "x", "token_type": "Bearer"}'), NOT_VALID.format("id_token")),
    "no JSON": (Faults(body="<html>"), "does not answer as an issuer"),
    "unverified mail": (Faults(claims={"email_verified": False}), "the claim email is missing, or not verified"),
    "mail that may be verified": (Faults(claims={"email_verified": "true"}), "missing, or not verified"),
    "no mail": (
        Faults(claims={"email": None, "email_verified": None}, userinfo={"email": None}),
        "the claim email",
    ),
    "userinfo of another": (Faults(claims={"groups": None}, userinfo={"sub": "bob"}), NOT_VALID.format("sub")),
    "moved userinfo": (Faults(claims={"groups": None}, moved="/userinfo"), "(HTTP 307)"),
    "moved keys": (Faults(moved="/jwks"), "(HTTP 307)"),
    "moved token": (Faults(moved="/token"), "does not answer as an issuer"),
    "no groups": (Faults(claims={"groups": None}, userinfo={"groups": None}), "no entry of OIDC_ROLES fits"),
    "groups of another shape": (Faults(claims={"groups": {"admins": True}}), "Groups that 127.0.0.1"),
    "a part of a group": (Faults(claims={"groups": "administrators admins"}), "names: administrators admins."),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_with_words(client: FlaskClient, issuer: Issuer, name: str) -> None:
    issuer.faults, words = WRONG[name]
    answer = enter(client)
    assert answer.status_code in (403, 503) and words in problem(answer)
    assert client.get("/all").status_code == 302, "not signed in"
    assert 'name="next" value="/' in answer.text, "one can try again"


METADATA: dict[str, tuple[Faults, str]] = {
    "another name": (Faults(metadata={"issuer": "https://other.example"}), "(issuer)"),
    "a slash": (Faults(metadata={"issuer": "http://127.0.0.1/"}), "(issuer)"),
    "no encryption": (Faults(metadata={"token_endpoint": "http://192.0.2.1/token"}), "(token_endpoint)"),
    "a file": (Faults(metadata={"jwks_uri": "file:///etc/passwd"}), "(jwks_uri)"),
    "plain userinfo": (
        Faults(metadata={"userinfo_endpoint": "http://192.0.2.1/"}),
        "(userinfo_endpoint)",
    ),
    "no endpoint": (Faults(metadata={"authorization_endpoint": None}), "(authorization_endpoint)"),
    "not there": (Faults(status=404), "(HTTP 404)"),
    "redirects": (Faults(moved="/.well-known/openid-configuration"), "(HTTP 307)"),
    "broken": (Faults(status=500), "does not answer, so no one can be signed in"),
}


@pytest.mark.parametrize("name", METADATA)
def test_metadata_that_are_wrong_are_refused(client: FlaskClient, issuer: Issuer, name: str) -> None:
    issuer.faults, words = METADATA[name]
    answer = client.post(RETURN, data={"next": "/all"})
    assert answer.status_code == 503 and words in problem(answer)
    assert 'name="next" value="/all"' in answer.text


@pytest.mark.parametrize("name", ["userinfo_endpoint", "basic", "post"])
def test_an_issuer_may_support_less(client: FlaskClient, issuer: Issuer, name: str) -> None:
    way = {"token_endpoint_auth_methods_supported": [f"client_secret_{name}"]}
    issuer.faults = Faults(metadata={name: None} if "_" in name else way)
    enter(client, "bob")
    assert "bob@example.org, ask" in client.get("/all").text


def test_an_issuer_that_is_away_is_named_and_the_password_still_works(opened: Opened) -> None:
    port = free_port()
    client = opened(OIDC_ISSUER=f"http://127.0.0.1:{port}")
    answer = client.post(RETURN, data={})
    assert answer.status_code == 503
    assert (
        problem(answer) == f"127.0.0.1:{port} does not answer, so no one can be signed in. Try again in a minute."
    )
    assert sign_in(client).status_code == 303 and client.get("/all").status_code == 200


def test_a_code_and_an_answer_count_once(client: FlaskClient, opened: Opened) -> None:
    back = agree(begin(client), "ann")
    assert client.get(back).status_code == 303
    assert client.get(back).headers["Location"] == "/", "who is signed in is led on"
    sign_out(client)
    assert "was not begun in this browser" in problem(client.get(back))
    again = begin(client)
    state = parse_qs(urlsplit(again).query)["state"][0]
    old = parse_qs(urlsplit(back).query)
    mixed = {name: value[0] for name, value in old.items()} | {"state": state}
    assert "was used already" in problem(client.get(f"{RETURN}?{urlencode(mixed)}"))
    other = opened()
    begin(other)
    assert "was not begun in this browser" in problem(other.get(agree(begin(client), "ann"))), "another's answer"


@dataclass
class Clock:
    """The clock of sessions, which is set by hand."""

    now: float = field(default_factory=time.time)

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(sessions, "time", clock)
    return clock


def test_a_sign_in_takes_less_than_ten_minutes(client: FlaskClient, clock: Clock) -> None:
    for seconds, refused in ((599.5, False), (600.0, True)):
        back = agree(begin(client), "ann")
        clock.now += seconds
        assert ("took longer than 10 minutes" in problem(client.get(back))) is refused
        client.delete_cookie("pipeline")


def test_a_session_ends_after_twelve_hours(client: FlaskClient, clock: Clock) -> None:
    clock.now = float(int(clock.now))
    enter(client, "bob")
    for seconds, status in ((12 * 3600.0, 200), (0.5, 302)):
        clock.now += seconds
        assert client.get("/all").status_code == status


def test_a_session_ends_when_the_roles_change(opened: Opened, issuer: Issuer) -> None:
    first = opened()
    enter(first, "bob")
    cookie = first.get_cookie("pipeline")
    assert cookie

    def status(client: FlaskClient) -> int:
        client.set_cookie("pipeline", cookie.value)
        return client.get("/all").status_code

    assert status(opened()) == 200
    assert status(opened(PANEL_PASSWORD="another", OIDC_CLIENT_SECRET="renewed")) == 200
    for changes in ({"OIDC_ROLES": "ask=anyone"}, {"OIDC_CLIENT_ID": "x"}, {"SECRET_KEY": "x"}):
        assert status(opened(**changes)) == 302, changes
    assert status(opened(**dict.fromkeys(issuer.environ(), ""))) == 302, "nobody signs in any more"


def test_a_role_changes_at_the_next_sign_in(client: FlaskClient, issuer: Issuer) -> None:
    enter(client, "bob")
    issuer.people["bob"]["groups"] = ["admins"]
    assert "bob@example.org, ask" in client.get("/all").text
    sign_out(client)
    enter(client, "bob")
    assert "bob@example.org, operate" in client.get("/all").text


def test_tries_are_limited(client: FlaskClient) -> None:
    statuses = [client.post(RETURN, data={}).status_code for _ in range(23)]
    assert 429 in statuses and statuses[0] == 303, "10 in a minute of the clock, of which two may be touched"


def test_with_an_issuer_alone_there_is_no_password(opened: Opened) -> None:
    client = opened(PANEL_PASSWORD="")
    page = client.get("/sign-in").text
    assert 'type="password"' not in page and "PANEL_PASSWORD" not in page
    assert sign_in(client, password="").status_code == 403
    assert enter(client).status_code == 303 and client.get("/all").status_code == 200


def test_without_an_issuer_there_is_no_such_page(services: Services) -> None:
    client = create_app(services).test_client()
    assert client.post(RETURN, data={}).status_code == client.get(RETURN).status_code == 404
    assert "/sign-in/oidc" not in client.get("/sign-in").text


def test_words_are_korean_for_whom_asks_so(client: FlaskClient, issuer: Issuer) -> None:
    korean: Mapping[str, str] = {"Accept-Language": "ko"}
    issuer.faults = Faults(claims=OLD)
    answer = client.get(agree(begin(client), "ann"), headers=korean)
    assert "시계" in problem(answer) and "127.0.0.1" in problem(answer)
