"""GET /v1/documents: what can be requested, with schemas; POST /v1/exports refuses what does not fit them."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from .conftest import SHOP, error


def listed(client: FlaskClient) -> dict[str, dict[str, Any]]:
    answer = client.get("/v1/documents", headers=SHOP)
    assert answer.status_code == 200 and answer.json
    return {each["name"]: each for each in answer.json["documents"]}


def test_each_document_has_a_schema_of_its_parameters(client: FlaskClient) -> None:
    found = listed(client)
    assert list(found) == sorted(found) and {"photos", "table"} <= set(found)
    table = found["table"]
    assert table["records"] == "rows" and table["description"].startswith("Rows as a ruled table")
    jsonschema.Draft202012Validator.check_schema(table["params"])
    validator = jsonschema.Draft202012Validator(table["params"])
    assert validator.is_valid({"rows": [{"a": 1}], "columns": [{"field": "a", "total": True}]})
    assert not validator.is_valid({"font_size": 1})
    assert client.get("/v1/documents").status_code == 401


@pytest.mark.parametrize(
    ("document", "params", "field"),
    [
        ("photos", {"photos": [{"source": "inputs/1.jpg"}, {"caption": "no source"}]}, "photos[1]"),
        ("photos", {"photos": [{"source": "inputs/1.jpg", "caption": 3}]}, "photos[0].caption"),
        ("photos", {"photos": [{"source": "inputs/1.jpg", "frame": 0}]}, "photos[0].frame"),
        ("table", {"rows": [{"a": 1}, 2]}, "rows[1]"),
        ("table", {"rows": [{"a": 1}], "columns": [{"field": "fit"}]}, "columns"),
        ("table", {"rows": [{"a": 1}], "group_by": [{"field": "region"}]}, "group_by"),
        ("table", {"rows": [{"a": 1}, {"a": 1, "b": 2}]}, "rows[1]"),
        ("table", {"rows": [{}]}, "rows[0]"),
    ],
)  # fmt: skip
def test_rows_inside_a_request_are_checked_before_it_is_accepted(
    client: FlaskClient, document: str, params: dict[str, Any], field: str
) -> None:
    refused = client.post("/v1/exports", json={"document": document, "params": params}, headers=SHOP)
    assert (refused.status_code, error(refused)["field"]) == (422, field)
    assert client.get("/v1/exports", headers=SHOP).json == {"exports": [], "next": None}
