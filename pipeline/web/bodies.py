"""The bodies of requests: JSON of a known form."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, TypeVar

import msgspec
from flask import request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from ..documents.inputs.json_array import name_twice, why_refused
from ..documents.params import invalid

T = TypeVar("T", bound=msgspec.Struct)


def body_as(kind: type[T], defaults: Mapping[str, Any] | None = None) -> T:
    """Return the body of the request. Raises BadRequest if it is not JSON, InvalidRequest with the wrong field.

    `defaults` are for fields that the body leaves out.
    """
    if not request.is_json:
        raise UnsupportedMediaType("Send JSON, with the header Content-Type: application/json.")
    data = _data()
    try:
        sent, twice = _exact.decode(data), name_twice(data)
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8. JSON is always sent in UTF-8.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"The body {why_refused(error, data, 'JSON')}.") from None
    if twice is not None:
        raise BadRequest(f"The body has the name {twice!r} twice in one object. One of the values would be lost.")
    if not isinstance(sent, dict):
        needed = [field.name for field in msgspec.structs.fields(kind) if field.required]
        raise BadRequest(f"The body must be a JSON object with {' and '.join(needed)}.")
    try:
        return msgspec.convert({**(defaults or {}), **sent}, kind)
    except msgspec.ValidationError as error:
        raise invalid(error, kind) from None


def query_as(kind: type[T]) -> T:
    """Return the query of the request. Raises InvalidRequest with the wrong parameter; unknown ones are ignored."""
    try:
        return msgspec.convert(request.args.to_dict(), kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error, kind) from None


def _data() -> bytes:
    """Return the bytes of the body. Raises RequestEntityTooLarge over the limit, also without Content-Length."""
    data = request.get_data()
    streamed = request.content_length is None and "wsgi.input_terminated" in request.environ
    if streamed and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge  # Werkzeug silently stops at the limit (3.1.9)
    return data


def _number(text: str) -> Decimal | str:
    """Return a number with all its digits. One that no parameter can have becomes the text of a cell."""
    try:
        return Decimal(text) if isfinite(float(text)) else text
    except InvalidOperation:  # its exponent has more digits than Decimal takes
        return text


_exact = msgspec.json.Decoder(float_hook=_number)
