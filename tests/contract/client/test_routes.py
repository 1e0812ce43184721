"""The routes behind <pdf-download>, as any web framework calls them, against the real web process."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from manypages import Client, Export, ManypagesError, Refused
from manypages.routes import Answer, Routes
from werkzeug.serving import make_server

from pipeline.services import Services
from pipeline.web import create_app

from ... import steps
from ...nowhere import closed_port

JSON = {"Content-Type": "application/json"}
Call = Callable[..., tuple[int, Any]]


def orders(client: Client, **asked: str) -> Export:
    rows = [{"Order": number} for number in range(60)]
    return client.export("table", rows, params={"title": "Orders"}, volume_pages=1, **asked)


@pytest.fixture
def url(services: Services) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def told(answer: Answer) -> tuple[int, Any]:
    return answer.status, json.loads(answer.body or "null")


@pytest.fixture
def call(url: str) -> Call:
    """Calls the routes as a user named ada, and returns status and JSON."""

    def made(method: str, path: str, start: Any = orders, body: bytes = b'{"key": "k1"}') -> tuple[int, Any]:
        return told(Routes(url, "shop-token").answer(method, path, JSON, body, "ada", start))

    return made


def test_one_press_is_one_export_and_each_volume_has_a_file(url: str, call: Call, services: Services) -> None:
    status, view = call("POST", "")
    assert (status, view["subject"], view["state"]) == (202, "ada", "queued")
    assert call("POST", "/")[1]["id"] == view["id"], "with one key it is one export"
    steps.plan(services, view["id"])
    for chunk in services.exports.plan(view["id"]).chunks:
        steps.render(services, view["id"], chunk.number)
    steps.assemble(services, view["id"])
    made = services.exports.load(view["id"]).result
    assert made and len(made.volumes) == 2
    for path, file in (("file", made.files[0]), ("file/2", made.files[2])):
        answer = Routes(url, "shop-token").answer("GET", f"{view['id']}/{path}", {}, b"", "ada", orders)
        assert answer.status == 303 and file.key in unquote(answer.headers["Location"])
        assert answer.headers["Cache-Control"] == "no-store", "the address expires"
    assert call("GET", f"{view['id']}/file/3")[0] == 404
    assert call("DELETE", view["id"])[1]["state"] == "ready", "what is over stays"


def test_what_is_not_a_request_of_the_element_is_refused(call: Call) -> None:
    for method, path, status in (
        ("GET", "", 405), ("PUT", "abc", 405), ("POST", "abc/file", 405), ("GET", "abc/other", 404),
        ("GET", "../exports", 404), ("GET", "ABC", 404), ("GET", "abc/file/-1", 404), ("GET", "abc", 404),
    ):  # fmt: skip
        assert call(method, path)[0] == status, (method, path)
    for body in (b"", b"[]", b'{"key": 7}', b'{"key": ""}', b'{"key": "%s"}' % (b"k" * 201), b"[" * 100_000):
        status, problem = call("POST", "", body=body)
        assert (status, problem["field"]) == (422, "key")


def test_what_start_does_wrong_is_told_to_the_right_one(call: Call) -> None:
    def row(client: Client, **asked: Any) -> Export:
        return client.export("table", [(1, 2)], titles=("a",), **asked)

    def forgetful(client: Client, subject: str, key: str) -> Export:
        return client.export("table", [{"a": 1}])

    def limited(client: Client, **asked: str) -> Export:
        raise Refused("Two are running.", advice="Wait.", status=429)

    def broken(client: Client, **asked: str) -> Export:
        raise ZeroDivisionError

    assert call("POST", "", row)[0] == 422
    status, problem = call("POST", "", limited)
    assert (status, problem["detail"], problem["advice"]) == (429, "Two are running.", "Wait.")
    with pytest.raises(ValueError, match="pass `subject` and `key` on"):
        call("POST", "", forgetful)
    with pytest.raises(ZeroDivisionError):
        call("POST", "", broken)


def test_a_wrong_token_and_a_service_that_is_away_are_not_the_users_fault(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    status, problem = told(Routes(url, "no-token").answer("GET", "abc", {}, b"", "ada", orders))
    assert status == 500, "401 would mean that the user has to sign in"
    assert "no-token" not in caplog.text and "address or token" in caplog.text
    away = Routes(f"http://127.0.0.1:{closed_port()}", "shop-token")
    status, problem = told(away.answer("GET", "abc", {}, b"", "ada", orders))
    assert (status, problem["code"]) == (503, "Unavailable")


@pytest.mark.parametrize(("answered", "status"), [(308, 500), (499, 499), (520, 503)])
def test_an_answer_that_is_not_of_the_app_is_a_problem_too(answered: int, status: int) -> None:
    def app(_: Any, start_response: Any) -> list[bytes]:
        start_response(f"{answered} Other", [("Location", "https://internal.example.org/")])
        return []

    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    answer = Routes(f"http://127.0.0.1:{server.server_port}", "t").answer("GET", "abc", {}, b"", "ada", orders)
    thread.join()
    server.server_close()
    assert told(answer)[0] == status
    assert b"internal" not in answer.body, "where the app is, is for the log"


def test_cancelling_what_ended_meanwhile_raises_no_error_of_json(url: str, services: Services, call: Call) -> None:
    _, view = call("POST", "")
    with Client(url, "shop-token") as client:
        assert client.cancel(view["id"]).state == "cancelled"
        steps.deliver(services, view["id"])
        with pytest.raises(ManypagesError, match="was over"):
            client.cancel(view["id"])
