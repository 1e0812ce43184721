"""Which dynos are silent, and which of them are restarted."""

from __future__ import annotations

import pytest

from pipeline.adapters.redis.workers import FORGET_SECONDS
from pipeline.scaler import silent
from pipeline.scaler.learned import BOOT_SECONDS
from pipeline.scaler.silent import BOOTS, SilenceWatch, UpDyno, patience, silent_dynos, to_restart

BOOT, NOW = 15.0, 1000.0
OLD, YOUNG, UNDATED = (UpDyno(f"worker.{n}", f"id{n}", since) for n, since in ((1, 900.0), (2, 971.0), (3, None)))


@pytest.mark.parametrize(
    ("up", "reporting", "found"),
    [
        ([OLD], set(), [OLD]),
        ([OLD], {"id1"}, []),
        ([OLD], {"worker.1"}, [OLD]),  # it is known by another name
        ([YOUNG], set(), []),  # it boots
        ([UNDATED], set(), []),  # nobody knows how long it is up
        ([OLD, YOUNG, UNDATED], {"id2"}, [OLD]),
        ([], {"id1"}, []),
    ],
)
def test_a_dyno_is_silent_that_had_time_to_boot(up: list[UpDyno], reporting: set[str], found: list[UpDyno]) -> None:
    assert silent_dynos(up, reporting, {}, NOW, 2 * BOOT, 2 * BOOT) == found


@pytest.mark.parametrize(
    ("up_for", "heard_ago", "late"),
    [
        (5, 3, True),  # it hangs
        (5, None, False),  # it boots
        (5, 7, False),  # that was the dyno before it
        (29, None, False),
        (31, None, True),
    ],
)
def test_a_dyno_that_never_reported_has_longer(up_for: float, heard_ago: float | None, late: bool) -> None:
    """On a busy machine it boots far more slowly than was learned; restarted meanwhile, it begins anew."""
    dyno = UpDyno("worker.1", "id1", NOW - up_for)
    heard = {} if heard_ago is None else {"id1": NOW - heard_ago}
    assert silent_dynos([dyno], set(), heard, NOW, 4.0, 30.0) == ([dyno] if late else [])


@pytest.mark.parametrize(
    ("silent_for", "restarted_before", "restarts"),
    [
        (None, None, False),  # this is the first look
        (FORGET_SECONDS - 1, None, False),
        (FORGET_SECONDS, None, True),
        (FORGET_SECONDS, 2 * BOOT - 1, False),
        (FORGET_SECONDS, 2 * BOOT, True),
    ],
)
def test_a_dyno_is_restarted_once_in_two_boots(
    silent_for: float | None, restarted_before: float | None, restarts: bool
) -> None:
    since = {} if silent_for is None else {"worker.1": NOW - silent_for}
    before = {} if restarted_before is None else {"worker.1": NOW - restarted_before}
    assert to_restart([OLD], since, before, NOW, 2 * BOOT) == ([OLD] if restarts else [])


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(silent, "time", clock)
    return clock


def looks(watch: SilenceWatch, clock: Clock, turns: list[tuple[float, set[str]]]) -> list[list[str]]:
    """The names of dynos to restart at each turn: (seconds after NOW, workers that report)."""
    found = []
    for seconds, reporting in turns:
        clock.now = NOW + seconds
        found.append([dyno.name for dyno in watch.find(not reporting, reporting, 1.0, lambda: [OLD])])
    return found


def test_it_is_restarted_after_two_looks(clock: Clock) -> None:
    watch = SilenceWatch()
    assert looks(watch, clock, [(0, set()), (5, set()), (6, set()), (7, set())]) == [[], [], ["worker.1"], []]
    assert watch.unable == ("worker.1",)
    looks(watch, clock, [(9, {"id1"})])
    assert not watch.unable


def test_a_worker_that_reported_in_between_is_not_silent(clock: Clock) -> None:
    """Redis was wiped twice."""
    turns: list[tuple[float, set[str]]] = [(0, set()), (5, {"id1"}), (100, set()), (101, {"id1"})]
    assert looks(SilenceWatch(), clock, turns) == [[], [], [], []]


def test_after_redis_was_away_silence_counts_anew(clock: Clock) -> None:
    watch = SilenceWatch()
    looks(watch, clock, [(0, set())])
    watch.forget()
    assert looks(watch, clock, [(6, set()), (11, set()), (12, set())]) == [[], [], ["worker.1"]]


@pytest.mark.parametrize("takes", [1.5, 10.0, 100.0, 250.0])
def test_a_dyno_that_boots_more_slowly_than_was_learned_works_at_last(clock: Clock, takes: float) -> None:
    """It was restarted every few seconds for ever."""
    watch, since, restarts = SilenceWatch(), NOW - 100, 0
    while clock.now < NOW + 2000:
        reports = restarts > 0 and clock.now - since > takes
        if reports:
            break
        found = watch.find(True, set(), 1.0, lambda: [UpDyno("worker.1", "id1", since)])  # noqa: B023
        if found:
            since, restarts = clock.now, restarts + 1
        clock.now += 0.5
    assert reports
    assert restarts <= 5


def test_patience_is_bounded_and_ends_when_all_report(clock: Clock) -> None:
    assert [patience(15, n) for n in (0, 1, 2, 10, 5000)] == [30, 60, 120, 300, 300]
    assert patience(200, 3) == 400
    watch = SilenceWatch()
    turns: list[tuple[float, set[str]]] = [(0, set()), (6, set()), (20, {"id1"}), (21, set()), (27, set())]
    assert looks(watch, clock, turns) == [[], ["worker.1"], [], [], ["worker.1"]]


def test_heroku_is_asked_less_and_less_often_while_no_dyno_is_silent(clock: Clock) -> None:
    watch, asked = SilenceWatch(), []

    def listed() -> list[UpDyno]:
        asked.append(clock.now - NOW)
        return []

    for clock.now in range(int(NOW), int(NOW) + 220):
        assert watch.find(True, set(), 1.0, listed) == []
    assert asked == [0, 6, 18, 42, 90, 150, 210]
    watch.find(False, set(), 1.0, listed)
    watch.find(True, set(), 1.0, listed)
    assert len(asked) == 8, "workers were complete in between"


def test_a_dyno_that_reported_once_is_restarted_sooner(clock: Clock) -> None:
    first = []
    for reported in (True, False):
        watch, up, found = SilenceWatch(), UpDyno("worker.1", "id1", NOW), []
        for clock.now in range(int(NOW) + 1, int(NOW) + 120):
            reporting = {"id1"} if reported and clock.now == NOW + 1 else set()
            if watch.find(not reporting, reporting, 1.0, lambda: [up]):  # noqa: B023
                found.append(clock.now - NOW)
        first.append(found[0])
    assert first[0] < BOOTS * BOOT_SECONDS < first[1]
