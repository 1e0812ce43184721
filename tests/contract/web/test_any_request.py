"""Whatever is sent, the answer is no error of the program.

`EXAMPLES=20000 pytest tests/contract/web/test_any_request.py` tries longer.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from pipeline.documents.photos.params import PhotosParams
from pipeline.documents.table.params import TableParams

from ...examples import examples
from .conftest import SHOP

COLUMNS = [
    {"field": "a", "total": True, "format": {"kind": "number", "decimals": 2}},
    {"field": "b", "format": {"kind": "date", "pattern": "short", "input": "%Y"}},
]
SOUND = [
    {"document": "table", "params": {"rows": [{"a": 1, "b": "x"}], "columns": COLUMNS, "words": {"total": "T"}}},
    {"document": "table", "params": {"listing": "inputs/a.csv", "group_by": [{"field": "a", "title": "A"}]}},
    {"document": "photos", "params": {"photos": [{"source": "inputs/a.jpg", "caption": "c"}], "columns": 2}},
]
NAMES = sorted(
    {*TableParams.__struct_fields__, *PhotosParams.__struct_fields__, "key", "notify", "chunk_pages", "within",
     "volume_pages", "volume_bytes", "kind", "currency", "decimals", "mark", "pattern", "input", "field", "source"}
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
paths = st.sampled_from(
    ["/v1/exports/{}", "/v1/exports/{}/download", "/v1/exports/{}/download/{}", "/d/{}", "/d/{}/{}",
     "/v1/exports?limit={}", "/v1/exports?after={}&state={}", "/exports/{}/download", "/v1/exports/{}/retry",
     "/v1/exports/{}/again", "/v1/estimate?document={}&count={}", "/new/{}", "/sign-in?next={}", "/static/{}",
     "/{}", "/v1/scaler", "/"]
)  # fmt: skip
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
def bodies(draw: st.DrawFn) -> bytes:
    """A sound body in which some values are others."""
    body: Any = {"": deepcopy(draw(st.sampled_from(SOUND)))}
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


def check(answer: TestResponse) -> None:
    assert answer.status_code < 500 or answer.status_code == 503
    assert "mistake" not in answer.text
    if answer.status_code >= 400 and answer.is_json and answer.text:  # HEAD has none
        assert set(answer.json["error"]) == {"code", "message", "advice", "field"}  # type: ignore[index]


@examples(150)
@given(body=bodies(), spoiled=st.none() | st.tuples(st.floats(0, 1), bits))
def test_any_body_is_taken_or_refused(
    client: FlaskClient, body: bytes, spoiled: tuple[float, bytes] | None
) -> None:
    if spoiled:
        at = int(spoiled[0] * len(body))
        body = body[:at] + spoiled[1] + body[at:]
    check(client.post("/v1/exports", data=body, headers=SHOP, content_type="application/json"))


@examples(100)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]),
    path=paths,
    named=st.tuples(parts, parts),
    more=headers,
)
def test_any_address_is_answered(
    client: FlaskClient, method: str, path: str, named: tuple[str, str], more: dict[str, str]
) -> None:
    check(client.open(path.format(*named), method=method, headers=SHOP | more))
