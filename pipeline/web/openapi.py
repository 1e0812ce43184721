"""The description of the HTTP API by OpenAPI 3.1, from the table of routes and the types of their bodies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

import msgspec

from .. import documents
from ..exports.events import TYPES, Event
from ..exports.ids import ID
from ..exports.views import API
from .answers import JSON
from .errors import PROBLEM, Problem
from .route import Route

REFERENCE = "#/components/schemas/{name}"
NAMED = re.compile(r"<(?:int:)?(\w+)>")
BODY, QUERY, PATH, ALL = (400, 413, 415, 422), (422,), (404,), (401, 403, 503)
"""Statuses of errors that follow from what an operation has; `ALL`: of every operation."""
IN_PATH: Mapping[str, Mapping[str, Any]] = {
    "export_id": {"type": "string", "pattern": ID},
    "file_id": {"type": "string", "pattern": ID},
    "volume": {"type": "integer", "minimum": 0},
}
HEADERS: Mapping[int, tuple[str, str]] = {
    201: ("Location", "the address of what was made"),
    202: ("Location", "the address of the export"),
    302: ("Location", "a URL in the bucket, which expires soon"),
    429: ("Retry-After", "seconds until another try"),
    503: ("Retry-After", "seconds until another try"),
}

SIGNED = (
    ("id", "the same at each attempt"),
    ("timestamp", "when this attempt was made, in seconds since 1970"),
    ("signature", "`v1,` and base 64 of HMAC-SHA256; several, with spaces, while SECRET_KEY is changed"),
)
"""Headers of a webhook, after `webhook-`."""


def describe(routes: Sequence[Route], base_url: str) -> dict[str, Any]:
    """Return the description of these routes, for the documents that are registered."""
    kinds = list(dict.fromkeys([Problem, Event, *(kind for route in routes for kind in _kinds(route)), *_params()]))
    found, components = msgspec.json.schema_components(kinds, ref_template=REFERENCE)
    schemas = dict(zip(kinds, found, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = paths.setdefault(API + NAMED.sub(r"{\1}", route.path), {})
        path[route.method.lower()] = _operation(route, schemas, components)
    for query in {route.query.__name__ for route in routes if route.query}:
        del components[query]
    for body in ("ExportBody", "PreviewBody"):
        components[body] = {"oneOf": [_variant(components[body], name, schemas) for name in documents.names()]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "pipeline", "version": "1", "summary": "Very large PDFs, made by small workers."},
        "servers": [{"url": base_url}],
        "paths": paths,
        "webhooks": {name: {"post": _webhook(name, schemas[Event])} for name in TYPES},
        "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _kinds(route: Route) -> Iterable[type]:
    """Yield the types of a route's bodies and of its query."""
    return (kind for kind in (*route.answers.values(), route.body, route.query) if kind is not None)


def _params() -> Iterable[type]:
    return (documents.find(name).params for name in documents.names())


def _variant(asked: Mapping[str, Any], name: str, schemas: Mapping[type, Any]) -> dict[str, Any]:
    """Return the schema of a request for one document."""
    properties = asked["properties"]
    own = {
        "document": {**properties["document"], "const": name},
        "params": schemas[documents.find(name).params],
    }
    return {**asked, "title": f"{asked['title']} of {name}", "properties": {**properties, **own}}


def _operation(route: Route, schemas: Mapping[type, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    summary, _, more = cleandoc(route.do.__doc__ or "").partition("\n\n")
    refusals = {*ALL, *route.refusals}
    named = NAMED.findall(route.path)
    parameters = [{"name": each, "in": "path", "required": True, "schema": IN_PATH[each]} for each in named]
    refusals |= set(PATH if parameters else ())
    if route.query:
        refusals |= set(QUERY)
        parameters += _in_query(components[route.query.__name__])
    made: dict[str, Any] = {"operationId": route.name, "summary": summary, "parameters": parameters}
    made["security"] = [{"token": [route.scope.name.lower()]}]
    if more:
        made["description"] = more
    if route.body:
        refusals |= set(BODY)
        made["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas[route.body]}}}
    answers = {status: _answer(status, schemas.get(kind), JSON) for status, kind in route.answers.items()}  # type: ignore[arg-type]  # None has no schema
    answers |= {status: _answer(status, schemas[Problem], PROBLEM) for status in refusals}
    made["responses"] = {str(status): answers[status] for status in sorted(answers)}
    return made


def _webhook(name: str, schema: Any) -> dict[str, Any]:
    """Return the description of an event, which is sent to the receiver that a request names."""
    parameters = [
        {
            "name": f"webhook-{each}",
            "in": "header",
            "required": True,
            "schema": {"type": "string"},
            "description": words,
        }
        for each, words in SIGNED
    ]
    return {
        "operationId": f"webhook_{name.partition('.')[2]}",
        "summary": f"An export is {name.partition('.')[2]}. Signed after the Standard Webhooks specification.",
        "security": [],
        "parameters": parameters,
        "requestBody": {"required": True, "content": {JSON: {"schema": schema}}},
        "responses": {"2XX": {"description": "Taken. After any other answer it is sent again, for 24 hours."}},
    }


def _in_query(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters of a query, from the schema of its type. One that is left out is not null."""
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null(each)}
        for name, each in schema["properties"].items()
    ]


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    kept = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    plain = {key: value for key, value in schema.items() if key not in ("anyOf", "default") or value}
    return plain if not kept else {**{k: v for k, v in plain.items() if k != "anyOf"}, **kept[0]}


def _answer(status: int, schema: Any, content: str) -> dict[str, Any]:
    made: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if schema is not None:
        made["content"] = {content: {"schema": schema}}
    if header := HEADERS.get(status):
        made["headers"] = {header[0]: {"description": header[1], "schema": {"type": "string"}}}
    return made
