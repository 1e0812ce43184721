"""Addresses outside the API: whether this process answers, and where the API was before it had a version."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from ..exports.views import API
from .errors import json_answer

blueprint = Blueprint("moved", __name__)
BEFORE = "/<any(documents, estimate, exports, inputs, scaler, schedules):first>"


@blueprint.get("/health")
def health() -> Response:
    """Show that this process answers. It says nothing about other services."""
    return json_answer({"ok": True})


@blueprint.route(BEFORE, methods=["GET", "POST", "DELETE"])
@blueprint.route(f"{BEFORE}/<path:rest>", methods=["GET", "POST", "DELETE"])
def moved(first: str, rest: str = "") -> AnyResponse:
    """Redirect to the same address below /v1: 308, so that method and body stay."""
    query = request.query_string.decode("latin-1")
    address = quote("/".join((API, first, rest)).rstrip("/"))
    return redirect(address + (f"?{query}" if query else ""), 308)
