"""The client of Heroku on a failing platform: every failure is HerokuDown, with a message, and soon."""

from __future__ import annotations

import dataclasses
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.dynos import Dynos, Fault
from pipeline.errors import HerokuDown, TooManyCalls
from pipeline.scaler import heroku
from pipeline.scaler.heroku import Heroku, silence
from pipeline.settings import Settings

from ...nowhere import closed_port
from .pools import LONG, Clock, Make, above, resized, settings_for


@pytest.mark.parametrize("limit", [-1, "2", None, 1.5, [2], True])
def test_a_limit_that_is_no_number_is_an_error(dynos: Dynos, formation: Make, limit: object) -> None:
    workers = formation()
    dynos.faults.extend([Fault(), above("run", limit)])
    with pytest.raises(HerokuDown, match=r"the quantity is not possible\. Cannot run more dynos"):
        resized(workers, 2)


def test_after_a_429_no_call_is_made_for_the_time_named(
    dynos: Dynos, formation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, workers = Clock(), formation()
    monkeypatch.setattr(heroku, "time", clock)
    dynos.faults.append(Fault(429, headers={"Retry-After": "1.2"}))
    with pytest.raises(TooManyCalls, match="too many calls"):
        resized(workers, 2)
    calls = len(dynos.requests)
    for _ in range(3):
        with pytest.raises(TooManyCalls, match=r"No call is made for \d s"):
            resized(workers, 2)
    assert len(dynos.requests) == calls == workers.status().calls
    assert workers.status().silent_seconds == pytest.approx(1.2)
    clock.now += 1.25
    assert workers.status().silent_seconds == 0
    assert resized(workers, 2) == 2


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, 60), ("", 60), ("soon", 60), ("7", 7), ("0", 1), ("-5", 1), ("3600", 900), ("nan", 60), ("inf", 900),
        ("1353003153", 60), ("1353003093", 1), ("99999999999", 900), ("1 Jan 99999999999 00:00", 60),
        ("Thu, 15 Nov 2012 18:12:33 GMT", 60),
    ],
)  # fmt: skip
def test_the_pause_after_a_429_has_bounds(said: str | None, seconds: float) -> None:
    assert silence(said, now=1353003093.0) == seconds


# misbehaviour

SOON = 100.0  # seconds, in which an error comes on the busiest machine; without a limit it takes longer
HURRIED = {"HEROKU_TIMEOUT": "1"}

FAULTS = {
    "401": (Fault(401), "the key is not valid"),
    "403": (Fault(403), "the key may not do this"),
    "404": (Fault(404), "there is no such app or process type"),
    "409": (Fault(409), "the app is being changed"),
    "418": (Fault(418), "it answered 418"),
    "422": (Fault(422), "the quantity is not possible"),
    "422 without sense": (Fault(422, body="<html>"), "the quantity is not possible"),
    "422 as a list": (Fault(422, body="[1]"), "the quantity is not possible"),
    "302": (Fault(302, {"Location": "/apps/demo/formation/worker"}, body=""), r"redirects \(302\)"),
    "303": (Fault(303, {"Location": "/apps/demo/formation/worker"}, body=""), r"redirects \(303\)"),
    "500": (Fault(500), "it answered 500"),
    "503": (Fault(503, headers={"Retry-After": "60"}), "it answered 503"),
    "silence": (Fault(hang=LONG), "gave no usable answer"),
    "a reset": (Fault(reset=True), "gave no usable answer"),
    "no JSON": (Fault(200, body="<html>Down for maintenance</html>"), "gave no usable answer"),
    "half of it": (Fault(200, body='{"quantity": 2, "type": "wor'), "gave no usable answer"),
    "not UTF-8": (Fault(200, body="\x00\x80"), "gave no usable answer"),
    "nothing": (Fault(200, body=""), "gave no usable answer"),
    "204": (Fault(204, body=""), "gave no usable answer"),
    "null": (Fault(200, body="null"), "gave no usable answer"),
    "a number": (Fault(200, body="7"), "gave no usable answer"),
    "a list of nulls": (Fault(200, body="[null]"), "gave no usable answer"),
    "another object": (Fault(200, body='{"quantity":"many"}'), "gave no usable answer"),
    "a truth": (Fault(200, body='{"quantity":true}'), "gave no usable answer"),
    "less than none": (Fault(200, body='{"quantity":-1}'), "gave no usable answer"),
}


@pytest.mark.parametrize(
    ("fault", "moment"),
    [
        *((fault, "while it resizes") for fault in FAULTS),
        *(
            (fault, "while it counts")
            for fault in ("401", "302", "silence", "no JSON", "a list of nulls", "another object")
        ),
    ],
)
def test_a_failing_platform_is_reported_and_recovers(
    dynos: Dynos, formation: Make, fault: str, moment: str
) -> None:
    misbehaviour, words = FAULTS[fault]
    workers = formation(pauses=(0.01, 0.02), **(HURRIED if misbehaviour.hang else {}))
    if moment == "while it resizes":
        workers.quantity()
    calls = len(dynos.requests)
    dynos.faults.append(dataclasses.replace(misbehaviour, sticky=True))
    began = time.monotonic()
    with pytest.raises(HerokuDown, match=words) as down:
        resized(workers, 2)
    assert time.monotonic() - began < SOON
    assert down.value.advice
    assert dynos.key not in str(down.value)
    assert len(dynos.requests) - calls <= 3
    dynos.faults.clear()
    assert resized(workers, 2) == 2
    assert dynos.row("worker").quantity == 2


@pytest.mark.parametrize("status", [401, 402, 403, 409, 422])
def test_what_heroku_says_is_passed_on(dynos: Dynos, formation: Make, status: int) -> None:
    said = json.dumps({"id": "refused", "message": "Verify\n your\taccount at heroku.com/verify. " + "x" * 999})
    dynos.faults.append(Fault(status, body=said))
    with pytest.raises(HerokuDown, match=r"\. Verify your account at heroku\.com/verify\. x+") as down:
        formation().quantity()
    assert len(down.value.message) < 400


def test_a_refusal_is_told_until_the_key_is_accepted(dynos: Dynos, formation: Make) -> None:
    workers = formation()
    dynos.faults.append(Fault(403))
    with pytest.raises(HerokuDown):
        workers.quantity()
    assert "the key may not do this" in (workers.status().refused or "")
    workers.quantity()
    assert workers.status().refused is None


def test_no_proxy_of_the_environment_stands_between(
    dynos: Dynos, formation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert formation().quantity() == dynos.row("worker").quantity


def test_a_redirect_is_not_taken_for_success(dynos: Dynos, formation: Make) -> None:
    workers = formation(pauses=())
    workers.quantity()
    dynos.faults.append(Fault(303, {"Location": "/apps/demo/formation/worker"}, body=""))
    with pytest.raises(HerokuDown, match="HEROKU_API_URL"):
        resized(workers, 2)
    assert [call.method for call in dynos.requests[1:]] == ["PATCH"]
    assert resized(workers, 2) == dynos.row("worker").quantity == 2


def test_a_long_list_is_read_to_its_end(dynos: Dynos) -> None:
    client = Heroku(settings_for(dynos), pauses=())
    dynos.limit = 1000
    dynos.scale({"worker": 401})
    before = client.calls
    names = [dyno.name for dyno in client.dynos()]
    assert sorted(names) == sorted(f"worker.{number}" for number in range(1, 402))
    assert client.calls - before == 3
    dynos.faults.append(Fault(200, {"Next-Range": "id ]x..; max=200"}, body="[]"))
    assert client.dynos() == []
    assert client.calls - before == 4, "only 206 says that there is more"
    dynos.faults.append(Fault(206, {"Next-Range": "id ]x..; max=200"}, body="[]", sticky=True))
    with pytest.raises(HerokuDown, match="does not end"):
        client.dynos()


@pytest.mark.parametrize(
    ("fault", "asked"),
    [
        (Fault(302, {"Location": "/apps/demo/formation/worker"}, body=""), 1),
        (Fault(403), 0),
        (Fault(409), 0),
        (Fault(429, {"Retry-After": "1"}), 0),
        (Fault(503), 1),
        (Fault(lost=True), 1),
    ],
    ids=["302", "403", "409", "429", "503", "reset, but obeyed"],
)
def test_the_quantity_is_read_again_if_it_may_have_changed(
    dynos: Dynos, formation: Make, fault: Fault, asked: int
) -> None:
    workers = formation(pauses=())
    workers.quantity()
    dynos.faults.append(fault)
    with pytest.raises(HerokuDown):
        resized(workers, 2)
    time.sleep(workers.status().silent_seconds)
    before = len(dynos.requests)
    assert resized(workers, 2) == 2
    assert [call.method for call in dynos.requests[before:]].count("GET") == asked


def test_a_refused_retry_says_nothing_of_the_first_try(dynos: Dynos, formation: Make) -> None:
    """Else unknown workers would run for a minute."""
    workers = formation(pauses=(0.01,))
    workers.quantity()
    dynos.faults.extend([Fault(lost=True), Fault(409)])
    with pytest.raises(HerokuDown, match="being changed"):
        resized(workers, 2)
    assert dynos.row("worker").quantity == 2
    assert resized(workers, 0) == 0
    assert dynos.row("worker").quantity == 0


@pytest.mark.parametrize(
    "fault",
    [Fault(502, body="<html>Bad gateway</html>"), Fault(hang=LONG), Fault(reset=True)],
    ids=["502", "hang", "reset"],
)
def test_a_passing_failure_is_retried_at_once(dynos: Dynos, formation: Make, fault: Fault) -> None:
    workers = formation(**(HURRIED if fault.hang else {}))
    workers.quantity()
    dynos.faults.append(fault)
    assert resized(workers, 1) == 1
    dynos.faults.append(fault)
    assert workers.quantity() == 1


def test_an_unreachable_platform_is_reported(formation: Make) -> None:
    workers = formation(HEROKU_API_URL=f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(HerokuDown, match="gave no usable answer: ConnectionError"):
        workers.quantity()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("head", "piece", "pause", "timeout"),
    [
        (HEAD + b"Content-Length: 100000\r\n\r\n", b"[", 0.1, 0.5),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n[\r\n", 0.1, 0.5),
        (HEAD + b"\r\n", b" " * 65536, 0.0, LONG),  # its bytes are too many
    ],
    ids=["drop by drop", "chunk by chunk", "without end"],
)
def test_an_endless_answer_is_given_up(head: bytes, piece: bytes, pause: float, timeout: float) -> None:
    with dripping(head, piece, pause) as url:
        given = {"HEROKU_API_URL": url, "HEROKU_API_KEY": "key", "HEROKU_APP_NAME": "demo"}
        given["HEROKU_TIMEOUT"] = str(timeout)
        began = time.monotonic()
        with pytest.raises(HerokuDown, match="gave no usable answer"):
            Heroku(Settings.from_env(given), pauses=()).formation()
        assert time.monotonic() - began < SOON


@contextmanager
def dripping(head: bytes, piece: bytes, pause: float) -> Iterator[str]:
    """A server whose one answer never ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(head)
                try:
                    while not over.wait(pause):
                        connection.sendall(piece)
                except OSError:
                    return  # the client has had enough

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            thread.join()
