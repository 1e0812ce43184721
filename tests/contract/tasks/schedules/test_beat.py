"""What is due by the clock runs once over all processes, and a missed run once."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import redis
from celery.schedules import BaseSchedule, crontab

from pipeline.adapters.redis.leases import Leases
from pipeline.errors import InvalidRequest, RedisDown, StoreDown
from pipeline.exports.export import State
from pipeline.services import Services
from pipeline.tasks.lease import exclusive
from pipeline.tasks.schedules.beat import POLICY, Beat, Ended, Run
from pipeline.tasks.schedules.entries import CHECK, CLEAN_UP, EXPORT, REPORT, Entry, ExportCall, entries
from pipeline.tasks.schedules.jobs import start_export
from pipeline.tasks.schedules.last_runs import LastRun, LastRuns

from ..stage import ALBUM, Stage, failing

BERLIN = ZoneInfo("Europe/Berlin")
DAILY = crontab(minute=0, hour=9)


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def at(month: int, day: int, hour: int) -> float:
    return datetime(2026, month, day, hour, tzinfo=BERLIN).timestamp()


class Counted:
    """Beats on one clock, and how often each entry ran in any of them."""

    def __init__(self, s: Services, now: float, found: list[Entry] | None = None) -> None:
        self.s = dataclasses.replace(s, settings=dataclasses.replace(s.settings, timezone="Europe/Berlin"))
        self.clock = Clock(now)
        self.found = entries(self.s.settings) if found is None else found
        self.ran = Counter[str]()
        self.fails: Exception | None = None

    def beat(self) -> Beat:
        return Beat(self.s, dict.fromkeys((CHECK, CLEAN_UP, REPORT, EXPORT), self.do), self.found, self.clock)

    def do(self, run: Run) -> Ended:
        if self.fails:
            raise self.fails
        self.ran[run.entry.name] += 1
        return Ended("counted")

    def move(self, beats: list[Beat], hours: float, step: float = 1200.0) -> None:
        """Move the clock on, and let each beat look at each step."""
        until = self.clock.now + hours * 3600
        while self.clock.now < until:
            self.clock.now = min(until, self.clock.now + step)
            for beat in beats:
                beat.run_due()


@pytest.mark.parametrize(
    ("month", "day", "clean_ups"),
    [(3, 28, 5), (10, 24, 5), (7, 1, 5)],
    ids=["spring", "autumn", "summer"],
)
def test_two_keepers_run_each_entry_the_right_number_of_times(
    stage: Stage, month: int, day: int, clean_ups: int
) -> None:
    """From 23:00, for 25 hours, through the change. Clean-ups at 0, 6, 12 and 18, and at 0 where 25 h reach it."""
    counted = Counted(stage.s, at(month, day, 23))
    beats = [counted.beat(), counted.beat()]
    for beat in beats:
        beat.run_due()
    counted.move(beats, 25)
    reached = datetime.fromtimestamp(counted.clock.now, BERLIN)
    midnight = reached.day == day + 2
    assert counted.ran["report"] == 1
    assert counted.ran["clean-up"] == clean_ups - (not midnight)
    assert counted.ran["check"] == 25 * 3  # as often as the clock moved: every 20 minutes


def test_a_check_runs_each_minute(stage: Stage) -> None:
    counted = Counted(stage.s, at(7, 1, 12))
    beats = [counted.beat(), counted.beat()]
    beats[0].run_due()
    counted.move(beats, 0.5, step=10.0)
    assert counted.ran["check"] == 30


def test_a_missed_run_is_made_up_for_once_after_a_restart(stage: Stage) -> None:
    counted = Counted(stage.s, at(7, 1, 8))
    counted.beat().run_due()
    counted.clock.now += 3 * 86400
    restarted = [counted.beat(), counted.beat()]
    for _ in range(3):
        for beat in restarted:
            beat.run_due()
    assert counted.ran == {"report": 1, "clean-up": 1, "check": 1}


class Broken(BaseSchedule):  # type: ignore[misc]  # Celery has no types
    """A schedule of a class of its own, with a mistake."""

    def remaining_estimate(self, last_run_at: datetime) -> timedelta:
        raise ZeroDivisionError


def test_a_schedule_that_cannot_tell_its_times_holds_no_other_up(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    counted = Counted(stage.s, at(7, 1, 8))
    counted.found.insert(0, Entry("broken", CLEAN_UP, Broken()))
    counted.move([counted.beat()], 2)
    assert (counted.ran["report"], counted.ran["broken"]) == (1, 0)
    assert "schedule broken: internal error" in caplog.text


def test_without_redis_only_checks_run(stage: Stage) -> None:
    """Another process may do the others: no lease says which."""
    counted = Counted(stage.s, at(7, 1, 9))
    beat = counted.beat()
    for _ in range(3):
        beat.without_redis()
        counted.clock.now += 3 * 3600
    assert counted.ran == {"check": 3}


def test_pauses_after_failures_grow_and_begin_anew_after_a_success(stage: Stage) -> None:
    counted = Counted(stage.s, at(7, 1, 8))
    beat = counted.beat()
    beat.run_due()

    def pause(now: float, fails: Exception | None) -> float:
        counted.clock.now, counted.fails = now, fails
        beat.run_due()
        return beat._look_at["report"] - now

    down, now, pauses = StoreDown("The bucket is away."), at(7, 1, 9), list[float]()
    for _ in range(3):
        pauses.append(pause(now, down))
        now += pauses[-1]
    assert pauses[0] <= POLICY.first < pauses[2]
    pause(now, None)
    assert counted.ran["report"] == 1
    assert pause(at(7, 2, 9), down) <= POLICY.first


def test_a_new_schedule_waits_for_its_first_time(stage: Stage) -> None:
    counted = Counted(stage.s, at(7, 1, 10))
    counted.beat().run_due()
    assert counted.ran == {}


def test_a_wiped_redis_repeats_nothing(stage: Stage) -> None:
    """But a short interval, which does no harm."""
    counted = Counted(stage.s, at(7, 1, 8))
    counted.move([counted.beat()], 2)
    assert counted.ran["report"] == 1
    with redis.Redis.from_url(stage.s.settings.redis_url) as client:
        client.flushall()
    counted.move([counted.beat()], 0.1, step=10)
    assert counted.ran["report"] == 1
    assert {entry.key for entry in stage.store.entries("schedules/")} == {"schedules/report", "schedules/clean-up"}


@pytest.mark.parametrize("ahead", [0.0, 0.5])
def test_a_run_without_its_lease_is_not_made_twice(stage: Stage, ahead: float) -> None:
    """Redis was wiped while it ran; its claim in the bucket holds as long as a lease, also if a clock is ahead."""
    counted = Counted(stage.s, at(7, 1, 8))
    counted.beat().run_due()
    counted.clock.now = at(7, 1, 9)
    runs, (entry,) = LastRuns(stage.s), [each for each in counted.found if each.name == "report"]
    last, etag = runs.load(entry)
    assert last
    runs.save(entry, LastRun(last.done, began=counted.clock.now + ahead), etag)
    beat = counted.beat()
    beat.run_due()
    assert counted.ran["report"] == 0
    counted.clock.now += stage.s.settings.lease_seconds + 1
    beat.run_due()
    assert counted.ran["report"] == 1, "the process that claimed it is gone"


def test_a_run_that_failed_is_tried_again_after_a_pause(stage: Stage) -> None:
    counted = Counted(stage.s, at(7, 1, 8))
    beat = counted.beat()
    beat.run_due()
    counted.clock.now = at(7, 1, 9)
    counted.fails = StoreDown("The bucket is away.")
    beat.run_due()
    last, _ = LastRuns(stage.s).load(next(each for each in counted.found if each.name == "report"))
    assert last and "The bucket is away." in last.problem
    counted.fails = None
    beat.run_due()
    assert counted.ran["report"] == 0, "not at once"
    counted.move([beat], 0.1, step=10)
    assert counted.ran["report"] == 1


def test_a_message_for_a_run_that_cannot_begin_or_end_comes_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a check, another one comes in a minute."""
    counted = Counted(stage.s, at(7, 1, 12))
    beat = counted.beat()
    beat.run_due()
    counted.clock.now += 86400
    assert beat.run("nothing has this name")
    counted.fails = StoreDown("The bucket is away.")
    assert not beat.run("report")
    assert beat.run("check")
    counted.fails = None
    with exclusive(stage.s.redis.leases, "schedule:report", 60.0):
        assert not beat.run("report"), "the process that is at it may die"
    counted.fails = InvalidRequest("It cannot work.")
    assert beat.run("report"), "it is noted, and the next time is tried"
    counted.fails = None
    assert beat.run("report") and not counted.ran["report"]
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Leases, "take", failing(RedisDown("Redis is away.")))
        assert not beat.run("clean-up")
    assert beat.run("clean-up")
    assert counted.ran["clean-up"] == 1


def test_a_run_that_cannot_work_is_not_tried_again(stage: Stage) -> None:
    counted = Counted(stage.s, at(7, 1, 8))
    beat = counted.beat()
    beat.run_due()
    counted.clock.now = at(7, 1, 9)
    counted.fails = InvalidRequest("There is no such thing.")
    beat.run_due()
    counted.fails = None
    counted.move([beat], 1, step=60)
    assert counted.ran["report"] == 0
    last, _ = LastRuns(stage.s).load(next(each for each in counted.found if each.name == "report"))
    assert last and last.problem == "There is no such thing."


@pytest.fixture
def orders(stage: Stage) -> Callable[..., tuple[Counted, Beat]]:
    """Beats that export the album each day at nine."""

    def make(**call: Any) -> tuple[Counted, Beat]:
        given = {"document": "photos", "params": {"listing": ALBUM}, **call}
        counted = Counted(stage.s, at(7, 1, 8), [])
        daily = next(each for each in entries(counted.s.settings) if each.name == "report").schedule
        counted.found = [Entry("orders", EXPORT, daily, ExportCall(**given))]
        beat = Beat(counted.s, {EXPORT: lambda run: start_export(counted.s, run)}, counted.found, counted.clock)
        beat.run_due()
        return counted, beat

    return make


def last_run(counted: Counted) -> LastRun:
    found, _ = LastRuns(counted.s).load(counted.found[0])
    assert found
    return found


def test_two_that_run_the_same_time_start_one_export(
    stage: Stage, orders: Callable[..., tuple[Counted, Beat]]
) -> None:
    """Also when the first died before it noted its run."""
    counted, beat = orders()
    before, etag = LastRuns(stage.s).load(counted.found[0])
    assert before
    counted.clock.now = at(7, 1, 9)
    beat.run_due()
    first = last_run(counted).export
    _, etag = LastRuns(stage.s).load(counted.found[0])
    LastRuns(stage.s).save(counted.found[0], before, etag)
    again = Beat(counted.s, {EXPORT: lambda run: start_export(counted.s, run)}, counted.found, counted.clock)
    again.run_due()
    assert last_run(counted).export == first
    assert stage.s.exports.active() == [first]
    counted.clock.now += 86400
    again.run_due()
    assert stage.s.exports.active() == [first, last_run(counted).export]


def test_skip_leaves_out_a_run_while_the_last_one_is_at_work(
    stage: Stage, orders: Callable[..., tuple[Counted, Beat]]
) -> None:
    counted, beat = orders(exclusive="skip")
    for day in range(2):
        counted.clock.now = at(7, 1 + day, 9)
        beat.run_due()
    first = last_run(counted).export
    assert stage.s.exports.active() == [first]
    assert last_run(counted).outcome == f"skipped: export {first} is at work"
    stage.s.exports.change(first, lambda e: e.to(State.CANCELLED))
    counted.move([beat], 1, step=60)
    assert stage.s.exports.active() == [first], "it is left out, not late"


def test_queue_lets_a_run_wait_for_the_last_one(stage: Stage, orders: Callable[..., tuple[Counted, Beat]]) -> None:
    counted, beat = orders(exclusive="queue")
    for day in range(3):
        counted.clock.now = at(7, 1 + day, 9)
        beat.run_due()
    first = last_run(counted).export
    assert last_run(counted).outcome == f"waits: export {first} is at work"
    stage.s.exports.change(first, lambda e: e.to(State.CANCELLED))
    counted.move([beat], 1, step=60)
    assert len(stage.s.exports.active()) == 2, "two were missed, one is made up for"


def test_an_unknown_document_is_a_problem_of_its_schedule(
    stage: Stage, orders: Callable[..., tuple[Counted, Beat]]
) -> None:
    counted, beat = orders(document="gone")
    counted.clock.now += timedelta(hours=1).total_seconds()
    beat.run_due()
    assert "There is no document 'gone'" in last_run(counted).problem
    assert last_run(counted).outcome == "failed"
