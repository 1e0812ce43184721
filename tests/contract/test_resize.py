"""The one door to Heroku, on local dynos that misbehave: every failure is HerokuDown, in words, and soon."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.dynos import Dynos, Fault
from local.services import free_port
from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis.workers import DrainOrder, Worker
from pipeline.errors import HerokuDown, HerokuRefused, TooManyCalls
from pipeline.scaler import heroku as door
from pipeline.scaler.formation import Formation, drained
from pipeline.scaler.heroku import Heroku, silence
from pipeline.scaler.pool import Limit
from pipeline.settings import Settings

Make = Callable[..., Formation]


@pytest.fixture
def dynos(tmp_path: Path) -> Iterator[Dynos]:
    (tmp_path / "Procfile").write_text("web: sleep 60\nworker: sleep 60\n")
    env = {"PATH": os.environ["PATH"]}
    with Dynos(
        tmp_path / "Procfile", env, cwd=tmp_path, log_folder=tmp_path / "logs",
        types=("web", "worker"), boot_seconds=60, limit=3,
    ) as running:  # fmt: skip
        yield running


def settings_for(dynos: Dynos, **changes: str) -> Settings:
    given = {"HEROKU_API_URL": dynos.url, "HEROKU_API_KEY": dynos.key, "HEROKU_APP_NAME": dynos.app}
    return Settings.from_env(given | {"HEROKU_TIMEOUT": "0.25"} | changes)


@pytest.fixture
def formation(dynos: Dynos, shared: Coordination) -> Make:
    """The formation of dynos that never say that they are up, with changed settings."""
    return lambda **changes: Formation(settings_for(dynos, **changes), shared, settled=0.0)


def patches(dynos: Dynos) -> int:
    return sum(call.method == "PATCH" for call in dynos.requests)


def test_the_number_of_workers_is_asked_for_and_set(dynos: Dynos, formation: Make) -> None:
    dynos.scale({"web": 1})
    workers = formation()
    assert workers.configured
    assert workers.quantity() == 0
    assert workers.resize(2) == 2
    assert workers.quantity() == 2
    assert workers.resize(2) == 2
    assert (dynos.row("worker").quantity, dynos.row("web").quantity) == (2, 1)
    assert workers.resize(0) == 0
    assert formation(WORKER_TYPE="web").quantity() == 1


def test_calls_are_counted_and_none_is_made_when_there_is_nothing_to_change(dynos: Dynos, formation: Make) -> None:
    workers = formation()
    for wanted in (2, 2, 2, 0, 0):
        workers.resize(wanted)
    assert workers.standing().calls == len(dynos.requests) == 3


def test_prices_are_those_that_heroku_lists(dynos: Dynos, formation: Make) -> None:
    assert formation().prices()["standard-2x"] == pytest.approx(50 / (720 * 3600))
    dynos.faults.append(Fault(404))
    with pytest.raises(HerokuDown):
        formation().prices()


def test_without_a_key_or_an_app_nothing_is_scaled(formation: Make) -> None:
    assert not formation(HEROKU_API_KEY="").configured
    assert not formation(HEROKU_APP_NAME="").configured


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"HEROKU_API_KEY": "a-wrong-key"}, "Heroku refuses: the key is not valid"),
        ({"HEROKU_APP_NAME": "another"}, "Heroku refuses: there is no such app"),
        ({"WORKER_TYPE": "clock"}, "demo has no process type clock"),
    ],
)
def test_a_wrong_setting_is_said(formation: Make, changes: dict[str, str], words: str) -> None:
    with pytest.raises(HerokuDown, match=words) as down:
        formation(**changes).quantity()
    assert down.value.advice
    assert "a-wrong-key" not in str(down.value)


def test_a_key_that_may_only_read_is_noticed_without_changing_anything(dynos: Dynos, formation: Make) -> None:
    workers = formation()
    workers.resize(1)
    assert workers.check() == 1
    dynos.faults.extend([Fault(), Fault(422)])  # a platform that finds nothing to change in it
    assert workers.check() == 1
    dynos.faults.extend([Fault(), Fault(403)])
    with pytest.raises(HerokuDown, match="may not do this"):
        workers.check()
    assert dynos.row("worker").quantity == 1


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_key_that_is_refused_is_said_to_let_money_run_until_it_works_again(
    dynos: Dynos, formation: Make, status: int
) -> None:
    workers = formation()
    workers.resize(2)
    dynos.faults.append(Fault(status))
    with pytest.raises(HerokuRefused, match=r"cannot be stopped either.*money") as refused:
        workers.resize(0)
    assert not refused.value.retry
    assert "heroku authorizations:create" in refused.value.advice
    assert workers.standing().refused == refused.value.message
    assert workers.resize(0) == 0
    assert workers.standing().refused is None


# what the plan allows


def above(kind: str, limit: object) -> Fault:
    told = {"id": f"cannot_{kind}_above_limit", "message": "Cannot run more dynos.", "limit": limit, "size": 9}
    return Fault(422, body=json.dumps(told))


def test_more_workers_than_the_plan_allows_are_as_many_as_it_allows(dynos: Dynos, formation: Make) -> None:
    workers = formation()
    assert workers.resize(9) == 3
    assert workers.standing().limit == 3
    before = len(dynos.requests)
    assert [workers.resize(wanted) for wanted in (9, 2, 9)] == [3, 2, 3]
    assert len(dynos.requests) - before == 2, "the limit is remembered"


def test_a_limit_over_all_dynos_leaves_what_the_others_do_not_use(dynos: Dynos, formation: Make) -> None:
    dynos.scale({"web": 2})
    assert formation().resize(5) == 1


@pytest.mark.parametrize(
    ("fault", "now", "reached"),
    [
        (above("run", 2), 0, 2),
        (above("run", 1), 0, 1),
        (above("run", 0), 0, 0),
        (above("update", 2), 0, 1),  # it counts the web dyno
        (above("update", 1), 0, 0),
        (above("run", 1), 2, 2),  # there are more than it says: none is taken away
        (above("update", 1), 2, 2),
    ],
)
def test_the_limit_that_is_named_is_taken(
    dynos: Dynos, formation: Make, fault: Fault, now: int, reached: int
) -> None:
    dynos.limit = 100
    dynos.scale({"web": 1, "worker": now})
    workers = formation()
    workers.quantity()
    dynos.faults.append(fault)
    assert workers.resize(5) == reached
    assert workers.standing().limit == max(1, reached), "one is tried again"
    assert dynos.row("worker").quantity == reached
    assert patches(dynos) <= 2


@pytest.mark.parametrize("limit", [-1, "2", None, 1.5, [2], True])
def test_a_limit_that_is_no_number_is_an_error_like_any_other(dynos: Dynos, formation: Make, limit: object) -> None:
    workers = formation()
    dynos.faults.extend([Fault(), above("run", limit)])
    with pytest.raises(HerokuDown, match=r"the quantity is not possible\. Cannot run more dynos"):
        workers.resize(2)


def test_a_limit_is_forgotten_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    limit = Limit.of(2)
    assert (limit.now, limit.clip(5), limit.clip(1)) == (2, 2, 1)
    now += 3601
    assert (limit.now, limit.clip(5)) == (None, 5)


# too many calls


def test_after_too_many_calls_none_is_made_until_the_time_that_was_named(dynos: Dynos, formation: Make) -> None:
    workers = formation()
    dynos.faults.append(Fault(429, headers={"Retry-After": "1.2"}))
    with pytest.raises(TooManyCalls, match="too many calls"):
        workers.resize(2)
    calls = len(dynos.requests)
    for _ in range(3):
        with pytest.raises(TooManyCalls, match=r"none is made for \d s"):
            workers.resize(2)
    assert len(dynos.requests) == calls == workers.standing().calls
    assert 0 < workers.standing().silent_seconds <= 1.2
    time.sleep(1.25)
    assert workers.standing().silent_seconds == 0
    assert workers.resize(2) == 2


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, 60), ("", 60), ("soon", 60), ("7", 7), ("0", 1), ("-5", 1), ("3600", 900), ("nan", 60), ("inf", 900),
        ("1353003153", 60), ("1353003093", 1), ("99999999999", 900), ("1 Jan 99999999999 00:00", 60),
        ("Thu, 15 Nov 2012 18:12:33 GMT", 60),
    ],
)  # fmt: skip
def test_the_pause_that_is_named_is_kept_within_bounds(said: str | None, seconds: float) -> None:
    assert silence(said, now=1353003093.0) == seconds


# misbehaviour

FAULTS = {
    "401": (Fault(401), "the key is not valid"),
    "403": (Fault(403), "the key may not do this"),
    "404": (Fault(404), "there is no such app or process type"),
    "409": (Fault(409), "the app is being changed"),
    "418": (Fault(418), "it answered 418"),
    "422": (Fault(422), "the quantity is not possible"),
    "422 without sense": (Fault(422, body="<html>"), "the quantity is not possible"),
    "422 as a list": (Fault(422, body="[1]"), "the quantity is not possible"),
    "500": (Fault(500), "it answered 500"),
    "503": (Fault(503, headers={"Retry-After": "60"}), "it answered 503"),
    "silence": (Fault(hang=1.0), "does not answer sensibly"),
    "a reset": (Fault(reset=True), "does not answer sensibly"),
    "no JSON": (Fault(200, body="<html>Down for maintenance</html>"), "does not answer sensibly"),
    "half of it": (Fault(200, body='{"quantity": 2, "type": "wor'), "does not answer sensibly"),
    "not UTF-8": (Fault(200, body="\x00\x80"), "does not answer sensibly"),
    "nothing": (Fault(200, body=""), "does not answer sensibly"),
    "204": (Fault(204, body=""), "does not answer sensibly"),
    "null": (Fault(200, body="null"), "does not answer sensibly"),
    "a number": (Fault(200, body="7"), "does not answer sensibly"),
    "a list of nulls": (Fault(200, body="[null]"), "does not answer sensibly"),
    "another object": (Fault(200, body='{"quantity":"many"}'), "does not answer sensibly"),
    "a truth": (Fault(200, body='{"quantity":true}'), "does not answer sensibly"),
    "less than none": (Fault(200, body='{"quantity":-1}'), "does not answer sensibly"),
}


@pytest.mark.parametrize(
    ("fault", "moment"),
    [
        *((fault, "while it resizes") for fault in FAULTS),
        *(
            (fault, "while it counts")
            for fault in ("401", "silence", "no JSON", "a list of nulls", "another object")
        ),
    ],
)
def test_a_platform_that_misbehaves_is_said_in_words_and_works_again_afterwards(
    dynos: Dynos, formation: Make, monkeypatch: pytest.MonkeyPatch, fault: str, moment: str
) -> None:
    monkeypatch.setattr(door, "PAUSES", (0.01, 0.02))
    misbehaviour, words = FAULTS[fault]
    workers = formation()
    if moment == "while it resizes":
        workers.quantity()
    calls = len(dynos.requests)
    dynos.faults.append(dataclasses.replace(misbehaviour, sticky=True))
    began = time.monotonic()
    with pytest.raises(HerokuDown, match=words) as down:
        workers.resize(2)
    assert time.monotonic() - began < 10
    assert down.value.advice
    assert dynos.key not in str(down.value)
    assert len(dynos.requests) - calls <= 3
    dynos.faults.clear()
    assert workers.resize(2) == 2
    assert dynos.row("worker").quantity == 2


@pytest.mark.parametrize(
    ("fault", "asked"),
    [
        (Fault(403), 0),
        (Fault(409), 0),
        (Fault(429, {"Retry-After": "1"}), 0),
        (Fault(503), 1),
        (Fault(lost=True), 1),
    ],
    ids=["403", "409", "429", "503", "reset, but obeyed"],
)
def test_the_number_is_asked_for_again_only_when_it_may_have_changed(
    dynos: Dynos, formation: Make, monkeypatch: pytest.MonkeyPatch, fault: Fault, asked: int
) -> None:
    monkeypatch.setattr(door, "PAUSES", ())
    workers = formation()
    workers.quantity()
    dynos.faults.append(fault)
    with pytest.raises(HerokuDown):
        workers.resize(2)
    time.sleep(workers.standing().silent_seconds)
    before = len(dynos.requests)
    assert workers.resize(2) == 2
    assert [call.method for call in dynos.requests[before:]].count("GET") == asked


def test_a_refusal_of_a_second_try_says_nothing_of_the_first(
    dynos: Dynos, formation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else workers that nobody knows of were not stopped for a minute."""
    monkeypatch.setattr(door, "PAUSES", (0.01,))
    workers = formation()
    workers.quantity()
    dynos.faults.extend([Fault(lost=True), Fault(409)])
    with pytest.raises(HerokuDown, match="being changed"):
        workers.resize(2)
    assert dynos.row("worker").quantity == 2
    assert workers.resize(0) == 0
    assert dynos.row("worker").quantity == 0


@pytest.mark.parametrize(
    "fault",
    [Fault(502, body="<html>Bad gateway</html>"), Fault(hang=1.0), Fault(reset=True)],
    ids=["502", "hang", "reset"],
)
def test_what_passes_by_itself_is_tried_again_at_once(dynos: Dynos, formation: Make, fault: Fault) -> None:
    workers = formation()
    workers.quantity()
    dynos.faults.append(fault)
    assert workers.resize(1) == 1
    dynos.faults.append(fault)
    assert workers.quantity() == 1


def test_a_platform_that_nobody_listens_at_is_said(formation: Make) -> None:
    workers = formation(HEROKU_API_URL=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(HerokuDown, match="does not answer sensibly: ConnectionError"):
        workers.quantity()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("head", "piece", "pause"),
    [
        (HEAD + b"Content-Length: 100000\r\n\r\n", b"[", 0.1),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n[\r\n", 0.1),
        (HEAD + b"\r\n", b" " * 65536, 0.0),
    ],
    ids=["drop by drop", "chunk by chunk", "without end"],
)
def test_an_answer_that_does_not_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch, head: bytes, piece: bytes, pause: float
) -> None:
    monkeypatch.setattr(door, "PAUSES", ())
    with dripping(head, piece, pause) as url:
        given = {"HEROKU_API_URL": url, "HEROKU_API_KEY": "key", "HEROKU_APP_NAME": "demo", "HEROKU_TIMEOUT": "0.5"}
        began = time.monotonic()
        with pytest.raises(HerokuDown, match="does not answer sensibly"):
            Heroku(Settings.from_env(given)).formation()
        assert time.monotonic() - began < 5


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


# draining from the top


def worker(name: str, drains: str = "1", **more: bool) -> Worker:
    return Worker(name, name, more.pop("one_off", False), 0.0, more.get("busy", False), drains)


@pytest.mark.parametrize(
    ("workers", "drawn", "may"),
    [
        ([worker("worker.3"), worker("worker.4")], 0.0, True),
        ([worker("worker.2", "", busy=True), worker("worker.3"), worker("worker.4")], 0.0, True),
        ([worker("worker.3"), worker("worker.4", busy=True)], 99.0, False),
        ([worker("worker.3"), worker("worker.4", "")], 99.0, False),
        ([worker("worker.3"), worker("worker.4", "0")], 99.0, False),  # what it says is about an earlier line
        ([worker("worker.3")], 1.0, False),  # the other one may not have said yet that it is up
        ([worker("worker.3")], 5.0, True),
        ([], 5.0, True),
        ([worker("worker.3"), worker("worker.4"), worker("worker.4", "")], 5.0, False),  # two of one name: a deploy
        ([worker("worker.3"), worker("worker.4"), worker("worker-x9k2", "")], 5.0, False),  # it may be any of them
        ([worker("worker.3"), worker("worker.4"), worker("run.9", "", one_off=True)], 0.0, True),
    ],
)  # fmt: skip
def test_dynos_are_stopped_when_all_above_the_line_are_up_and_idle_and_obey_this_very_line(
    workers: list[Worker], drawn: float, may: bool
) -> None:
    assert drained(workers, DrainOrder(2, "1", drawn), 2, 4, settled=4.0) is may


def test_the_quantity_goes_down_only_after_the_topmost_are_drained(dynos: Dynos, shared: Coordination) -> None:
    workers = Formation(settings_for(dynos), shared)
    workers.resize(3)
    for name in ("worker.1", "worker.2", "worker.3"):
        shared.workers.report(Worker(name, name, False, time.time()))
    assert workers.resize(1) == 3
    line = shared.workers.report(Worker("worker.1", "worker.1", False, time.time(), busy=True))
    assert line is not None
    shared.workers.report(Worker("worker.2", "worker.2", False, time.time(), busy=True, drains=line.mark))
    shared.workers.report(Worker("worker.3", "worker.3", False, time.time(), drains=line.mark))
    assert workers.resize(1) == 3
    assert patches(dynos) == 1
    shared.workers.report(Worker("worker.2", "worker.2", False, time.time(), drains=line.mark))
    assert workers.resize(1) == 1
    assert dynos.row("worker").quantity == 1


def test_who_could_not_speak_while_redis_was_away_is_not_taken_for_gone(
    dynos: Dynos, shared: Coordination, client: Any
) -> None:
    """A line that stands longer than the outage says nothing of who was silent during it."""
    workers = Formation(settings_for(dynos), shared, settled=0.5)
    workers.resize(2)
    drawing = [Worker(name, name, False, time.time(), busy=True) for name in ("worker.1", "worker.2")]
    for one in drawing:
        shared.workers.report(one)
    assert workers.resize(1) == 2
    time.sleep(0.6)
    client.delete(*(f"pipeline:workers:{one.id}" for one in drawing))
    workers.forget()  # as the keeper does, whose lease ended
    assert workers.resize(1) == 2
    time.sleep(0.6)  # they reach Redis again a while after us
    assert workers.resize(1) == 2
    for one in drawing:
        shared.workers.report(one)
    time.sleep(0.6)
    assert workers.resize(1) == 2
    client.delete("pipeline:workers:worker.2")
    assert workers.resize(1) == 1, "that one died"


def test_when_more_workers_are_wanted_after_all_none_is_kept_from_work(shared: Coordination, dynos: Dynos) -> None:
    me = Worker("worker.2", "worker.2", False, time.time())
    shared.workers.report(me)
    workers = Formation(settings_for(dynos), shared)
    workers.resize(2)
    workers.resize(1)
    assert shared.workers.report(me) is not None
    assert workers.resize(2) == 2
    assert shared.workers.report(me) is None
    assert patches(dynos) == 1


def test_a_worker_that_says_it_is_busy_for_longer_than_any_task_may_run_is_waited_for_no_more(
    shared: Coordination, dynos: Dynos
) -> None:
    shared.workers.report(Worker("worker.1", "worker.1", False, time.time(), busy=True))
    limits = {"SOFT_TIME_LIMIT": "0.1", "TIME_LIMIT": "0.2", "VISIBILITY_TIMEOUT": "1"}
    workers = Formation(settings_for(dynos, **limits), shared, settled=0.1)
    workers.resize(1)
    assert workers.resize(0) == 1
    time.sleep(0.4)
    assert workers.resize(0) == 0
