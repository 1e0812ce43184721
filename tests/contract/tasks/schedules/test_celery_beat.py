"""The `celery beat` command, the tasks for other schedulers, and a keeper that leaves the clock to them."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from signal import SIGTERM
from typing import Literal

import celery
import pytest

from pipeline.scaler.formation import FormationPool
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.tasks.app import make_app
from pipeline.tasks.keeper import Keeper
from pipeline.tasks.schedules.entries import entries
from pipeline.tasks.schedules.last_runs import LastRun, LastRuns

from ....commands import CELERY, SECONDS
from ....conftest import Environ
from ....waiting import until
from ...lesser_s3 import Lacks, lesser
from . import clocked, daily

ROOT = Path(__file__).parents[4]


def test_celery_beat_runs_what_is_due_without_any_worker(
    environ: Environ, services: Services, put_photos: Callable[[int], str], tmp_path: Path
) -> None:
    """Two of them start one export, and stop at SIGTERM."""
    put_photos(2)
    env = {**os.environ, **environ, "BEAT": "celery", "SCHEDULES": clocked.__name__, "TIMEZONE": "Asia/Seoul"}
    env["PYTHONPATH"] = str(ROOT)
    logs = [tmp_path / f"beat-{n}.log" for n in range(2)]
    beats = []
    for log in logs:
        with log.open("wb") as out:
            command = [*CELERY, "beat", "-l", "info", "--pidfile", ""]
            beats.append(subprocess.Popen(command, env=env, stdout=out, stderr=out, cwd=tmp_path))
    try:
        until(lambda: "started export" in "".join(log.read_text() for log in logs), "an export is started")
        until(lambda: "skipped: export" in "".join(log.read_text() for log in logs), "the next one is skipped")
        assert len(services.exports.active()) == 1
        for beat in beats:
            beat.send_signal(SIGTERM)
            assert beat.wait(SECONDS) == 0
    finally:
        for beat in beats:
            beat.kill()
            beat.wait()
    said = "".join(log.read_text() for log in logs)
    assert "Traceback" not in said
    assert {path.name for path in tmp_path.iterdir()} == {log.name for log in logs}, "no file of its own"


def test_a_message_of_another_scheduler_runs_what_is_due(
    settings: Settings, services: Services, put_photos: Callable[[int], str]
) -> None:
    put_photos(2)
    settings = dataclasses.replace(settings, schedules=(clocked.__name__,))
    (entry,) = [each for each in entries(settings) if each.name == "album"]
    app = make_app(settings)
    try:
        send(app, "album")
        assert services.exports.active() == [], "it is new, so its first time is yet to come"
        LastRuns(services).save(entry, LastRun(done=1.0), None)
        send(app, "album")
        send(app, "album")
        assert len(services.exports.active()) == 1
    finally:
        app.close()


def test_a_message_of_another_scheduler_comes_back_while_the_bucket_is_away(
    environ: Environ, settings: Settings, services: Services, put_photos: Callable[[int], str], tmp_path: Path
) -> None:
    """The next one of that scheduler comes a day later."""
    put_photos(2)
    settings = dataclasses.replace(settings, schedules=(daily.__name__,))
    (entry,) = [each for each in entries(settings) if each.name == "album"]
    LastRuns(services).save(entry, LastRun(done=1.0), None)
    unreadable, log, app = {"schedules/album": 503}, tmp_path / "worker.log", make_app(settings)
    with lesser(settings, Lacks(unreadable=unreadable)) as away, log.open("wb") as out:
        env = {**os.environ, **environ, "BEAT": "celery", "SCHEDULES": daily.__name__, "PYTHONPATH": str(ROOT)}
        env["S3_ENDPOINT_URL"] = away.s3_endpoint_url or ""
        worker = subprocess.Popen([*CELERY, "worker", "-l", "info"], env=env, stdout=out, stderr=out, cwd=tmp_path)
        try:
            app.tasks["pipeline.export"].apply_async(**app.conf.beat_schedule["album"]["options"])
            until(lambda: "schedule album: The bucket could not read" in log.read_text(), "it is tried")
            unreadable.clear()
            until(lambda: len(list(services.exports.all())) == 1, "it is tried again")
        finally:
            app.close()
            worker.kill()
            worker.wait()
    assert "Traceback" not in log.read_text()


def send(app: celery.Celery, schedule: str) -> None:
    options = app.conf.beat_schedule[schedule]["options"]
    app.tasks["pipeline.export"].apply(**options).get()


@pytest.mark.parametrize("beat", ["keeper", "celery"])
def test_the_leading_keeper_runs_what_is_due_unless_celery_does(
    settings: Settings, services: Services, put_photos: Callable[[int], str], beat: Literal["keeper", "celery"]
) -> None:
    put_photos(2)
    settings = dataclasses.replace(settings, schedules=(clocked.__name__,), beat=beat)
    s = dataclasses.replace(services, settings=settings)
    keepers = [Keeper(s, FormationPool(settings, s.redis)) for _ in range(2)]
    threads = [keeper.start() for keeper in keepers]
    try:
        if beat == "keeper":
            until(lambda: len(services.exports.active()) == 1, "an export is started")
        else:
            until(lambda: services.redis.decisions.last_turn() is not None, "a keeper leads")
            assert "schedules" not in {thread.name for thread in threading.enumerate()}
    finally:
        for keeper in keepers:
            keeper.stop()
        for thread in threads:
            thread.join()
