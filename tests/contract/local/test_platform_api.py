"""The local Platform API: keys, refusals, and the shape of replies."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from jsonschema import Draft4Validator

from local import platform_api
from local.dynos import Dynos, Fault

from ...waiting import until
from .schemas import ERROR, SCHEMAS
from .stage import ACCEPT, LONG, SECONDS, Stage, call, hurry, wait_until_up

PUBLISHED = Path(__file__).parents[4] / "shared/facts/heroku-schema.json"


def test_a_wrong_key_is_refused(stage: Stage) -> None:
    dynos = stage.dynos()
    assert call(dynos, "GET", "/apps/demo", key="guess").status_code == 401
    assert call(dynos, "GET", "/nowhere", key="guess").json()["id"] == "unauthorized"
    assert requests.get(dynos.url + "/apps/demo", headers={"Accept": ACCEPT}, timeout=SECONDS).status_code == 401


def test_basic_and_bearer_keys_are_accepted(stage: Stage) -> None:
    dynos = stage.dynos()
    basic = base64.b64encode(f":{dynos.key}".encode()).decode()
    for header in (f"Basic {basic}", f"Bearer {dynos.key}"):
        headers = {"Accept": ACCEPT, "Authorization": header}
        assert requests.get(dynos.url + "/apps/demo", headers=headers, timeout=SECONDS).status_code == 200


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/vnd.heroku+json; version=2"])
def test_a_call_without_a_known_version_is_refused(stage: Stage, accept: str) -> None:
    reply = call(stage.dynos(), "GET", "/apps/demo", accept=accept)
    assert (reply.status_code, reply.json()["id"]) == (406, "not_acceptable")


def test_unknown_resources_are_not_found(stage: Stage) -> None:
    dynos = stage.dynos()
    for path in ("/apps/other", "/apps/demo/formation/web", "/apps/demo/dynos/worker.1", "/nowhere"):
        reply = call(dynos, "GET", path)
        assert (reply.status_code, reply.json()["id"]) == (404, "not_found"), path
    assert call(dynos, "PATCH", "/apps/demo/formation/web", {"quantity": 1}).status_code == 404
    with pytest.raises(requests.HTTPError, match="404"):
        stage.heroku(dynos).app("other")


def test_a_quantity_above_the_limit_changes_nothing(stage: Stage) -> None:
    dynos = stage.dynos(limit=2)
    reply = call(dynos, "PATCH", "/apps/demo/formation/worker", {"quantity": 3})
    assert reply.status_code == 422
    assert (reply.json()["id"], reply.json()["limit"]) == ("cannot_run_above_limit", 2)
    assert reply.json()["url"].startswith("https://devcenter.heroku.com/")
    assert dynos.history == []
    with pytest.raises(requests.HTTPError, match="cannot_run_above_limit"):
        stage.heroku(dynos).app("demo").scale_formation_process("worker", 3)


@pytest.mark.parametrize("quantity", [-1, "-1", 1.5, True, None, "", "two", "1e3", [1], 10**12])
def test_a_quantity_that_is_no_number_is_refused(stage: Stage, quantity: object) -> None:
    dynos = stage.dynos()
    reply = call(dynos, "PATCH", "/apps/demo/formation/worker", {"quantity": quantity})
    assert (reply.status_code, reply.json()["id"]) == (422, "invalid_params")
    assert dynos.history == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/formation/worker", {}, 422),
        ("/formation/worker", {"quantity": 1, "size": "Huge-1X"}, 422),
        ("/formation/worker", {"quantity": 1, "size": None}, 422),
        ("/formation/worker", {"quantity": 1, "colour": "blue"}, 422),
        ("/formation/worker", [1], 400),
        ("/formation", {"updates": {}}, 422),
        ("/formation", {"updates": ["worker"]}, 422),
        ("/formation", {"updates": [{"type": "worker"}]}, 422),
        ("/formation", {"updates": [{"type": "worker", "quantity": 1}, {"type": "web", "quantity": 1}]}, 404),
    ],
)
def test_a_body_of_another_shape_changes_nothing(stage: Stage, path: str, body: object, status: int) -> None:
    dynos = stage.dynos()
    assert call(dynos, "PATCH", f"/apps/demo{path}", body).status_code == status
    assert dynos.history == []


def test_relative_quantities_of_the_cli_are_understood(stage: Stage) -> None:
    dynos = stage.dynos(boot_seconds=LONG)
    for quantity, result in (("3", 3), ("+1", 4), ("-2", 2), (1, 1)):
        body = {"updates": [{"type": "worker", "quantity": quantity}]}
        assert call(dynos, "PATCH", "/apps/demo/formation", body).json()[0]["quantity"] == result


def test_a_dyno_has_the_memory_of_its_size(stage: Stage) -> None:
    dynos = stage.dynos()
    call(dynos, "PATCH", "/apps/demo/formation/worker", {"quantity": 2})
    until(lambda: len(stage.heard("began")) == 4)
    body = {"quantity": 1, "dyno_size": {"name": "standard-2x"}}
    row = call(dynos, "PATCH", "/apps/demo/formation/worker", body).json()
    assert (row["quantity"], row["size"]) == (1, "Standard-2X")
    until(lambda: len(stage.heard("began")) == 6)
    assert [line.split()[-1] for line in stage.log.read_text().splitlines() if "began" in line][4:] == ["1024"] * 2


def test_config_vars_reach_dynos_by_a_release_that_restarts_them(stage: Stage) -> None:
    dynos = stage.dynos("echo $COLOUR >> colours; exec sleep 600", config_vars={"COLOUR": "red", "SHAPE": "round"})
    dynos.scale({"worker": 1})
    colours = stage.folder / "colours"
    until(lambda: colours.exists() and colours.read_text() == "red\n")
    changed = call(dynos, "PATCH", "/apps/demo/config-vars", {"COLOUR": "blue", "SHAPE": None})
    assert changed.json() == call(dynos, "GET", "/apps/demo/config-vars").json() == {"COLOUR": "blue"}
    until(lambda: colours.read_text() == "red\nblue\n")
    assert call(dynos, "GET", "/apps/demo/releases/1/config-vars").json() == {"COLOUR": "red", "SHAPE": "round"}
    assert call(dynos, "GET", "/apps/demo/dynos/worker.1").json()["release"]["version"] == 2
    assert call(dynos, "PATCH", "/apps/demo/config-vars", {"COLOUR": 1}).status_code == 422


def test_lists_come_in_pages(stage: Stage) -> None:
    dynos = stage.dynos()
    for number in range(4):
        call(dynos, "PATCH", "/apps/demo/config-vars", {"N": str(number)})
    whole = _ranged(dynos, "")
    assert (whole.status_code, len(whole.json())) == (200, 5)
    asked, versions = "version ..; order=desc, max=2", []
    while asked:
        reply = _ranged(dynos, asked)
        versions.append([release["version"] for release in reply.json()])
        asked = reply.headers.get("Next-Range", "")
        assert reply.status_code == (206 if asked else 200)
    assert versions == [[5, 4], [3, 2], [1]]
    assert _ranged(dynos, "version 2..3").headers["Content-Range"] == "version 2..3"
    for wrong in ("colour ..", "version", "version ..; max=0", "version ..; max=1001"):
        assert _ranged(dynos, wrong).status_code == 416


def _ranged(dynos: Dynos, asked: str) -> requests.Response:
    headers = {"Accept": ACCEPT, "Authorization": f"Bearer {dynos.key}"} | ({"Range": asked} if asked else {})
    return requests.get(dynos.url + "/apps/demo/releases", headers=headers, timeout=SECONDS)


def test_an_answer_that_is_known_is_not_sent_again(stage: Stage) -> None:
    dynos = stage.dynos()
    tag = call(dynos, "GET", "/apps/demo").headers["ETag"]
    headers = {"Accept": ACCEPT, "Authorization": f"Bearer {dynos.key}", "If-None-Match": tag}
    assert requests.get(dynos.url + "/apps/demo", headers=headers, timeout=SECONDS).status_code == 304


def test_an_app_and_a_type_are_found_by_id(stage: Stage) -> None:
    dynos = stage.dynos()
    (row,) = call(dynos, "GET", "/apps/demo/formation").json()
    found = call(dynos, "GET", f"/apps/{row['app']['id']}/formation/{row['id']}").json()
    assert found == row


def test_replies_count_the_calls_left_until_they_run_out(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(platform_api, "time", SimpleNamespace(monotonic=lambda: now[0]))
    dynos = stage.dynos(tokens=2)
    for _ in range(3):
        assert call(dynos, "GET", "/account/rate-limits").json() == {"remaining": 2}
    first = call(dynos, "GET", "/apps/demo")
    assert first.headers["RateLimit-Remaining"] == "1"
    assert re.fullmatch("[0-9a-f-]{36}", first.headers["Request-Id"])
    replies = [call(dynos, "GET", "/apps/demo") for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 429, 429]
    assert replies[-1].json()["id"] == "rate_limit"
    calls = [(call.method, call.path, call.status) for call in dynos.requests]
    assert calls[3] == ("GET", "/apps/demo", 200)
    assert len(calls) == 7
    now[0] += 1.0
    assert call(dynos, "GET", "/apps/demo").status_code == 200, "there are 75 more each minute"


@pytest.fixture
def replies(stage: Stage) -> list[tuple[str, Any]]:
    """(kind, JSON) of each kind of reply, with a dyno that is up and one that is being stopped."""
    dynos = stage.deaf()
    patched = call(dynos, "PATCH", "/apps/demo/formation/worker", {"quantity": 2}).json()
    until(lambda: len(stage.heard("began")) == 4)
    wait_until_up(dynos, 2)
    body = {"updates": [{"type": "worker", "quantity": 1}]}
    batch = call(dynos, "PATCH", "/apps/demo/formation", body).json()
    listed = call(dynos, "GET", "/apps/demo/dynos").json()
    assert sorted(dyno["state"] for dyno in listed) == ["down", "up"]
    found = [("app", call(dynos, "GET", "/apps/demo").json()), ("formation", patched)]
    found += [("formation", row) for row in [*batch, *call(dynos, "GET", "/apps/demo/formation").json()]]
    found += [("formation", call(dynos, "GET", "/apps/demo/formation/worker").json())]
    found += [("dyno", dyno) for dyno in listed]
    found += [("dyno", call(dynos, "GET", "/apps/demo/dynos/worker.1").json())]
    found += [("dyno", call(dynos, "POST", "/apps/demo/dynos", {"command": "sleep 60", "size": "basic"}).json())]
    found += [("dyno-size", size) for size in call(dynos, "GET", "/apps/demo/available-dyno-sizes").json()]
    hurry(dynos)
    return found + _about_the_app(dynos)


def _about_the_app(dynos: Dynos) -> list[tuple[str, Any]]:
    call(dynos, "PATCH", "/apps/demo/config-vars", {"COLOUR": "blue"})
    found = [("account", call(dynos, "GET", "/account").json())]
    found += [("app", app) for app in call(dynos, "GET", "/users/~/apps").json()]
    found += [("collaborator", each) for each in call(dynos, "GET", "/apps/demo/collaborators").json()]
    found += [("release", release) for release in call(dynos, "GET", "/apps/demo/releases").json()]
    found += [("release", call(dynos, "GET", "/apps/demo/releases/2").json())]
    return [*found, ("log-session", call(dynos, "POST", "/apps/demo/log-sessions", {}).json())]


def test_replies_have_exactly_the_documented_properties(replies: list[tuple[str, Any]]) -> None:
    for kind, reply in replies:
        Draft4Validator(SCHEMAS[kind]).validate(reply)


def test_replies_fit_the_published_schema(replies: list[tuple[str, Any]]) -> None:
    if not PUBLISHED.exists():
        pytest.skip(f"NOT TESTED: the published schema. It is not part of this project; put it at {PUBLISHED}.")
    definitions = json.loads(PUBLISHED.read_text())["definitions"]
    # The published file names a definition that it does not have; the right one has a hyphen.
    definitions["dyno_size"] = definitions["dyno-size"]
    for kind, reply in replies:
        schema = {"definitions": definitions, "$ref": f"#/definitions/{kind}"}
        Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER).validate(reply)
        assert set(reply) == set(definitions[kind]["properties"])  # "strictProperties": true


def test_a_restart_answers_as_the_published_schema_says(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.scale({"worker": 1})
    reply = call(dynos, "DELETE", "/apps/demo/dynos/worker.1")
    assert (reply.status_code, reply.json()) == (202, {})
    if PUBLISHED.exists():
        (link,) = (
            link for link in json.loads(PUBLISHED.read_text())["definitions"]["dyno"]["links"]
            if link["title"] == "Restart"
        )  # fmt: skip
        assert link["method"] == "DELETE"
        Draft4Validator(link["targetSchema"]).validate(reply.json())
    assert call(dynos, "DELETE", "/apps/demo/dynos/worker.9").status_code == 404


def test_errors_have_an_id_and_a_message(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.faults.append(Fault(500))
    refused = [
        call(dynos, "GET", "/apps/demo"),
        call(dynos, "GET", "/apps/other"),
        call(dynos, "GET", "/apps/demo", key="guess"),
        call(dynos, "POST", "/apps/demo"),
        call(dynos, "PATCH", "/apps/demo/formation/worker", {"quantity": "two"}),
    ]
    assert [reply.status_code for reply in refused] == [500, 404, 401, 405, 422]
    for reply in refused:
        Draft4Validator(ERROR).validate(reply.json())
