"""Errors as responses: JSON for programs, a page for people, never a stack trace."""

from __future__ import annotations

import logging
import re
from math import ceil
from typing import Any

import msgspec
from flask import Flask, Response, redirect, render_template, request
from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Response as AnyResponse

from ..errors import BodyTooLarge, NotSignedIn, PipelineError, QuotaReached
from ..logs import fields
from .answers import JSON, json_answer
from .auth import services

log = logging.getLogger(__name__)
PAGE, PROBLEM = "text/html", "application/problem+json"
LOCAL = re.compile(
    r"/((d/[\w.-]+|(v1|panel)/exports/[0-9a-z]+/download)(/[0-9]+)?|all|workers|export/[0-9a-z]+)?", re.ASCII
)
"""Paths to which sign-in may redirect. Anything else could lead to another site."""

REPORT = "It was logged; please report it."

_MESSAGES = {
    404: "There is no page at this address.",
    405: "This address does not support this method.",
}


def install(app: Flask) -> None:
    """Register the handlers, so that every error has one form."""
    app.register_error_handler(PipelineError, _expected)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(RecursionError, _too_deep)
    app.register_error_handler(Exception, _internal_error)


class Told(msgspec.Struct, frozen=True):
    """An error: `code` for programs, `message` and `advice` for people; `field` is the parameter that is wrong."""

    code: str
    message: str
    advice: str = ""
    field: str | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error by RFC 9457. `error` has the same once more, in the shape that came first.

    Without a page for each code its type is about:blank.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    message: str
    advice: str
    field: str | None
    error: Told


def retry_after(response: Response) -> Response:
    """Add Retry-After: one turn of the keeper."""
    response.headers["Retry-After"] = str(ceil(services().settings.keeper_seconds))
    return response


def local_path(path: str) -> str:
    """Return the path if sign-in may redirect to it, else the panel's."""
    return path if LOCAL.fullmatch(path) else "/"


def _expected(error: PipelineError) -> AnyResponse:
    if isinstance(error, NotSignedIn) and request.method == "GET" and _wants_page():
        return redirect(f"/sign-in?next={local_path(request.path)}")
    if error.http_status >= 500:
        log.warning("%s", error.message, extra=_asked(error.http_status))
    response = _answer(error.http_status, Told(error.code, error.message, error.advice, error.field))
    if error.http_status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, QuotaReached):
        response.headers["Retry-After"] = str(error.seconds)
    return retry_after(response) if error.http_status == 503 else response


def _refused(error: HTTPException) -> AnyResponse:
    """Answer an error of HTTP itself: unknown route, wrong method, too large, not JSON."""
    status = error.code or 500
    if status < 400:
        return error.get_response()
    told = Told(type(error).__name__, _MESSAGES.get(status, error.description or error.name), "")
    if status == 413:
        limit = f"{services().settings.max_body_bytes:,} bytes (MAX_BODY_BYTES)"
        message = f"The request is too large; it may have {limit}."
        told = Told(BodyTooLarge.__name__, message, BodyTooLarge.advice)
    response = _answer(status, told)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _too_deep(_: RecursionError) -> AnyResponse:
    """Answer JSON that is nested too deeply to be encoded again, though it could be decoded."""
    return _refused(BadRequest("The body is nested too deeply."))


def _internal_error(error: Exception) -> AnyResponse:
    name = type(error).__name__
    log.error("Internal error (%s).", name, extra=_asked(500), exc_info=error)
    message = f"Internal error ({name})."
    return _answer(500, Told("InternalError", message, REPORT))


def _asked(status: int) -> dict[str, Any]:
    """Return a request as fields of a log record: its endpoint, as its path may contain a link's token."""
    return fields(method=request.method, endpoint=request.endpoint, status=status)


def _answer(status: int, error: Told) -> Response:
    if _wants_page():
        return Response(render_template("problem.html", error=error), status, mimetype=PAGE)
    title, told = HTTP_STATUS_CODES.get(status, "Error"), msgspec.structs.asdict(error)
    response = json_answer(Problem(title=title, status=status, detail=error.message, **told, error=error), status)
    response.mimetype = PROBLEM
    return response


def _wants_page() -> bool:
    """Return whether the client prefers HTML. By default the panel answers HTML and the API JSON."""
    order = (PAGE, JSON) if request.blueprint in ("panel", "sign_in") else (JSON, PAGE)
    return request.accept_mimetypes.best_match(order, default=order[0]) == PAGE
