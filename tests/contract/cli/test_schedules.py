"""schedules: last and next runs."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.tasks.schedules.entries import entries
from pipeline.tasks.schedules.last_runs import LastRun, LastRuns

from .conftest import Run, answer, error

SEOUL = ZoneInfo("Asia/Seoul")


def test_schedules_are_listed(run: Run, services: Services) -> None:
    report = entries(Settings.from_env({"TIMEZONE": "Asia/Seoul"}))[2]
    ran = datetime(2026, 11, 29, 9, tzinfo=SEOUL).timestamp()
    LastRuns(services).save(report, LastRun(ran, ran=ran, outcome="mailed the report", problem="It rained."), None)
    found = {each["name"]: each for each in answer(run("schedules", "--json", TIMEZONE="Asia/Seoul"))["schedules"]}
    assert list(found) == ["check", "clean-up", "report"]
    assert datetime.fromisoformat(found["report"]["last"]).timestamp() == ran
    assert datetime.fromisoformat(found["report"]["next"]) == datetime(2026, 11, 30, 9, tzinfo=SEOUL)
    assert found["check"]["last"] is None
    assert [each["times"] for each in found.values()] == ["every 60 s", "0 */6 * * *", "0 9 * * *"]
    shown = run("schedules", TIMEZONE="Asia/Seoul")
    assert "next 2026-11-30 09:00:00, last 2026-11-29 09:00:00  mailed the report" in shown.stdout
    assert "problem: It rained." in shown.stdout
    assert "the keeper that leads" in shown.stderr
    assert "celery -A pipeline.celery beat" in run("schedules", BEAT="celery").stderr


def test_a_wrong_module_is_named(run: Run) -> None:
    wrong = run("schedules", "--json", SCHEDULES="nowhere")
    assert (wrong.exit_code, error(wrong)["field"]) == (2, "SCHEDULES")
