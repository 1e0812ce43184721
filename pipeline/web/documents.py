"""The documents that can be requested, each with the JSON schema of its parameters."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Blueprint, Response

from .. import documents
from ..exports.views import API
from .auth import owner
from .errors import json_answer

blueprint = Blueprint("documents", __name__, url_prefix=API)


@blueprint.get("/documents")
def listed() -> Response:
    """List the documents by name."""
    owner()
    return json_answer({"documents": [_described(name) for name in documents.names()]})


def _described(name: str) -> dict[str, Any]:
    document = documents.find(name)
    return {
        "name": name,
        "description": documents.description(document),
        "records": document.records_field,
        "params": msgspec.json.schema(document.params),
    }
