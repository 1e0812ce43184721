"""What the scaler sees: workers by their numbers, and what an export still needs."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import cast

import pytest

from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis.workers import Worker
from pipeline.exports.export import Export, State
from pipeline.exports.plan import Chunk
from pipeline.scaler.decide import Dyno
from pipeline.scaler.learned import CHUNK_SECONDS, STEP_SECONDS, WEIGHT, Learned
from pipeline.scaler.measure import Gauge, demand, dynos
from pipeline.scaler.pool import PoolStatus
from pipeline.settings import Settings

SETTINGS = Settings.from_env({"CHUNK_SECONDS": "10", "MAX_WORKERS": "4"})
LEARNED = Learned(page={"photos": 0.1}, pages={"photos": 1000.0}, plan={"photos": 0.01}, assembly={"photos": 0.002})
EXPORT = Export("0" * 26, "photos", {}, "somebody", 0.0)


def standing(quantity: int, way: str = "formation") -> PoolStatus:
    return PoolStatus(way, quantity, None, None, 0.0, 0, ordered_at=50.0)


def worker(name: str, busy: bool = False, one_off: bool = False) -> Worker:
    return Worker(name, name, one_off, 60.0, busy)


UP, BUSY, BOOTS = (60.0, True, False), (60.0, True, True), (50.0, False, False)


@pytest.mark.parametrize(
    ("workers", "seen", "expected"),
    [
        ([], standing(2), [BOOTS, BOOTS]),
        ([worker("worker.2", busy=True)], standing(2), [BOOTS, BUSY]),
        ([worker("worker.1"), worker("worker.3")], standing(2), [UP, BOOTS]),  # the third is on its way out
        ([worker("worker-x9k2", busy=True)], standing(2), [BUSY, BOOTS]),  # no numbers: any of them
        ([worker("worker-x9k2"), worker("worker.1", busy=True)], standing(2), [BUSY, UP]),
        ([worker("run.7", one_off=True)], standing(1), [BOOTS]),  # not of the formation
        ([worker("run.7", one_off=True), worker("run.9", True, True)], standing(3, "one-off"), [UP, BUSY, BOOTS]),
        ([worker("run.7", one_off=True)], standing(0, "one-off"), [UP]),  # it is there, whatever the list says
    ],
    ids=["none", "second", "beyond", "numberless", "both", "stranger", "one-off", "unlisted"],
)  # fmt: skip
def test_every_worker_that_is_ordered_has_its_place(
    workers: list[Worker], seen: PoolStatus, expected: list[tuple[float, bool, bool]]
) -> None:
    assert dynos(workers, seen, 70.0) == [Dyno(n, *facts) for n, facts in enumerate(expected, 1)]


def test_an_export_that_is_rendered_needs_the_chunks_that_nobody_took() -> None:
    export = replace(EXPORT, state=State.RENDERING, pages=500, ready_by=99.0)
    found = demand(export, [Chunk(3, 0, 40, 0, 0), Chunk(4, 40, 20, 0, 0)], 7.0, LEARNED, SETTINGS, 0.0)
    assert (found.untaken, found.deadline) == (2, 99.0)
    assert found.chunk_seconds == pytest.approx(CHUNK_SECONDS + 30 * 0.1)
    assert found.after_seconds == pytest.approx(STEP_SECONDS + 500 * 0.002)


def test_of_a_kind_that_was_never_made_the_plan_says_how_long_a_page_takes() -> None:
    export = replace(EXPORT, document="table", state=State.RENDERING)
    assert demand(export, [Chunk(0, 0, 10, 0, 0)], 7.0, LEARNED, SETTINGS, 0.0).chunk_seconds == CHUNK_SECONDS + 70


def test_while_it_is_planned_an_export_is_as_large_as_its_kind_is() -> None:
    found = demand(replace(EXPORT, state=State.PLANNING, started_at=100.0), [], 0.0, LEARNED, SETTINGS, 104.0)
    assert found.before_seconds == pytest.approx(STEP_SECONDS + 10 - 4)
    assert found.untaken * found.chunk_seconds == pytest.approx(
        1000 * 0.1 + found.untaken * CHUNK_SECONDS, rel=0.05
    )


def test_while_nothing_is_known_of_its_kind_an_export_has_no_size() -> None:
    assert demand(replace(EXPORT, document="table"), [], 0.0, LEARNED, SETTINGS, 0.0).untaken == 0


class Roster:
    """Who is up, for a gauge; nothing waits."""

    def __init__(self) -> None:
        self.up: list[Worker] = []

    def workers(self) -> list[Worker]:
        return self.up

    def waiting(self) -> int:
        return 0

    def unacknowledged(self) -> list[str]:
        return []


def test_a_worker_that_dies_and_is_started_again_does_not_teach_how_long_a_boot_takes() -> None:
    roster = Roster()
    gauge = Gauge(cast(Coordination, roster))

    def learned(ordered_at: float | None, *up: tuple[str, float]) -> float:
        roster.up = [Worker(f"{name} {since}", name, False, since) for name, since in up]
        ordered = replace(standing(2), ordered_at=ordered_at)
        return gauge.snapshot([], ordered, Learned(boot=10.0))[1].boot

    assert learned(None, ("worker.1", 20.0)) == 10.0, "nobody knows when it was ordered"
    assert learned(50.0, ("worker.1", 20.0)) == 10.0, "it was there before"
    assert learned(50.0, ("worker.1", 20.0), ("worker.2", 80.0)) == pytest.approx(10 + WEIGHT * 20)
    assert learned(50.0) == 10.0
    assert learned(50.0, ("worker.1", 350.0), ("worker.2", 350.0)) == 10.0, "both died and are back"
    assert learned(400.0, ("worker.1", 350.0), ("worker.2", 450.0)) == 10.0, "one died just before the next order"
    assert learned(400.0, ("worker.1", 350.0), ("worker.3", 430.0)) == pytest.approx(10 + WEIGHT * 20)
    gauge.forget()
    assert learned(400.0, ("worker.4", 700.0)) == 10.0, "another led, and ordered it"
    assert learned(800.0, ("worker.4", 700.0), ("worker.5", 830.0)) == pytest.approx(10 + WEIGHT * 20)


def test_who_leads_again_does_not_take_the_work_that_another_saw_for_idleness() -> None:
    roster, now = Roster(), time.time()
    gauge = Gauge(cast(Coordination, roster))

    def idle(*since: float) -> float:
        roster.up = [Worker(str(moment), "worker", False, 60.0, idle_since=moment) for moment in since]
        return gauge.snapshot([], standing(1), Learned())[0].idle_seconds

    assert idle(now - 300) == pytest.approx(300, abs=20)
    gauge.forget()
    assert idle(now - 300, now - 100) == pytest.approx(100, abs=20)
    assert idle() >= 100, "it has been idle, whoever has left since"
