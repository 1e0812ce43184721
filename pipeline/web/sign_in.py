"""Signing in and out: by the password, or at an issuer of identities (OpenID Connect)."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app, redirect, render_template, request
from werkzeug.exceptions import Forbidden, NotFound, RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from ..errors import RedisDown, SignInFailed
from ..logs import fields
from ..settings import Settings
from . import sessions
from .auth import comes_from_elsewhere, services, signed_in
from .errors import local_path
from .people import Person, identify, role
from .sessions import BY_PASSWORD, Pending
from .words import translated

if TYPE_CHECKING:
    from ..adapters.oidc import Issuer

log = logging.getLogger(__name__)
blueprint = Blueprint("sign_in", __name__)
EXTENSION = "issuer"
RETURN = "/sign-in/oidc"  # where the issuer sends people back to
MAX_FORM = 8192  # bytes
PER_MINUTE = 10  # tries for an address
NO_PASSWORD = "Sign-in is not configured. Set PANEL_PASSWORD for the web process."  # noqa: S105  # a message
WRONG_PASSWORD = "The password is wrong."  # noqa: S105  # a message
TOO_MANY = "Too many attempts. Wait a minute."
NOT_BEGUN = "This sign-in was not begun in this browser, or took longer than 10 minutes. Sign in again."
STILL_THERE = "You are signed out here, but not at {host}; sign out there too if others use this browser."
TEXTS = (NO_PASSWORD, WRONG_PASSWORD, TOO_MANY, NOT_BEGUN, STILL_THERE)


def open_issuer(settings: Settings) -> Issuer | None:
    """Return the issuer that the settings name. Its libraries take 14 MB, so they are imported only for one."""
    if settings.oidc is None:
        return None
    from ..adapters.oidc import Issuer

    return Issuer(settings.oidc, settings.base_url + RETURN)


@blueprint.before_request
def refuse_large_forms() -> None:
    """Refuse a form that gunicorn did not read before it gave a thread, see connections.py."""
    if request.method == "POST" and (
        "Transfer-Encoding" in request.headers or (request.content_length or 0) > MAX_FORM
    ):
        raise RequestEntityTooLarge


@blueprint.get("/sign-in")
def ask_how() -> AnyResponse:
    target = local_path(request.args.get("next", ""))
    return redirect(target) if signed_in() else _page(target)


@blueprint.post("/sign-in")
def by_password() -> AnyResponse:
    """Start a session if the password is right. Ten attempts per minute and address."""
    target, password = local_path(request.form.get("next", "")), services().settings.panel_password
    _refuse_other_sites()
    if not _may_try("sign-in"):
        return _too_many(target)
    if password is None:
        return _page(target, NO_PASSWORD, 403)
    if not sessions.same(request.form.get("password", ""), password):
        return _page(target, WRONG_PASSWORD, 401)
    return _begin(BY_PASSWORD, target)


@blueprint.post(RETURN)
def begin_at_issuer() -> AnyResponse:
    """Send the person to the issuer. What comes back is compared with what the session notes."""
    issuer, target = _issuer(), local_path(request.form.get("next", ""))
    _refuse_other_sites()
    if sessions.find(services().settings):
        return redirect(target, 303)
    if not _may_try("sign-in"):
        return _too_many(target)
    try:
        begun = issuer.begin()
    except SignInFailed as error:
        return _failed(error, target)
    sessions.note_begun(Pending(begun.state, begun.nonce, begun.verifier, target, time.time()))
    return redirect(begun.url, 303)


@blueprint.get(RETURN)
def return_from_issuer() -> AnyResponse:
    """Start a session for a person whom the issuer knows, with the role that its claims give."""
    issuer, pending = _issuer(), sessions.take_begun(request.args.get("state", ""))
    if pending is None:
        return redirect("/") if sessions.find(services().settings) else _page("/", NOT_BEGUN, 403)
    if not _may_try("return"):
        return _too_many(pending.target)
    try:
        claims = issuer.finish(request.args, pending.nonce, pending.verifier)
        person = identify(claims, issuer.oidc)
    except SignInFailed as error:
        return _failed(error, pending.target)
    return _begin(person, pending.target)


@blueprint.post("/sign-out")
def sign_out() -> AnyResponse:
    """End the session here; then lead the person to the issuer's page for it, or say that it goes on there."""
    issuer, person = current_app.extensions[EXTENSION], sessions.find(services().settings)
    sessions.end(request.form.get("token", ""))
    if issuer is None or person is None or not person.name:
        return redirect("/sign-in", 303)
    try:
        there = issuer.sign_out()
    except SignInFailed as error:
        log.warning("sign-out: %s %s", error.message, error.advice)
        there = None
    return redirect(there, 303) if there else _page("/", note=translated(STILL_THERE, host=issuer.oidc.host))


def _begin(person: Person, target: str) -> AnyResponse:
    sessions.begin(services().settings, person)
    by = person.name or "password"
    log.info("%s is signed in", by, extra=fields(by=by, role=role(person.scope), address=request.remote_addr))
    return redirect(target, 303)


def _issuer() -> Issuer:
    issuer: Issuer | None = current_app.extensions[EXTENSION]
    if issuer is None:
        raise NotFound
    return issuer


def _refuse_other_sites() -> None:
    # With the policy no-referrer, browsers send "null" as the origin of a form, of our page as of any other. One of
    # another site comes without the session cookie, and the answer would take its place.
    sent = request.headers
    by_our_page = sent.get("Origin") == "null" and sent.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    if comes_from_elsewhere() and not by_our_page:
        raise Forbidden("Sign in on the panel.")


def _may_try(what: str) -> bool:
    """Count a try. Returns False over 10 per minute and address; True while Redis is down."""
    try:
        return services().redis.counters.allow(f"{what}:{request.remote_addr}", PER_MINUTE)
    except RedisDown:
        return True


def _too_many(target: str) -> Response:
    response = _page(target, TOO_MANY, 429)
    response.headers["Retry-After"] = "60"
    return response


def _failed(error: SignInFailed, target: str) -> Response:
    log.warning("sign-in: %s %s", error.message, error.advice, extra=fields(address=request.remote_addr))
    return _page(target, translated(error.text, **error.values), error.http_status)


def _page(target: str, problem: str = "", status: int = 200, note: str = "") -> Response:
    settings = services().settings
    password, host = settings.panel_password is not None, settings.oidc.host if settings.oidc else ""
    problem = problem if password or host else NO_PASSWORD
    page = render_template("sign_in.html", target=target, problem=problem, note=note, password=password, host=host)
    return Response(page, status)
