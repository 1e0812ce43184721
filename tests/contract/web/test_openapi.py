"""GET /v1/openapi.json: a valid description of all operations, and answers that are as it says.

`MINUTES=30 pytest -s tests/contract/web/test_openapi.py` tries longer, all operations in turn, and shows figures.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ExportFailed
from pipeline.services import Services
from pipeline.tasks import flow
from pipeline.web.openapi import NAMED
from pipeline.web.routes import ROUTES

from ... import steps
from ...examples import examples
from .conftest import SHOP, PutPhotos, ask, make

MINUTES = float(os.environ.get("MINUTES", "0"))
HOOK = "https://hooks.example.org/pdf"
MORE: list[dict[str, Any]] = [{"volume_pages": 1, "webhook": HOOK}, {}, {}, {}]  # of: ready, failed, failed, queued
SIZES = (None, 9, 8)  # of the inputs; the last one is sent


@pytest.fixture
def description(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/v1/openapi.json", headers=SHOP)
    assert answer.status_code == 200 and answer.json
    return dict(answer.json)


def test_the_description_is_valid_openapi_3_1(description: dict[str, Any]) -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator  # 0.2 s: only where it is used

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


def what_exists(client: FlaskClient, services: Services, listing: str) -> dict[str, list[Any]]:
    """Makes exports in several states and inputs, and returns what a request may name."""
    asked = [ask(client, {"listing": listing, "title": os.urandom(4).hex()}, **more) for more in MORE]
    ready, failed, other, queued = ((answer.json or {})["id"] for answer in asked)
    make(services, ready)
    for each in (failed, other):
        flow.fail(services, each, ExportFailed("It took too long."))
        steps.deliver(services, each)
    begun = [client.post("/v1/inputs", json={"name": "x", "bytes": n}, headers=SHOP).json or {} for n in SIZES]
    answer = requests.put(begun[-1]["url"], data=bytes(SIZES[-1] or 0), timeout=120)
    assert answer.status_code == 200
    return {"export_id": [ready, failed, other, queued], "file_id": [each["id"] for each in begun],
            "document": ["photos", "table"], "volume": [0, 1]}  # fmt: skip


def named(ids: dict[str, list[Any]], listing: str) -> st.SearchStrategy[dict[str, Any]]:
    """Yields what is put into a request instead of what was made up: an id, a volume, the parameters of a body."""
    sound = [{"document": "photos", "params": {"listing": listing}},
             {"document": "table", "params": {"rows": [{"Item": "Tea", "Price": 9.5}]}}]  # fmt: skip
    fixed = {name: st.sampled_from([None, *values]) for name, values in ids.items()}
    return st.fixed_dictionaries(fixed | {"body": st.none() | st.sampled_from(sound)})


def with_known(case: Any, known: dict[str, Any]) -> None:
    """Puts what exists into a request that was made up."""
    for name, value in known.items():
        for place in (case.path_parameters, case.query):
            if value is not None and name in place:
                place[name] = value
    if known["body"] and isinstance(case.body, dict) and "params" in case.body:
        case.body = case.body | known["body"]


def checks() -> list[Any]:
    """What must be true of each answer."""
    from schemathesis import checks
    from schemathesis.specs.openapi import checks as described

    return [
        checks.not_a_server_error,
        described.status_code_conformance,
        described.content_type_conformance,
        described.response_schema_conformance,
        described.response_headers_conformance,
    ]


def try_out(client: FlaskClient, cases: st.SearchStrategy[Any], known: Any, statuses: Counter[int]) -> None:
    """Sends made-up requests to one operation, and checks and counts what is answered."""

    wanted = checks()

    @examples(6)
    @given(case=cases, known=known)
    def answer(case: Any, known: dict[str, Any]) -> None:
        with_known(case, known)
        found = case.call_and_validate(headers=SHOP, app=client.application, checks=wanted)
        statuses[found.status_code] += 1

    answer()


def test_answers_are_as_described(
    client: FlaskClient, services: Services, description: dict[str, Any], put_photos: PutPhotos,
    subtests: pytest.Subtests,
) -> None:  # fmt: skip
    """Each round has exports and inputs of its own, so what one operation removes does not fail the next ones."""
    import schemathesis  # 0.4 s: only where it is used
    from schemathesis.generation import GenerationMode

    schema, listing = schemathesis.openapi.from_dict(description), put_photos(1)
    routes = sorted(ROUTES, key=lambda route: route.method == "DELETE")  # what is removed cannot be shown
    cases = {}  # made once, not in each round: to read a schema takes seconds
    for route in routes:
        operation = schema["/v1" + NAMED.sub(r"{\1}", route.path)][route.method]
        cases[route.name] = st.one_of([operation.as_strategy(mode) for mode in GenerationMode])
    statuses: dict[str, Counter[int]] = {name: Counter() for name in cases}
    end = time.monotonic() + 60 * MINUTES
    while True:
        known = named(what_exists(client, services, listing), listing)
        for name in cases:
            with subtests.test(operation=name):
                try_out(client, cases[name], known, statuses[name])
        if time.monotonic() > end:
            break
    for name, found in statuses.items():
        print(f"{name:28} {found.total():7,}  {dict(sorted(found.items()))}")
    assert not MINUTES or [name for name, found in statuses.items() if min(found) >= 400] == []
