"""GET /health: whether this process answers."""

from __future__ import annotations

from flask import Blueprint, Response

from .answers import json_answer

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health() -> Response:
    """Show that this process answers. It says nothing about other services."""
    return json_answer({"ok": True})
