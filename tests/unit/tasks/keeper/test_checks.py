"""Each export is checked on its own: back-off, what is assumed meanwhile, and a bucket that is down as a whole."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import pytest

from pipeline.errors import DamagedExport, RedisDown, StoreDown
from pipeline.exports.ids import created, new_id
from pipeline.scaler.decide import Demand
from pipeline.tasks.keeper import checks
from pipeline.tasks.keeper.checks import ExportChecks

DEADLINE = 1000.0
IDS = sorted(new_id() for _ in range(5))
BAD, *GOOD = IDS


class Clock:
    """Stands in for the module's clock: seconds since the test began, and since 1970."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self._began = created(BAD)

    def monotonic(self) -> float:
        return self.seconds

    def time(self) -> float:
        return self._began + self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(checks, "time", clock)
    return clock


def well(export_id: str) -> Demand | None:
    return Demand(export_id, 7, 2.0)


def refusing(error: Exception, bad: list[str], tried: list[str] | None = None) -> Callable[[str], Demand | None]:
    def check(export_id: str) -> Demand | None:
        if export_id in bad:
            if tried is not None:
                tried.append(export_id)
            raise error
        return well(export_id)

    return check


@pytest.mark.parametrize("error", [StoreDown("no"), DamagedExport("no"), ZeroDivisionError()])
def test_the_others_are_checked(clock: Clock, error: Exception) -> None:
    demands = ExportChecks(DEADLINE).demands(IDS, refusing(error, [BAD]))
    assert demands == [Demand(BAD, 0, 0.0), *map(well, GOOD)]


def test_a_bad_export_is_tried_again_less_and_less_often(clock: Clock) -> None:
    exports, tries = ExportChecks(DEADLINE), []
    for clock.seconds in range(200):
        tried: list[str] = []
        exports.demands(IDS, refusing(StoreDown("no"), [BAD], tried))
        tries += [clock.seconds] * len(tried)
    assert tries == [0, 1, 3, 7, 15, 31, 63, 123, 183]


def test_its_last_known_work_counts_for_a_bounded_time(clock: Clock) -> None:
    exports = ExportChecks(DEADLINE)
    exports.demands(IDS, well)
    found = []
    for clock.seconds in (1.0, checks.KNOWN_SECONDS, checks.KNOWN_SECONDS + 2, DEADLINE + 1):
        found.append(exports.demands([BAD, GOOD[0]], refusing(StoreDown("no"), [BAD]))[:-1])
    nothing: list[Demand] = []
    assert found == [[well(BAD)], [well(BAD)], [Demand(BAD, 0, 0.0)], nothing]


def test_each_change_is_logged_once(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    exports = ExportChecks(DEADLINE)
    with caplog.at_level(logging.INFO):
        for check in [refusing(StoreDown("one"), [BAD])] * 3 + [refusing(StoreDown("two"), [BAD])] * 2 + [well] * 2:
            clock.seconds += 60
            exports.demands(IDS, check)
            assert exports.failing == (check is not well)
    words = [record.getMessage() for record in caplog.records]
    assert [("could not" in each, "one" in each, "two" in each, "again" in each) for each in words] == [
        (True, True, False, True), (True, False, True, True), (False, False, False, True),
    ]  # fmt: skip


def test_a_bucket_that_refuses_all_is_down(clock: Clock) -> None:
    exports = ExportChecks(DEADLINE)
    for clock.seconds in (0, 0.5, 2):
        with pytest.raises(StoreDown):
            exports.demands([BAD], refusing(StoreDown("no"), IDS))
    clock.seconds = 9
    assert exports.demands([BAD], well) == [well(BAD)]


def test_a_bucket_that_is_down_is_not_asked_for_each_export(clock: Clock) -> None:
    tried: list[str] = []
    with pytest.raises(StoreDown):
        ExportChecks(DEADLINE).demands(IDS, refusing(StoreDown("no"), IDS, tried))
    assert len(tried) == checks.DOWN_AFTER


def test_three_bad_exports_delay_the_others_by_one_turn(clock: Clock) -> None:
    exports, check = ExportChecks(DEADLINE), refusing(StoreDown("no"), IDS[:3])
    with pytest.raises(StoreDown):
        exports.demands(IDS, check)
    clock.seconds = 5
    assert exports.demands(IDS, check)[3:] == [well(IDS[3]), well(IDS[4])]


def test_an_old_refused_export_keeps_no_worker_up(clock: Clock) -> None:
    clock.seconds = DEADLINE + 1
    assert ExportChecks(DEADLINE).demands([BAD], refusing(StoreDown("no"), [BAD])) == []


def test_without_redis_no_export_can_be_checked(clock: Clock) -> None:
    with pytest.raises(RedisDown):
        ExportChecks(DEADLINE).demands(IDS, refusing(RedisDown("no"), [BAD]))


class Slow:
    """Checks that take a second each; some fail."""

    def __init__(self, clock: Clock, bad: Sequence[str] = ()) -> None:
        self._clock = clock
        self._bad = bad
        self.checked: list[int] = []

    def __call__(self, export_id: str) -> Demand | None:
        self._clock.seconds += 1
        self.checked.append(IDS.index(export_id))
        if export_id in self._bad:
            raise DamagedExport("no")
        return well(export_id)

    def turn(self, exports: ExportChecks) -> list[int]:
        self.checked.clear()
        exports.demands(IDS, self, 1.5)
        return list(self.checked)


def test_what_a_turn_has_no_time_for_is_checked_in_the_next(clock: Clock) -> None:
    exports, check = ExportChecks(DEADLINE), Slow(clock)
    assert exports.demands(IDS, check, 1.5) == [
        well(IDS[0]), well(IDS[1]), *(Demand(each, 0, 0.0) for each in IDS[2:])]  # fmt: skip
    assert check.turn(exports) == [2, 3]
    assert check.turn(exports) == [4, 0]
    assert exports.demands(IDS, check, 1.5) == list(map(well, IDS)), "what is known counts"
    assert exports.demands(IDS[3:], check, 1.5) == list(map(well, IDS[3:])), "the others ended"
    assert check.turn(exports) == [0, 1], "a round is over: it begins with the oldest"


def test_what_failed_has_a_time_of_its_own(clock: Clock) -> None:
    exports, check = ExportChecks(DEADLINE), Slow(clock, IDS[:3])
    assert [check.turn(exports) for _ in range(3)] == [[0, 1], [2, 3, 0, 1], [4, 3, 2, 0]]
    clock.seconds += 60
    assert [check.turn(exports) for _ in range(2)] == [[3, 4, 1, 2], [3, 4, 0, 1]]


def test_no_export_is_taken_for_done_that_was_not_checked(clock: Clock) -> None:
    exports = ExportChecks(DEADLINE)
    exports.demands(IDS, well)
    exports.forget()
    assert exports.demands(IDS, well, -1.0) == [Demand(each, 0, 0.0) for each in IDS]


def test_the_known_work_of_a_late_export_counts_for_a_while(clock: Clock) -> None:
    """It may have been retried, long after it was requested."""
    kept = ExportChecks(DEADLINE)
    clock.seconds = 2 * DEADLINE
    assert kept.demands([BAD], well) == [Demand(BAD, 7, 2.0)]

    def bad(export_id: str) -> Demand | None:
        raise DamagedExport("It cannot be read.")

    clock.seconds += 1
    assert kept.demands([BAD], bad) == [Demand(BAD, 7, 2.0)]
    clock.seconds += checks.KNOWN_SECONDS + 1
    assert kept.demands([BAD], bad) == []
