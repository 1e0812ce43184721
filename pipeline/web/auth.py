"""The services and the caller of a request, and what it may do.

People sign in and get a session cookie (sessions.py). Programs send a bearer token.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from flask import current_app, request
from werkzeug.exceptions import Forbidden

from ..errors import NotAllowed, NotSignedIn
from ..exports.export import Export
from ..services import Services
from ..settings import Scope, Token
from ..settings.urls import origin
from . import sessions
from .people import role

EXTENSION = "pipeline"
PANEL_OWNER = "panel"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Caller:
    """Who calls: the owner of its exports, and what it may do.

    `person` is the name of a person who signed in by OpenID Connect; the one who knows the password has none. The
    exports that a person asks for are of the owner `panel`, and the person is their subject.
    """

    owner: str
    scope: Scope
    person: str = ""

    @property
    def name(self) -> str:
        """The name for the log."""
        return self.person or self.owner

    @property
    def role(self) -> str:
        """The role of a person: view, ask or operate."""
        return role(self.scope)

    @property
    def may_ask(self) -> bool:
        return self.scope >= Scope.ASK

    def may_change(self, export: Export) -> bool:
        """Return whether it may cancel, remove, retry or repeat an export.

        A person may do so with its own, or with all if its role is operate.
        """
        if not self.person or self.scope is Scope.ALL:
            return self.may_ask
        return self.may_ask and (export.owner, export.subject) == (self.owner, self.person)


def services() -> Services:
    """Return the services of the running application."""
    return cast(Services, current_app.extensions[EXTENSION])


def owner() -> str:
    """Return the owner's name. Raises as `caller`."""
    return caller().owner


def name_of_caller() -> str:
    """Return who calls, for the log: a person, a token's name, or `link` for a signed link without a session."""
    try:
        return caller().name
    except NotSignedIn:
        return "link"


def need(scope: Scope) -> Caller:
    """Return the caller. Raises NotAllowed if it may not do this, and as `caller`."""
    found = caller()
    if found.scope >= scope:
        return found
    if found.person:
        raise _not_allowed(f"The role of {found.person} is {found.role}; this needs {role(scope)}.")
    raise NotAllowed(
        f"The token of {found.owner} has the scope {found.scope.name.lower()}; this needs {scope.name.lower()}."
    )


def need_change(export: Export) -> None:
    """Raise NotAllowed for a person who may not change this export."""
    if not (found := caller()).may_change(export):
        raise _not_allowed(f"Export {export.id} is not one of {found.person}, whose role is {found.role}.")


def _not_allowed(words: str) -> NotAllowed:
    return NotAllowed(words, advice="Ask the operator of this app for another role, then sign in again.")


def caller() -> Caller:
    """Return who calls: the owner of the token, or of the session.

    Raises NotSignedIn without a valid token or session, and Forbidden for a write with a session that a page of
    another site may have caused.
    """
    settings = services().settings
    if "Authorization" in request.headers:
        found = _token(settings.api_tokens)
        if found is None:
            raise _wrong_token()
        return Caller(found.owner, found.scope)
    person = sessions.find(settings)
    if person is None:
        raise NotSignedIn(
            "You are not signed in.",
            advice="Sign in on the panel, or send the header Authorization: Bearer <token>.",
        )
    if request.method not in SAFE_METHODS:
        _refuse_foreign_write()
    return Caller(PANEL_OWNER, person.scope, person.name)


def only_people() -> None:
    """Raise Forbidden for a token."""
    if "Authorization" in request.headers:
        raise Forbidden("This is for people who are signed in; programs use /v1.")


def _wrong_token() -> NotSignedIn:
    """Return the error for a header Authorization without a token, or with one that is not in API_TOKENS."""
    advice = "Send Authorization: Bearer <token>. Of shop=s3cret in API_TOKENS, the token is s3cret."
    known = "names no token that this app knows" if _offered() else "has no bearer token"
    return NotSignedIn(f"The header Authorization {known}.", advice=advice)


def signed_in() -> bool:
    """Return whether the request has a valid token or session."""
    try:
        caller()
    except NotSignedIn:
        return False
    return True


def may_read_metrics() -> bool:
    """Return whether GET /metrics is public, or the request has METRICS_TOKEN or an API token."""
    settings = services().settings
    own = {settings.metrics_token: Token("metrics")} if settings.metrics_token else {}
    tokens = {**settings.api_tokens, **own}
    return settings.metrics_public or ("Authorization" in request.headers and _token(tokens) is not None)


def comes_from_elsewhere() -> bool:
    """Return whether the Origin header names another site."""
    sent = request.headers.get("Origin")
    own = (origin(services().settings.base_url), f"http://{request.host}", f"https://{request.host}")
    return sent is not None and sent not in own


def _refuse_foreign_write() -> None:
    # A page of another site can send the cookie, but no custom header without a CORS preflight.
    if request.headers.get("X-Pipeline") != "1" or comes_from_elsewhere():
        raise Forbidden("A write with a session needs the header X-Pipeline: 1 and must come from the panel.")


def _token(tokens: Mapping[str, Token]) -> Token | None:
    """Return what the bearer token stands for. Compares with each in constant time, so timing reveals nothing."""
    offered, found = _offered(), None
    for token, each in tokens.items():
        if hmac.compare_digest(offered.encode(), token.encode()):
            found = each
    return found


def _offered() -> str:
    """Return the bearer token of the request, else an empty text."""
    # Not parsed by Werkzeug (3.1.9): it fails on "Basic ÿ" and splits a token that contains "=".
    scheme, _, rest = request.headers["Authorization"].partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else ""
