"""The documents that can be requested, each with the JSON schema of its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from flask import Response

from .. import documents
from .answers import json_answer


class Described(msgspec.Struct, frozen=True):
    """A document: `records` is the parameter for records inside a request, `params` the schema of all."""

    name: str
    description: str
    records: str
    params: Mapping[str, Any]


class Documents(msgspec.Struct, frozen=True):
    """What can be requested."""

    documents: Sequence[Described]


def listed() -> Response:
    """List the documents by name, each with the JSON schema of its parameters."""
    return json_answer(Documents([_described(name) for name in documents.names()]))


def _described(name: str) -> Described:
    document = documents.find(name)
    schema = documents.schema(document)
    return Described(name, documents.description(document), document.records_field, schema)
