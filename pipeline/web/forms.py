"""A form for each document, from the JSON schema of its parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from .. import documents
from ..documents import Document

NOT_FIELDS = ("listing", "title", "left_out")  # inputs of its own for the first two; the last is for programs
TYPES = {"integer": "number", "number": "number", "boolean": "checkbox", "string": "text"}


@dataclass(frozen=True)
class Field:
    """An input. `type` is number, checkbox, text, select, or json for whatever has no simpler form."""

    name: str
    label: str
    type: str
    description: str
    default: Any  # as the input shows it
    choices: tuple[Any, ...] = ()
    limits: Mapping[str, Any] | None = None  # attributes of the input, such as min and maxlength


@dataclass(frozen=True)
class Form:
    """A document with its inputs: those with a title, and more options."""

    name: str
    description: str
    record: str  # an example, empty when a record may have any fields
    title: str  # of the file, unless another is given
    title_length: int | None
    fields: tuple[Field, ...]
    more: tuple[Field, ...]


def forms() -> list[Form]:
    """A form for each registered document, by name."""
    return [form(documents.find(name)) for name in documents.names()]


def form(document: Document[Any]) -> Form:
    """The form of a document."""
    schema = msgspec.json.schema(document.params)
    properties = _resolved(schema, schema["$defs"])["properties"]
    title = properties["title"]
    shown = {name: each for name, each in properties.items() if name not in NOT_FIELDS}
    return Form(
        document.name,
        documents.description(document),
        ", ".join(f'"{name}": …' for name in documents.record_fields(document)),
        str(title.get("default", "")),
        title.get("maxLength"),
        tuple(_field(name, each, schema["$defs"]) for name, each in shown.items() if "title" in each),
        tuple(_field(name, each, schema["$defs"]) for name, each in shown.items() if "title" not in each),
    )


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference names."""
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = definitions[schema["$ref"].rpartition("/")[2]]
    return found


def _field(name: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Field:
    label = str(schema.get("title") or name.replace("_", " ").capitalize())
    choices = tuple(schema.get("enum", ()))
    kind = "select" if choices else TYPES.get(_only_type(schema, definitions), "json")
    default = schema.get("default")
    if kind == "json":
        text = json.dumps(default, ensure_ascii=False)
        default = "" if text in ("null", "[]", "{}") else text
    return Field(name, label, kind, str(schema.get("description", "")), default, choices, _limits(schema))


def _only_type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """The type of a value, empty if an input of that type cannot hold it.

    An empty input means null, which a checkbox cannot say.
    """
    options = [_resolved(each, definitions) for each in schema.get("anyOf", [schema])]
    types = [str(each.get("type", "")) for each in options if each.get("type") != "null"]
    return "" if len(types) != 1 or (types == ["boolean"] and len(options) > 1) else types[0]


def _limits(schema: Mapping[str, Any]) -> dict[str, Any]:
    """HTML attributes for the limits of a value."""
    options = [schema, *schema.get("anyOf", ())]
    names = {"minimum": "min", "maximum": "max", "maxLength": "maxlength"}
    limits = {names[key]: each[key] for each in options for key in names if key in each}
    whole = any(each.get("type") == "integer" for each in options)
    number = any(each.get("type") == "number" for each in options)
    return limits | ({"step": 1} if whole else {"step": "any"} if number else {})
