"""The entries of SCHEDULES, and when they are due, through both changes of daylight saving."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab

from pipeline.errors import InvalidSetting
from pipeline.settings import Settings
from pipeline.tasks.schedules.entries import Entry, entries
from pipeline.tasks.schedules.report import yesterday

BERLIN = ZoneInfo("Europe/Berlin")
EXPORT = {"task": "pipeline.export", "schedule": crontab(minute=0, hour=7, day_of_week="mon")}
ORDERS = {**EXPORT, "kwargs": {"document": "table", "params": {"listing": "inputs/orders.csv"}}}


def found(monkeypatch: pytest.MonkeyPatch, timezone: str = "UTC", **given: Any) -> dict[str, Entry]:
    """The entries, with those of a module."""
    module = ModuleType("my_schedules")
    vars(module)["beat_schedule"] = given
    monkeypatch.setitem(sys.modules, "my_schedules", module)
    settings = Settings.from_env({"TIMEZONE": timezone, "SCHEDULES": "my_schedules"})
    return {entry.name: entry for entry in entries(settings)}


def runs(entry: Entry, begin: datetime, hours: float) -> list[str]:
    """When an entry is due in the hours after `begin`, as local time."""
    moments, last = [], begin.timestamp()
    while (last := entry.next_run(last)) <= begin.timestamp() + hours * 3600:
        moments.append(datetime.fromtimestamp(last, begin.tzinfo).strftime("%d %H:%M"))
    return moments


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25)])
def test_each_entry_runs_the_right_number_of_times_on_a_day_of_change(
    monkeypatch: pytest.MonkeyPatch, month: int, day: int, hours: int
) -> None:
    """Spring in Berlin has a day without 02:30, autumn one with two of them."""
    night = {**ORDERS, "schedule": crontab(minute=30, hour=2)}
    entry = found(monkeypatch, "Europe/Berlin", night=night)
    begin = datetime(2026, month, day, tzinfo=BERLIN) - timedelta(minutes=1)
    clean = [f"{day} {hour:02}:00" for hour in (0, 6, 12, 18)]
    assert runs(entry["clean-up"], begin, hours) == clean
    assert runs(entry["report"], begin, hours) == [f"{day} 09:00"]
    assert runs(entry["night"], begin, hours) == [f"{day} {'03:30' if month == 3 else '02:30'}"]
    assert len(runs(entry["check"], begin, hours)) == hours * 60


def test_times_are_those_of_the_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = found(monkeypatch, "Asia/Seoul", orders=ORDERS)
    seoul = datetime(2026, 11, 29, 12, tzinfo=ZoneInfo("Asia/Seoul"))
    assert runs(entry["report"], seoul, 24) == ["30 09:00"]
    assert runs(entry["orders"], seoul, 24 * 8) == ["30 07:00", "07 07:00"]


def test_a_module_may_replace_a_built_in_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    report = {"task": "pipeline.report", "schedule": timedelta(hours=12)}
    assert found(monkeypatch, report=report)["report"].schedule.run_every == timedelta(hours=12)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({**ORDERS, "task": "os.system"}, "task is 'os.system'; known are"),
        ({**ORDERS, "task": None}, "task is None"),
        ({**ORDERS, "schedule": "soon"}, "schedule must be seconds"),
        ({**ORDERS, "schedule": 0.1}, "every second at most"),
        ({**ORDERS, "args": [1]}, "'args' is not known"),
        (EXPORT, "missing required field `document`"),
        ({**EXPORT, "kwargs": {"document": "table", "colour": "red"}}, "unknown field `colour`"),
        ({**EXPORT, "kwargs": {"document": "table", "exclusive": "perhaps"}}, "$.exclusive"),
        ({"task": "pipeline.report", "schedule": 60, "kwargs": {"a": 1}}, "takes no kwargs"),
    ],
)
def test_a_wrong_entry_is_named(monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        found(monkeypatch, orders=entry)
    assert caught.value.field == "SCHEDULES"
    assert "orders" in caught.value.message
    assert words in caught.value.message


def test_a_module_that_is_missing_is_named() -> None:
    with pytest.raises(InvalidSetting, match="SCHEDULES names nowhere"):
        entries(Settings.from_env({"SCHEDULES": "nowhere"}))


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 30, 23), (10, 26, 25), (7, 1, 24)])
def test_yesterday_has_the_hours_of_the_calendar(month: int, day: int, hours: int) -> None:
    now = datetime(2026, month, day, 9, tzinfo=BERLIN).timestamp()
    name, begin, end = yesterday(now, "Europe/Berlin")
    assert name == (datetime(2026, month, day) - timedelta(days=1)).strftime("%Y-%m-%d")
    assert end - begin == hours * 3600
