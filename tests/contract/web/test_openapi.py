"""GET /v1/openapi.json: a valid description of all operations, and answers that are as it says.

`EXAMPLES=3000 pytest tests/contract/web/test_openapi.py` tries longer.
"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import checks
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks as described

from pipeline.errors import ExportFailed
from pipeline.services import Services
from pipeline.tasks import flow
from pipeline.web.openapi import NAMED
from pipeline.web.routes import ROUTES

from ... import steps
from ...examples import examples
from .conftest import SHOP, PutPhotos, asked, make

CHECKS: list[Any] = [
    checks.not_a_server_error,
    described.status_code_conformance,
    described.content_type_conformance,
    described.response_schema_conformance,
    described.response_headers_conformance,
]


@pytest.fixture
def description(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/v1/openapi.json", headers=SHOP)
    assert answer.status_code == 200 and answer.json
    return dict(answer.json)


def test_the_description_is_valid_openapi_3_1(description: dict[str, Any]) -> None:
    assert description["openapi"] == "3.1.0"
    assert not list(OpenAPIV31SpecValidator(description).iter_errors())


def test_every_operation_is_described(client: FlaskClient, description: dict[str, Any]) -> None:
    listed = {(method.upper(), path) for path, item in description["paths"].items() for method in item}
    rules = client.application.url_map.iter_rules()
    served = {
        (method, NAMED.sub(r"{\1}", rule.rule))
        for rule in rules if rule.endpoint.startswith("api.") for method in (rule.methods or ())
    }  # fmt: skip
    assert listed == {each for each in served if each[0] not in ("HEAD", "OPTIONS")}
    operations = [each for item in description["paths"].values() for each in item.values()]
    assert all(each["summary"] and "401" in each["responses"] for each in operations)


def test_a_request_is_described_for_each_document(description: dict[str, Any]) -> None:
    kinds = description["components"]["schemas"]["ExportBody"]["oneOf"]
    assert {each["properties"]["document"]["const"] for each in kinds} >= {"photos", "table"}
    assert kinds[0]["properties"]["params"]["$ref"].startswith("#/components/schemas/")


def test_the_events_of_webhooks_are_described(description: dict[str, Any]) -> None:
    assert set(description["webhooks"]) == {f"export.{end}" for end in ("ready", "failed", "cancelled", "expired")}
    body = description["webhooks"]["export.ready"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    event = description["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    assert set(event["required"]) == {"type", "timestamp", "data"}


def test_the_description_needs_a_token(client: FlaskClient) -> None:
    assert client.get("/v1/openapi.json").status_code == 401


@pytest.fixture
def ids(client: FlaskClient, services: Services, put_photos: PutPhotos) -> dict[str, list[str]]:
    """What exists: exports in several states, inputs, documents."""
    ready, failed, queued = (asked(client, put_photos, key=str(n)) for n in range(3))
    make(services, ready)
    flow.fail(services, failed, ExportFailed("It took too long."))
    steps.deliver(services, failed)
    begun = [client.post("/v1/inputs", json={"name": "x", "bytes": n}, headers=SHOP).json for n in (None, 9)]
    return {"export_id": [ready, failed, queued], "file_id": [str(each and each["id"]) for each in begun],
            "document": ["photos", "table"]}  # fmt: skip


def test_answers_are_as_described(
    client: FlaskClient, description: dict[str, Any], ids: dict[str, list[str]], subtests: pytest.Subtests
) -> None:
    schema = schemathesis.openapi.from_dict(description)
    for route in sorted(ROUTES, key=lambda route: route.method == "DELETE"):  # what is removed cannot be shown
        operation = schema["/v1" + NAMED.sub(r"{\1}", route.path)][route.method]
        cases = st.one_of([operation.as_strategy(mode) for mode in GenerationMode])

        @examples(6)
        @given(case=cases, known=st.fixed_dictionaries({name: st.sampled_from(["", *ids[name]]) for name in ids}))
        def answer(case: Any, known: dict[str, str]) -> None:
            for name, value in known.items():
                for named in (case.path_parameters, case.query):
                    if value and name in named:
                        named[name] = value
            case.call_and_validate(headers=SHOP, app=client.application, checks=CHECKS)

        with subtests.test(operation=route.name):
            answer()
