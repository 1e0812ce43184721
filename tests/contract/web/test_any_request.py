"""Whatever is sent, the answer is no error of the program.

`EXAMPLES=20000 pytest tests/contract/web/test_any_request.py` tries longer.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any
from unittest import mock

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from pipeline.documents.photos.params import PhotosParams
from pipeline.documents.table.params import TableParams
from pipeline.exports.views import API
from pipeline.web import previews
from pipeline.web.routes import ROUTES

from ...examples import examples
from .conftest import SHOP

COLUMNS = [
    {"field": "a", "total": True, "format": {"kind": "number", "decimals": 2}},
    {"field": "b", "format": {"kind": "date", "pattern": "short", "input": "%Y"}},
]
TABLE = {"document": "table", "params": {"rows": [{"a": 1, "b": "x"}], "columns": COLUMNS, "words": {"total": "T"}}}
LISTED = {"document": "table", "params": {"listing": "inputs/a.csv", "group_by": [{"field": "a", "title": "A"}]}}
PHOTOS = {"document": "photos", "params": {"photos": [{"source": "inputs/a.jpg", "caption": "c"}], "columns": 2}}
SOUND: dict[str, list[dict[str, Any]]] = {
    "/exports": [TABLE, LISTED, PHOTOS],
    "/previews": [TABLE, LISTED, PHOTOS],
    "/inputs": [
        {"name": "a.csv", "bytes": 5},
        {"name": "a.csv", "bytes": 99_000_000},
        {"name": "é", "beside": "{}"},
    ],
    "/inputs/<file_id>/parts": [{"parts": [{"number": 1, "bytes": 8 * 2**20}, {"number": 2, "bytes": 1}]}],
}
"""A few bodies that are taken, of each operation that has one. {} is the id of an input."""
NAMES = sorted(
    {*TableParams.__struct_fields__, *PhotosParams.__struct_fields__, "key", "notify", "chunk_pages", "within",
     "volume_pages", "volume_bytes", "kind", "currency", "decimals", "mark", "pattern", "input", "field", "source",
     "name", "bytes", "beside", "parts", "number"}
)  # fmt: skip
texts = st.sampled_from(
    ["", "\0", "é\u0301", "😀", "x" * 5000, "inputs/../x", "https://[::1", "https://a@b:9999999/x", "de", "xx_YY",
     "%", "%Q", "%y%y", "'", "QQQQ", "d. MMM y", "punycode", "undefined", "a@b.de", "2026-01-31", '"', "\r"]
)  # fmt: skip
numbers = st.sampled_from([0, -1, 1, 2**63, -(2**63) - 1, 10**400, 0.5, -0.0, 1e308, 5e-324])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | texts, inner, max_size=3),
    max_leaves=8,
)
bits = st.sampled_from(
    [b'"', b"{", b"[" * 2000, b"\xff", b"1e999999", b"1e-" + b"9" * 25, b"\\ud800", b"9" * 5000, b"NaN"]
)
queries = st.sampled_from(
    ["", "?limit={}", "?after={}&state={}", "?document={}&count={}", "?next={}", "?query={}&{}={}", "?{}"]
)
parts = st.sampled_from(
    [
        "x",
        "%00",
        "..",
        "%2e%2e%2f",
        "a" * 3000,
        "é",
        "%ff",
        "0" * 26,
        "1",
        "-1",
        "9" * 20,
        "%0d%0aX:y",
        "a%2Fb",
        "[",
        "*",
    ]
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "Authorization": st.sampled_from(["Bearer \xff", "Bearer", "Basic é", "Bearer " + "x" * 9999]),
        "Accept": st.sampled_from(["text/html", "application/json", "a/b;q=x", ";;"]),
        "If-None-Match": st.sampled_from(['"x"', "*", "\xff"]),
        "Idempotency-Key": st.sampled_from(["", "é", "x" * 500]),
        "Range": st.sampled_from(["bytes=0-", "x"]),
    },
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to each value within a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


@st.composite
def bodies(draw: st.DrawFn, path: str) -> bytes:
    """A sound body in which some values are others."""
    body: Any = {"": deepcopy(draw(st.sampled_from(SOUND[path])))}
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(places(body)[1:]))
        holder = body
        for step in way:
            holder = holder[step]
        if isinstance(holder[last], dict) and draw(st.booleans()):
            holder[last][draw(st.sampled_from(NAMES))] = draw(values)
        else:
            holder[last] = draw(values)
    return json.dumps(body[""]).encode()


@pytest.fixture
def input_id(client: FlaskClient) -> str:
    """An input that is sent in parts."""
    answer = client.post("/v1/inputs", json={"name": "b.csv", "bytes": 99_000_000}, headers=SHOP)
    return str(answer.json["id"])  # type: ignore[index]


def check(answer: TestResponse) -> None:
    assert answer.status_code < 500 or answer.status_code == 503
    assert "Internal error" not in answer.text, "also in the answer of a process beside this one"
    if answer.status_code >= 400 and answer.is_json and answer.text:  # HEAD has none
        assert set(answer.json["error"]) == {"code", "message", "advice", "field"}  # type: ignore[index]


def test_each_operation_with_a_body_is_tried() -> None:
    assert {route.path for route in ROUTES if route.body} == set(SOUND)


@pytest.mark.parametrize("path", SOUND)
@examples(100)
@given(data=st.data(), spoiled=st.none() | st.tuples(st.floats(0, 1), bits))
def test_any_body_is_taken_or_refused(
    client: FlaskClient, input_id: str, path: str, data: st.DataObject, spoiled: tuple[float, bytes] | None
) -> None:
    body = data.draw(bodies(path)).replace(b"{}", input_id.encode())
    if spoiled:
        at = int(spoiled[0] * len(body))
        body = body[:at] + spoiled[1] + body[at:]
    with mock.patch.object(previews, "PER_MINUTE", 10**6):
        to = API + path.replace("<file_id>", input_id)
        check(client.post(to, data=body, headers=SHOP, content_type="application/json"))


@examples(300)
@given(
    data=st.data(),
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]),
    query=queries,
    named=st.lists(parts, min_size=6, max_size=6),
    real=st.booleans(),
    more=headers,
)
def test_any_address_is_answered(
    client: FlaskClient, input_id: str, data: st.DataObject, method: str, query: str, named: list[str], real: bool,
    more: dict[str, str],
) -> None:  # fmt: skip
    """Of each route, with its own method or another one, and of none."""
    rules = sorted(rule.rule for rule in client.application.url_map.iter_rules())
    path = data.draw(st.sampled_from([*rules, "/<x>", "/v1/<x>/<x>"]))
    if real:
        path = path.replace("<file_id>", input_id)
    to = re.sub(r"<[^>]*>", "{}", path) + query
    check(client.open(to.format(*named), method=method, headers=SHOP | more))
