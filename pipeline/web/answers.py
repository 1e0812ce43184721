"""Answers in JSON."""

from __future__ import annotations

import hashlib

import msgspec
from flask import Response, request

JSON = "application/json"


def json_answer(body: object, status: int = 200) -> Response:
    """Return a JSON response of anything msgspec can encode."""
    return Response(msgspec.json.encode(body), status, mimetype=JSON)


def conditional_answer(body: object) -> Response:
    """Return JSON with an ETag, or 304 without a body if the client has it already."""
    response = json_answer(body)
    with_etag(response, hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.make_conditional(request)
    return response


def with_etag(response: Response, etag: str) -> Response:
    """Let the client keep a response, and ask each time whether it has changed."""
    response.headers["Cache-Control"] = "private, no-cache"
    response.set_etag(etag)
    return response
