"""Faults of the local Platform API, as heroku3 and other clients see them."""

from __future__ import annotations

import time

import heroku3
import heroku3.api
import pytest
import requests

from local.dynos import Fault

from ...waiting import until
from .stage import LONG, Stage, call, run_one_off


def test_an_answer_can_be_lost_after_the_call_was_obeyed(stage: Stage) -> None:
    dynos = stage.dynos(boot_seconds=LONG)
    dynos.faults.extend([Fault(lost=True), Fault(503, lost=True)])
    with pytest.raises(requests.ConnectionError):
        run_one_off(dynos, command="true")
    assert run_one_off(dynos, command="true").status_code == 503
    assert [dyno.name for dyno in dynos.dynos()] == ["run.1", "run.2"]


def test_a_429_reaches_heroku3_as_its_own_error(stage: Stage) -> None:
    dynos = stage.dynos()
    heroku = stage.heroku(dynos)
    dynos.faults.append(Fault(429, headers={"Retry-After": "7"}))
    with pytest.raises(heroku3.api.RateLimitExceeded, match="rate_limit"):
        heroku.app("demo")
    assert heroku.app("demo").name == "demo"


def test_a_fault_has_its_status_and_headers(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.faults.extend([Fault(429, headers={"Retry-After": "7"}), Fault(500), Fault(409)])
    replies = [call(dynos, "PATCH", "/apps/demo/formation/worker", {"quantity": 1}) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [429, 500, 409]
    assert replies[0].headers["Retry-After"] == "7"
    assert dynos.history == []


def test_a_500_and_garbage_reach_heroku3_as_errors(stage: Stage) -> None:
    dynos = stage.dynos()
    heroku = stage.heroku(dynos)
    dynos.faults.append(Fault(500))
    with pytest.raises(requests.HTTPError, match="500"):
        heroku.app("demo")
    dynos.faults.append(Fault(200, body="<html>"))
    with pytest.raises(heroku3.api.ResponseError):
        heroku.app("demo")


def test_a_hanging_call_is_answered_in_the_end(stage: Stage) -> None:
    dynos = stage.dynos(boot_seconds=LONG)
    dynos.faults.extend([Fault(hang=LONG, method="PATCH"), Fault(hang=0.5, method="GET")])
    asked = time.monotonic()
    with pytest.raises(requests.ReadTimeout):
        call(dynos, "PATCH", "/apps/demo/formation/worker", {"quantity": 1}, timeout=0.2)
    until(lambda: len(dynos.faults) == 1)
    assert dynos.history == []
    assert call(dynos, "GET", "/apps/demo").status_code == 200
    assert time.monotonic() - asked > 0.5
    dynos.end_hangs()
    until(lambda: len(dynos.dynos()) == 1)


def test_stop_does_not_wait_for_a_hanging_call(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.faults.append(Fault(hang=LONG))
    with pytest.raises(requests.ReadTimeout):
        call(dynos, "GET", "/apps/demo", timeout=0.2)
    dynos.stop()


def test_a_reset_connection_is_reset(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.faults.append(Fault(reset=True))
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        call(dynos, "PATCH", "/apps/demo/formation/worker", {"quantity": 1})
    assert dynos.history == []
    assert [call.status for call in dynos.requests] == [0]


def test_a_sticky_fault_stays_until_it_is_cleared(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.faults.append(Fault(503, sticky=True))
    assert [call(dynos, "GET", "/apps/demo").status_code for _ in range(3)] == [503] * 3
    dynos.faults.clear()
    assert call(dynos, "GET", "/apps/demo").status_code == 200
