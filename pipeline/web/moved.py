"""Addresses that the API had before it had a version."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from ..exports.views import API

blueprint = Blueprint("moved", __name__)
BEFORE = "/<any(documents, estimate, exports, inputs, scaler, schedules):first>"


@blueprint.route(BEFORE, methods=["GET", "POST", "DELETE"])
@blueprint.route(f"{BEFORE}/<path:rest>", methods=["GET", "POST", "DELETE"])
def moved(first: str, rest: str = "") -> AnyResponse:
    """Redirect to the same address below /v1: 308, so that method and body stay."""
    query = request.query_string.decode("latin-1")
    address = quote("/".join((API, first, rest)).rstrip("/"))
    return redirect(address + (f"?{query}" if query else ""), 308)
