"""A form for each document, from the JSON schema of its parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import documents
from ..documents import Document
from ..exports import uploads

NOT_FIELDS = ("listing", "title", "left_out")  # inputs of its own for the first two; the last is for programs
TYPES = {"integer": "number", "number": "number", "boolean": "checkbox", "string": "text"}
LABELS = {"listing": "File", "title": "Title", "left_out": "Left out"}  # of what is no field of the form
AS_USUAL, YES_OR_NO = "As usual", {True: "Yes", False: "No"}
DEEPEST = 2  # records inside records have no inputs of their own; a schema may name itself

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """An input. `type` is number, checkbox, text, select, lines (texts), record or records (with inputs of their
    own, `fields`), or json for whatever has no simpler form."""

    name: str
    label: str
    type: str
    description: str
    default: Any  # as the input shows it
    choices: tuple[tuple[Any, str], ...] = ()  # values, each with its words
    limits: Mapping[str, Any] | None = None  # attributes of the input, such as min and maxlength
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Form:
    """A document with its inputs: those that are often needed, and more options."""

    name: str
    label: str
    description: str
    record: tuple[str, ...]  # the fields of a record; empty when it may have any
    title: str  # of the file, unless another is given
    title_length: int | None
    fields: tuple[Field, ...]
    more: tuple[Field, ...]


def forms() -> list[Form]:
    """A form for each registered document, by name."""
    return [form(documents.find(name)) for name in documents.names()]


def form(document: Document[Any]) -> Form:
    """The form of a document."""
    schema = documents.schema(document)
    properties = _resolved(schema, schema["$defs"])["properties"]
    title = properties["title"]
    shown = {name: each for name, each in properties.items() if name not in (*NOT_FIELDS, document.records_field)}
    often = [name for name, each in shown.items() if "title" in each and "x-rarely" not in each]
    return Form(
        document.name,
        _words(document.name),
        documents.description(document),
        documents.record_fields(document),
        str(title.get("default", "")),
        title.get("maxLength"),
        tuple(_field(name, shown[name], schema["$defs"]) for name in often),
        tuple(_field(name, each, schema["$defs"]) for name, each in shown.items() if name not in often),
    )


def params_in_words(document: str, params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The parameters of an export with the labels of its form, each with its value in words."""
    found = form(documents.find(document)) if document in documents.names() else None
    fields = {field.name: field for field in (*found.fields, *found.more)} if found else {}
    return [_in_words(name, value, fields.get(name)) for name, value in params.items()]


def _in_words(name: str, value: Any, field: Field | None) -> tuple[str, str]:
    label = field.label if field else LABELS.get(name) or _words(name)
    if isinstance(value, bool):
        return label, YES_OR_NO[value]
    if not isinstance(value, str | int):
        return label, json.dumps(value, ensure_ascii=False)
    said = dict(field.choices).get(value) if field else None
    return label, said or uploads.shown(str(value))


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """The schema that a reference names."""
    if "$ref" not in schema:
        return schema
    found: Schema = definitions[schema["$ref"].rpartition("/")[2]]
    return found


def _field(name: str, schema: Schema, definitions: Schema, depth: int = 0) -> Field:
    values = _choices(schema)
    words = schema.get("x-choices") or (YES_OR_NO if values == (True, False) else {})
    choices = tuple((value, str(words.get(value, value))) for value in _in_order(values, words))
    if choices and "default" in schema and schema["default"] is None:
        choices = ((None, AS_USUAL), *choices)
    kind, inner = ("select", None) if choices else _kind(schema, definitions)
    default = schema.get("default")
    if kind in ("record", "records") and (default or depth == DEEPEST):
        kind, inner = "json", None
    if kind in ("json", "record", "records"):
        text = json.dumps(default, ensure_ascii=False)
        default = "" if text in ("null", "[]", "{}") else text
    elif kind == "lines":
        default = "\n".join(default or ())
    label = str(schema.get("title") or _words(name))
    hint = str(schema.get("x-hint") or schema.get("description", ""))
    return Field(
        name,
        label,
        kind,
        "" if hint.lower() == label.lower() else hint,
        default,
        choices,
        _limits(schema),
        tuple(_field(name, each, definitions, depth + 1) for name, each in inner["properties"].items())
        if inner
        else (),
    )


def _choices(schema: Schema) -> tuple[Any, ...]:
    """The values from which one is chosen; also true and false, where null is a third."""
    options = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    if len(options) != 1:
        return ()
    if options[0].get("type") == "boolean" and len(schema.get("anyOf", ())) > 1:
        return (True, False)
    return tuple(options[0].get("enum", ()))


def _in_order(values: Any, words: Mapping[Any, str]) -> list[Any]:
    """The choices in the order in which their words were given; schemas sort them."""
    return [*(value for value in words if value in values), *(value for value in values if value not in words)]


def _kind(schema: Schema, definitions: Schema) -> tuple[str, Schema | None]:
    """The type of input for a value, and the schema of a record if it consists of records.

    An empty input means null.
    """
    options = [_resolved(each, definitions) for each in schema.get("anyOf", [schema])]
    others = [each for each in options if each.get("type") != "null"]
    if len(others) != 1:
        return "json", None
    (only,) = others
    if only.get("type") == "array" and isinstance(only.get("items"), Mapping):
        item = _resolved(only["items"], definitions)
        if item.get("type") == "string":
            return "lines", None
        return ("records", item) if item.get("properties") else ("json", None)
    if only.get("properties"):
        return "record", only
    return TYPES.get(str(only.get("type")), "json"), None


def _limits(schema: Schema) -> dict[str, Any]:
    """HTML attributes for the limits of a value."""
    options = [schema, *schema.get("anyOf", ())]
    names = {"minimum": "min", "maximum": "max", "maxLength": "maxlength"}
    limits = {names[key]: each[key] for each in options for key in names if key in each}
    whole = any(each.get("type") == "integer" for each in options)
    number = any(each.get("type") == "number" for each in options)
    return limits | ({"step": 1} if whole else {"step": "any"} if number else {})
