"""An issuer of identities (OpenID Connect) over HTTP: complete, and wrong on purpose where a test says so.

That a provider which others wrote is understood too, a test in a browser shows (tests/browser/panel).
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import msgspec
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Flask, Response, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry
from werkzeug.serving import make_server
from werkzeug.wrappers import Response as AnyResponse

CLIENT, SECRET = "pdfs", "s3cret of 100%+"
PEOPLE: dict[str, dict[str, Any]] = {
    "ann": {"email": "Ann@example.org", "email_verified": True, "groups": ["admins", "staff"]},
    "bob": {"email": "bob@example.org", "email_verified": True, "groups": ["staff"]},
    "eve": {"email": "eve@elsewhere.org", "email_verified": True, "groups": ["guests"]},
}
TITLE = '<!doctype html><html lang="en"><title>Issuer</title><link rel="icon" href="data:,">'
WAYS = ["client_secret_basic", "client_secret_post"]
ROLES = "operate=group:admins ask=group:staff view=domain:elsewhere.org"


@dataclass
class Faults:
    """What the issuer does wrong. In mappings None leaves a member out."""

    metadata: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, str | None] = field(default_factory=dict)  # the query with which people come back
    claims: Mapping[str, Any] = field(default_factory=dict)  # of the ID token
    userinfo: Mapping[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    forged: bool = False  # the ID token is signed by another key of the same name
    status: int = 200  # of discovery
    moved: str = ""  # the path of a page that sends to another one
    body: str = ""  # of the token endpoint


class Issuer:
    """A provider with one client; the pages of a real one are a form with the names of its people."""

    def __init__(self) -> None:
        self.url = ""
        self.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
        self.people = {name: dict(claims) for name, claims in PEOPLE.items()}
        self.faults = Faults()
        self.thin = False  # the ID token has the claim sub alone; the others are at the endpoint userinfo
        self.redirect_uris: list[str] = []
        self.asked: list[str] = []  # paths
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: dict[str, str] = {}
        self.app = Flask(__name__)
        for path, view, method in (
            ("/.well-known/openid-configuration", self._discovery, "GET"),
            ("/authorize", self._ask, "GET"),
            ("/authorize", self._authorize, "POST"),
            ("/token", self._token, "POST"),
            ("/jwks", self._jwks, "GET"),
            ("/userinfo", self._userinfo, "GET"),
            ("/end", self._end, "GET"),
        ):
            self.app.add_url_rule(path, f"{method} {path}", view, methods=[method])
        self.app.before_request(self._before)

    def environ(self, roles: str = ROLES) -> dict[str, str]:
        """The variables of an app whose people sign in here."""
        return {
            "OIDC_ISSUER": self.url, "OIDC_CLIENT_ID": CLIENT, "OIDC_CLIENT_SECRET": SECRET, "OIDC_ROLES": roles,
        }  # fmt: skip

    def _before(self) -> AnyResponse | None:
        self.asked.append(request.path)
        moves = request.path == self.faults.moved and "moved" not in request.args
        return redirect(f"{request.path}?moved=1", 307) if moves else None

    def _discovery(self) -> Response:
        metadata = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/end?realm=house",
            "scopes_supported": ["openid", "email", "groups"],
            "token_endpoint_auth_methods_supported": WAYS,
            "authorization_response_iss_parameter_supported": True,
            "id_token_signing_alg_values_supported": ["RS256", "none"],
            "code_challenge_methods_supported": ["S256"],
        }
        return _json(_changed(metadata, self.faults.metadata), self.faults.status)

    def _ask(self) -> Response:
        self._check(request.args)
        names = [*self.people, "deny"]
        buttons = "".join(f'<button name="person" value="{name}">{name}</button>' for name in names)
        return Response(f'{TITLE}<form method="post">{buttons}</form>', mimetype="text/html")

    def _end(self) -> Response:
        assert request.args.to_dict() == {"realm": "house", "client_id": CLIENT}
        return Response(f"{TITLE}<p>Sign out of all apps of the house?", mimetype="text/html")

    def _check(self, asked: Mapping[str, str]) -> None:
        assert asked["client_id"] == CLIENT and asked["response_type"] == "code"
        assert asked["redirect_uri"] in self.redirect_uris
        assert asked["scope"].split() == ["openid", "email", "groups"]
        assert asked["code_challenge_method"] == "S256" and asked["code_challenge"]

    def _authorize(self) -> AnyResponse:
        asked = request.args.to_dict()
        self._check(asked)
        answer: dict[str, Any] = {"state": asked["state"], "iss": self.url}
        if request.form["person"] == "deny":
            answer["error"] = "access_denied"
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self._codes[answer["code"]] = {**asked, "sub": request.form["person"]}
        return redirect(f"{asked['redirect_uri']}?{urlencode(_changed(answer, self.faults.answer))}")

    def _token(self) -> Response:
        if self.faults.body:
            return Response(self.faults.body, mimetype="application/json")
        if self._client() != (CLIENT, SECRET):
            return _json({"error": "invalid_client", "error_description": "no such\nclient"}, 401)
        asked = self._codes.pop(request.form["code"], None)
        sent = request.form["redirect_uri"], create_s256_code_challenge(request.form["code_verifier"])
        if not asked or (asked["redirect_uri"], asked["code_challenge"]) != sent:
            return _json({"error": "invalid_grant"}, 400)
        token = secrets.token_urlsafe(16)
        self._tokens[token] = asked["sub"]
        return _json({"access_token": token, "token_type": "Bearer", "id_token": self._id_token(asked)})

    def _client(self) -> tuple[str, str]:
        """The name and the secret of the client; empty if they are sent in a way that the metadata do not list."""
        ways = self.faults.metadata.get("token_endpoint_auth_methods_supported", WAYS)
        if request.authorization and request.authorization.type == "basic":
            name, _, secret = b64decode(request.headers["Authorization"].split()[1]).decode().partition(":")
            return (name, secret) if "client_secret_basic" in ways else ("", "")
        found = request.form["client_id"], request.form["client_secret"]
        return found if "client_secret_post" in ways else ("", "")

    def _id_token(self, asked: Mapping[str, str]) -> str:
        now, sub = int(time.time()), asked["sub"]
        claims = {"iss": self.url, "sub": sub, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        about = {} if self.thin else self.people[sub]
        claims, algorithm = _changed(claims | about, self.faults.claims), self.faults.algorithm
        key = RSAKey.generate_key(2048, {"kid": "first"}) if self.faults.forged else self.key
        if algorithm != "RS256":
            return _unsafe(claims, algorithm, key.as_pem(private=False))
        header = {"alg": algorithm, "kid": "first", "tenant": "house"}  # some have parameters of their own
        return jwt.encode(header, claims, key, registry=JWSRegistry(strict_check_header=False))

    def _jwks(self) -> Response:
        later, own = {"kty": "OKP", "kid": "later", "crv": "Ed999", "x": "x"}, self.key.as_dict(private=False)
        return _json({"keys": [later, own | {"kid": "first", "use": "enc"}, own]})

    def _userinfo(self) -> Response:
        sub = self._tokens[request.headers["Authorization"].removeprefix("Bearer ")]
        return _json(_changed({"sub": sub, **self.people[sub]}, self.faults.userinfo))


@contextmanager
def serving(issuer: Issuer, port: int = 0) -> Iterator[Issuer]:
    """Serve it on a free port."""
    server = make_server("127.0.0.1", port, issuer.app, threaded=True)
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _unsafe(claims: dict[str, Any], algorithm: str, secret: bytes) -> str:
    """An ID token that is not signed, or by what anyone knows: the public key as a shared secret."""
    head = {"alg": algorithm, "kid": "first"}
    signed = b".".join(map(_base64, (msgspec.json.encode(head), msgspec.json.encode(claims))))
    signature = b"" if algorithm == "none" else hmac.digest(secret, signed, "sha256")
    return b".".join((signed, _base64(signature))).decode()


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _changed(members: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**members, **changes}.items() if value is not None}


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, mimetype="application/json")
