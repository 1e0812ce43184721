"""Local one-off dynos."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from local import dyno as local_dyno
from local.dyno import DynoState

from ...waiting import until
from .stage import LONG, Stage, call, run_one_off, running


def test_a_one_off_dyno_ends_with_its_command(stage: Stage) -> None:
    dynos = stage.dynos()
    made = run_one_off(dynos, command="echo $DYNO $GREETING > out", env={"GREETING": "hello"}, size="standard-2x")
    assert made.status_code == 201
    dyno = made.json()
    assert (dyno["name"], dyno["type"], dyno["size"]) == ("run.1", "run", "Standard-2X")
    assert run_one_off(dynos, command="sleep 600").json()["name"] == "run.2"
    until(lambda: call(dynos, "GET", f"/apps/demo/dynos/{dyno['id']}").status_code == 404)
    assert (stage.folder / "out").read_text() == "run.1 hello\n"
    states = [event.state for event in dynos.history if event.dyno == "run.1"]
    assert states == [DynoState.STARTING, DynoState.UP, DynoState.DOWN, DynoState.GONE], "it is not started again"
    assert [row["quantity"] for row in call(dynos, "GET", "/apps/demo/formation").json()] == [0]
    assert [dyno["command"] for dyno in call(dynos, "GET", "/apps/demo/dynos").json()] == ["sleep 600"]


def test_a_one_off_dyno_that_is_restarted_stops(stage: Stage) -> None:
    dynos = stage.dynos()
    name = run_one_off(dynos, command="sleep 600").json()["name"]
    until(lambda: dynos.count() == 1)
    assert call(dynos, "DELETE", f"/apps/demo/dynos/{name}").status_code == 202
    until(lambda: not dynos.dynos())


def test_an_ended_one_off_dyno_is_no_longer_billed(stage: Stage) -> None:
    dynos, asked = stage.dynos(), time.monotonic()
    run_one_off(dynos, command="true")
    until(lambda: not dynos.dynos())
    lasted = time.monotonic() - asked
    assert dynos.dyno_seconds() == dynos.dyno_seconds() <= lasted


def test_a_one_off_dyno_is_stopped_at_its_time_limit(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    later = [0.0]
    monkeypatch.setattr(local_dyno, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + later[0]))
    dynos = stage.dynos()
    command = f"exec {sys.executable} worker.py {stage.log} polite parent"
    run_one_off(dynos, command=command, time_to_live=86400)
    until(lambda: len(stage.heard("began")) == 2)
    later[0] = 86400.0
    until(lambda: not dynos.dynos())
    assert sorted(role for _, role, _ in stage.heard("SIGTERM")) == ["child", "parent"]


def test_a_stopped_dyno_of_the_formation_is_replaced(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.scale({"worker": 1})
    run = run_one_off(dynos, command="sleep 600").json()["name"]
    until(lambda: dynos.count() == 2)
    first = dynos.dyno("worker.1").id
    for name in (run, "worker.1"):
        assert call(dynos, "POST", f"/apps/demo/dynos/{name}/actions/stop").status_code == 202
    until(lambda: [dyno.name for dyno in dynos.dynos()] == ["worker.1"])
    assert dynos.dyno("worker.1").id != first
    assert call(dynos, "POST", "/apps/demo/dynos/run.9/actions/stop").status_code == 404


def test_one_off_dynos_have_their_own_limit(stage: Stage) -> None:
    dynos = stage.dynos(limit=1, boot_seconds=LONG)
    dynos.scale({"worker": 1})
    made = run_one_off(dynos, command="sleep 600")
    assert (made.status_code, made.json()["state"]) == (201, "starting")
    refused = run_one_off(dynos, command="sleep 600")
    assert (refused.status_code, refused.json()["id"], refused.json()["limit"]) == (
        422,
        "cannot_run_above_limit",
        1,
    )


@pytest.mark.parametrize(
    "body",
    [
        {}, {"command": ""}, {"command": 7}, {"command": "true", "time_to_live": 86401},
        {"command": "true", "time_to_live": 0}, {"command": "true", "time_to_live": "60"},
        {"command": "true", "env": {"A": 1}}, {"command": "true", "env": {"A B": "1"}},
        {"command": "true", "size": 2}, {"command": "true", "type": ""}, {"command": "true", "quantity": 1},
    ],
    ids=str,
)  # fmt: skip
def test_an_order_of_another_shape_starts_nothing(stage: Stage, body: dict[str, Any]) -> None:
    dynos = stage.dynos()
    assert run_one_off(dynos, **body).status_code == 422
    assert dynos.history == []


def test_one_off_dynos_leave_no_process_behind(stage: Stage) -> None:
    dynos = stage.dynos()
    run_one_off(dynos, command=f"{sys.executable} worker.py {stage.log} polite parent")
    until(lambda: len(stage.heard("began")) == 2)
    dynos.stop()
    assert not any(running(pid) for _, _, pid in stage.heard("began"))
