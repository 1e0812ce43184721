"""The services and the owner of a request.

People sign in with the panel's password and get a session cookie. Programs send a bearer token.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

from flask import current_app, request, session
from werkzeug.exceptions import Forbidden

from ..errors import NotAllowed, NotSignedIn, RedisDown
from ..services import Services
from ..settings import Scope, Settings, Token

EXTENSION = "pipeline"
PANEL_OWNER = "panel"
FORM_TOKEN = "form"  # noqa: S105  # a key in the session
SIGN_INS_PER_MINUTE = 10
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def services() -> Services:
    """Return the services of the running application."""
    return cast(Services, current_app.extensions[EXTENSION])


def owner() -> str:
    """Return the owner's name. Raises as `caller`."""
    return caller().owner


def name_of_caller() -> str:
    """Return who calls, for the log: the owner's name, or `link` for a signed link without a session."""
    try:
        return owner()
    except NotSignedIn:
        return "link"


def need(scope: Scope) -> None:
    """Raise NotAllowed if the caller may not do this, and as `caller`."""
    if (found := caller()).scope < scope:
        words = (
            f"The token of {found.owner} has the scope {found.scope.name.lower()}; this needs {scope.name.lower()}."
        )
        raise NotAllowed(words)


def caller() -> Token:
    """Return who calls: the owner of the token, or of the session.

    Raises NotSignedIn without a valid token or session, and Forbidden for a write with a session that a page of
    another site may have caused.
    """
    settings = services().settings
    if "Authorization" in request.headers:
        found = _token(settings.api_tokens)
        if found is None:
            raise _wrong_token()
        return found
    if not _has_session(settings):
        raise NotSignedIn(
            "You are not signed in.",
            advice="Sign in on the panel, or send the header Authorization: Bearer <token>.",
        )
    if request.method not in SAFE_METHODS:
        _refuse_foreign_write()
    return Token(PANEL_OWNER)


def person() -> str:
    """Return the owner's name of a person who is signed in. Raises Forbidden for a token, and as `owner` does."""
    if "Authorization" in request.headers:
        raise Forbidden("This is for people who are signed in; programs use /v1.")
    return owner()


def _wrong_token() -> NotSignedIn:
    """Return the error for a header Authorization without a token, or with one that is not in API_TOKENS."""
    advice = "Send Authorization: Bearer <token>. Of shop=s3cret in API_TOKENS, the token is s3cret."
    known = "names no token that this app knows" if _offered() else "has no bearer token"
    return NotSignedIn(f"The header Authorization {known}.", advice=advice)


def signed_in() -> bool:
    """Return whether the request has a valid token or session."""
    try:
        owner()
    except NotSignedIn:
        return False
    return True


def may_read_metrics() -> bool:
    """Return whether GET /metrics is public, or the request has METRICS_TOKEN or an API token."""
    settings = services().settings
    own = {settings.metrics_token: Token("metrics")} if settings.metrics_token else {}
    tokens = {**settings.api_tokens, **own}
    return settings.metrics_public or ("Authorization" in request.headers and _token(tokens) is not None)


def sign_in(password: str) -> bool:
    """Start a session if this is the panel's password. Returns whether it is."""
    settings = services().settings
    if settings.panel_password is None or not _same(password, settings.panel_password):
        return False
    session.clear()
    session.permanent = True
    session["proof"] = _proofs(settings, settings.panel_password)[0]
    session[FORM_TOKEN] = secrets.token_urlsafe()
    return True


def form_token() -> str:
    """Return the CSRF token of the panel's forms."""
    return str(session.get(FORM_TOKEN, ""))


def sign_out(token: str) -> None:
    """End the session, if there is one. Raises Forbidden without the CSRF token."""
    if FORM_TOKEN not in session:
        return  # another site's request has no session cookie; clearing would remove the user's
    if not _same(token, form_token()):
        raise Forbidden("Sign out on the panel.")
    session.clear()


def may_try_sign_in() -> bool:
    """Count a sign-in attempt. Returns False over 10 per minute and address; True while Redis is down."""
    try:
        return services().redis.counters.allow(f"sign-in:{request.remote_addr}", SIGN_INS_PER_MINUTE)
    except RedisDown:
        return True


def comes_from_elsewhere() -> bool:
    """Return whether the Origin header names another site."""
    origin = request.headers.get("Origin")
    base = urlsplit(services().settings.base_url)
    own = (f"{base.scheme}://{base.netloc}", f"http://{request.host}", f"https://{request.host}")
    return origin is not None and origin not in own


def _refuse_foreign_write() -> None:
    # A page of another site can send the cookie, but no custom header without a CORS preflight.
    if request.headers.get("X-Pipeline") != "1" or comes_from_elsewhere():
        raise Forbidden("A write with a session needs the header X-Pipeline: 1 and must come from the panel.")


def _token(tokens: Mapping[str, Token]) -> Token | None:
    """Return what the bearer token stands for. Compares with each in constant time, so timing reveals nothing."""
    offered, found = _offered(), None
    for token, each in tokens.items():
        if _same(offered, token):
            found = each
    return found


def _offered() -> str:
    """Return the bearer token of the request, else an empty text."""
    # Not parsed by Werkzeug (3.1.9): it fails on "Basic ÿ" and splits a token that contains "=".
    scheme, _, rest = request.headers["Authorization"].partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else ""


def _has_session(settings: Settings) -> bool:
    password, proof = settings.panel_password, session.get("proof")
    if password is None or proof is None:
        return False
    return any(_same(proof, valid) for valid in _proofs(settings, password))


def _proofs(settings: Settings, password: str) -> list[str]:
    """Return a session's possible proofs of the password. A changed password ends every session."""
    return [hmac.new(key.encode(), password.encode(), hashlib.sha256).hexdigest() for key in settings.secret_keys]


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
