"""The panel's pages: a form for each document, exports, workers; and the links in mails."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from .. import documents
from ..documents.inputs import INPUTS, PICTURES
from ..errors import StoreDown
from ..exports.export import State
from ..exports.links import DownloadLinks
from ..exports.uploads import UPLOADS
from ..settings import Scope
from ..settings.urls import origin
from . import auth, sessions
from .api import to_file
from .errors import local_path
from .forms import forms

blueprint = Blueprint("panel", __name__)
MAX_LISTINGS = 100
LISTINGS = (".jsonl", ".csv", ".parquet")
LOOKED_AT = 3000  # objects: three requests, however many files lie below inputs/


@blueprint.get("/")
def home() -> AnyResponse:
    """Show the page on which people request a document; its files go straight to the bucket.

    One who may only look is sent to the exports.
    """
    if auth.signed_in() and not auth.caller().may_ask:
        return redirect("/all")
    pictures = " ".join(PICTURES)
    response = _page("ask.html", lambda: {"forms": forms(), "listings": _listings(), "pictures": pictures})
    policy = f"default-src 'self'; connect-src 'self' {_bucket()}; base-uri 'none'; frame-ancestors 'none'"
    response.headers["Content-Security-Policy"] = policy
    return response


@blueprint.get("/all")
def all_exports() -> AnyResponse:
    """Show all exports."""
    owners = sorted({auth.PANEL_OWNER, *(token.owner for token in auth.services().settings.api_tokens.values())})
    return _page("all.html", lambda: {"states": list(State), "documents": documents.names(), "owners": owners})


@blueprint.get("/export/<export_id>")
def one(export_id: str) -> AnyResponse:
    """Show one export."""
    return _page("export.html", lambda: {"export": auth.services().exports.load(export_id)})


@blueprint.get("/workers")
def workers() -> AnyResponse:
    """Show workers, the scaler's decisions, and schedules."""
    return _page("workers.html", dict)


@blueprint.get("/d/<token>")
@blueprint.get("/d/<token>/<int:volume>")
def follow_link(token: str, volume: int = 0) -> AnyResponse:
    """Follow the link in a mail. It works for any signed-in user, and more than once: mail scanners open links."""
    s = auth.services()
    export_id = DownloadLinks(s.settings).read(token)
    if not auth.signed_in():
        return redirect(f"/sign-in?next={request.path}")
    return to_file(s.exports.load(export_id), volume)


@blueprint.get("/o/<token>")
@blueprint.get("/o/<token>/<int:volume>")
def open_link(token: str, volume: int = 0) -> AnyResponse:
    """Follow a signed link in a mail, without an account. It ends with its days, and when the export is removed."""
    s = auth.services()
    return to_file(s.exports.load(DownloadLinks(s.settings).read(token, signed=True)), volume)


def _page(template: str, values: Callable[[], dict[str, Any]]) -> AnyResponse:
    """Return a page for people who are signed in; others are sent to sign in."""
    if not auth.signed_in():
        return redirect("/sign-in" if request.path == "/" else f"/sign-in?next={local_path(request.path)}")
    shown = {"token": sessions.form_token(), "caller": auth.need(Scope.READ)}
    return Response(render_template(template, **shown, **values()))


def _bucket() -> str:
    """Return the origin of the bucket's signed URLs, to which the page sends files."""
    with suppress(StoreDown):  # no keys: the page shows the error when files are sent
        return origin(auth.services().bucket.presign_put(INPUTS, 1, 1))
    return ""


def _listings() -> list[str]:
    """Return keys of listings to choose from. Any other key can be typed. What callers handed in is theirs."""
    keys = (entry.key for entry in islice(auth.services().bucket.entries(INPUTS), LOOKED_AT))
    found = (key for key in keys if key.endswith(LISTINGS) and not key.startswith(UPLOADS))
    try:
        return list(islice(found, MAX_LISTINGS))
    except StoreDown:
        return []  # the page shows the error when an export is requested
