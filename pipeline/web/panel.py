"""The page with the Download button, signing in, and the links in mails."""

from __future__ import annotations

from itertools import islice

import msgspec
from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as AnyResponse

from .. import documents
from ..documents.inputs.bucket import INPUTS
from ..errors import StoreDown
from ..exports.links import Links
from . import auth
from .api import to_file
from .errors import local_path

blueprint = Blueprint("panel", __name__)
LISTINGS_MOST = 100
LOOKED_AT = 3000  # objects: three requests, however many photos lie below inputs/
NO_PASSWORD = "Signing in is not set up: set PANEL_PASSWORD for the web process."  # noqa: S105  # a message


@blueprint.get("/")
def home() -> AnyResponse:
    """The page, for whoever is signed in."""
    if not auth.signed_in():
        return redirect("/sign-in")
    schema = msgspec.json.schema(documents.find("photos").params)
    fields = next(iter(schema["$defs"].values()))["properties"]
    return Response(render_template("panel.html", fields=fields, listings=_listings(), token=auth.form_token()))


@blueprint.get("/sign-in")
def ask_password() -> AnyResponse:
    target = local_path(request.args.get("next", ""))
    return redirect(target) if auth.signed_in() else _sign_in_page(target)


@blueprint.post("/sign-in")
def sign_in() -> AnyResponse:
    """A session for the right password; ten tries a minute for each address."""
    target = local_path(request.form.get("next", ""))
    # Under no-referrer browsers send the origin of a plain form as "null".
    if auth.comes_from_elsewhere() and request.headers["Origin"] != "null":
        raise Forbidden("Sign in on our own page.")
    if not auth.may_try_sign_in():
        response = _sign_in_page(target, "Too many tries. Wait a minute.", 429)
        response.headers["Retry-After"] = "60"
        return response
    if not auth.sign_in(request.form.get("password", "")):
        return _sign_in_page(target, "That is not the password.", 401)
    return redirect(target, 303)


@blueprint.post("/sign-out")
def sign_out() -> AnyResponse:
    auth.sign_out(request.form.get("token", ""))
    return redirect("/sign-in", 303)


@blueprint.get("/d/<token>")
@blueprint.get("/d/<token>/<int:volume>")
def follow_link(token: str, volume: int = 0) -> AnyResponse:
    """The link in a mail. It is the owner's grant: it works for everybody who is signed in, any number of
    times, since mail scanners open every link."""
    s = auth.services()
    export_id = Links(s.settings).read(token)
    if not auth.signed_in():
        return redirect(f"/sign-in?next={request.path}")
    return to_file(s.exports.load(export_id), volume)


def _sign_in_page(target: str, problem: str = "", status: int = 200) -> Response:
    configured = auth.services().settings.panel_password is not None
    if not configured:
        problem, status = NO_PASSWORD, 403 if request.method == "POST" else 200
    page = render_template("sign_in.html", target=target, problem=problem, configured=configured)
    return Response(page, status)


def _listings() -> list[str]:
    """Keys of listings to choose from; any other can be typed."""
    entries = islice(auth.services().bucket.entries(INPUTS), LOOKED_AT)
    try:
        return list(islice((entry.key for entry in entries if entry.key.endswith(".jsonl")), LISTINGS_MOST))
    except StoreDown:
        return []  # the page says what is wrong when something is asked for
