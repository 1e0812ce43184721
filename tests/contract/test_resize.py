"""The one door to Heroku, on local dynos that misbehave: every failure is HerokuDown, in words, and soon."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import HerokuDown
from pipeline.local.dynos import Dynos, Fault
from pipeline.local.services import free_port
from pipeline.scaler.resize import Formation
from pipeline.settings import Settings


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


def formation(dynos: Dynos, **changes: str) -> Formation:
    return Formation(settings_for(dynos, **changes))


def test_the_number_of_workers_is_asked_for_and_set(dynos: Dynos) -> None:
    dynos.scale({"web": 1})
    workers = formation(dynos)
    assert workers.configured
    assert workers.quantity() == 0
    assert workers.resize(2) == 2
    assert workers.quantity() == 2
    assert workers.resize(2) == 2
    assert (dynos.row("worker").quantity, dynos.row("web").quantity) == (2, 1)
    assert workers.resize(0) == 0
    assert formation(dynos, WORKER_TYPE="web").quantity() == 1


def test_without_a_key_or_an_app_nothing_is_scaled(dynos: Dynos) -> None:
    assert not formation(dynos, HEROKU_API_KEY="").configured
    assert not formation(dynos, HEROKU_APP_NAME="").configured


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"HEROKU_API_KEY": "a-wrong-key"}, "Heroku refuses: the key is not valid"),
        ({"HEROKU_APP_NAME": "another"}, "Heroku refuses: there is no such app"),
        ({"WORKER_TYPE": "clock"}, "demo has no process type clock"),
    ],
)
def test_a_wrong_setting_is_said(dynos: Dynos, changes: dict[str, str], words: str) -> None:
    with pytest.raises(HerokuDown, match=words) as down:
        formation(dynos, **changes).quantity()
    assert down.value.advice
    assert "a-wrong-key" not in str(down.value)


def test_a_key_that_may_only_read_is_noticed_without_changing_anything(dynos: Dynos) -> None:
    workers = formation(dynos)
    workers.resize(1)
    workers.check_write()
    dynos.faults.append(Fault(422))  # a platform that finds nothing to change in it
    workers.check_write()
    dynos.faults.extend([Fault(), Fault(), Fault(403)])  # two calls open the app again
    with pytest.raises(HerokuDown, match="may not do this"):
        workers.check_write()
    assert dynos.row("worker").quantity == 1


def test_more_workers_than_the_plan_allows_are_refused_and_none_is_started(dynos: Dynos) -> None:
    with pytest.raises(HerokuDown, match="the quantity is not possible"):
        formation(dynos).resize(4)
    assert dynos.row("worker").quantity == 0


FAULTS = {
    "401": (Fault(401), "the key is not valid"),
    "403": (Fault(403), "the key may not do this"),
    "404": (Fault(404), "there is no such app or process type"),
    "409": (Fault(409), "the app is being changed"),
    "422": (Fault(422), "the quantity is not possible"),
    "429": (Fault(429, headers={"Retry-After": "60"}), "too many calls in this hour"),
    "500": (Fault(500), "it answered 500"),
    "503": (Fault(503, headers={"Retry-After": "60"}), "it answered 503"),
    "silence": (Fault(hang=1.0), "does not answer sensibly"),
    "a reset": (Fault(reset=True), "does not answer sensibly"),
    "no JSON": (Fault(200, body="<html>Down for maintenance</html>"), "does not answer sensibly"),
    "nothing": (Fault(200, body=""), "does not answer sensibly"),
    "null": (Fault(200, body="null"), "does not answer sensibly"),
    "a number": (Fault(200, body="7"), "does not answer sensibly"),
    "a list of nulls": (Fault(200, body="[null]"), "does not answer sensibly"),
    "another object": (Fault(200, body='{"quantity":"many"}'), "does not answer sensibly"),
}


@pytest.mark.parametrize(
    ("fault", "moment"),
    [
        *((fault, "while it resizes") for fault in FAULTS),
        *((fault, "while it connects") for fault in ("401", "429", "no JSON", "another object")),
    ],
)
def test_a_platform_that_misbehaves_is_said_in_words_and_works_again_afterwards(
    dynos: Dynos, fault: str, moment: str
) -> None:
    misbehaviour, words = FAULTS[fault]
    workers = formation(dynos)
    if moment == "while it resizes":
        workers.quantity()
    calls = len(dynos.requests)
    dynos.faults.append(dataclasses.replace(misbehaviour, sticky=True))
    began = time.monotonic()
    with pytest.raises(HerokuDown, match=words) as down:
        workers.resize(2)
    assert time.monotonic() - began < 10
    assert down.value.retry
    assert dynos.key not in str(down.value)
    assert len(dynos.requests) - calls <= 6
    dynos.faults.clear()
    assert workers.resize(2) == 2
    assert dynos.row("worker").quantity == 2


@pytest.mark.parametrize("fault", [Fault(502, body="<html>Bad gateway</html>"), Fault(hang=1.0), Fault(reset=True)])
def test_what_passes_by_itself_is_tried_again_at_once(dynos: Dynos, fault: Fault) -> None:
    workers = formation(dynos)
    workers.quantity()
    dynos.faults.append(fault)
    assert workers.resize(1) == 1
    dynos.faults.append(fault)
    assert workers.quantity() == 1


def test_a_platform_that_nobody_listens_at_is_said(dynos: Dynos) -> None:
    workers = formation(dynos, HEROKU_API_URL=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(HerokuDown, match="does not answer sensibly: ConnectionError"):
        workers.quantity()
