"""Measuring: workers by their numbers, and what an export still needs."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Literal, cast

import pytest
from msgspec import structs

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
EXPORT = Export("0" * 26, "photos", {}, "shop", 0.0)


def status_of(quantity: int, mode: Literal["formation", "one-off"] = "formation") -> PoolStatus:
    return PoolStatus(mode, quantity, None, None, 0.0, 0, ordered_at=50.0)


def worker(name: str, busy: bool = False, one_off: bool = False) -> Worker:
    return Worker(name, name, one_off, 60.0, busy)


UP, BUSY, BOOTS = (60.0, True, False), (60.0, True, True), (50.0, False, False)


@pytest.mark.parametrize(
    ("workers", "seen", "expected"),
    [
        ([], status_of(2), [BOOTS, BOOTS]),
        ([worker("worker.2", busy=True)], status_of(2), [BOOTS, BUSY]),
        ([worker("worker.1"), worker("worker.3")], status_of(2), [UP, BOOTS]),  # the third is being stopped
        ([worker("worker-x9k2", busy=True)], status_of(2), [BUSY, BOOTS]),  # no numbers: any of them
        ([worker("worker-x9k2"), worker("worker.1", busy=True)], status_of(2), [BUSY, UP]),
        ([worker("run.7", one_off=True)], status_of(1), [BOOTS]),  # not of the formation
        ([worker("run.7", one_off=True), worker("run.9", True, True)], status_of(3, "one-off"), [UP, BUSY, BOOTS]),
        ([worker("run.7", one_off=True)], status_of(0, "one-off"), [UP]),  # it is there, whatever the list says
    ],
    ids=["none", "second", "beyond", "numberless", "both", "stranger", "one-off", "unlisted"],
)  # fmt: skip
def test_every_ordered_worker_has_its_number(
    workers: list[Worker], seen: PoolStatus, expected: list[tuple[float, bool, bool]]
) -> None:
    assert dynos(workers, seen, 70.0) == [Dyno(n, *facts) for n, facts in enumerate(expected, 1)]


def test_a_silent_dyno_is_not_able_to_work_until_it_reports() -> None:
    status = replace(status_of(3), unable=("worker.1", "worker.2", "worker-x9k2"))
    found = dynos([worker("worker.2"), worker("worker.3")], status, 70.0)
    assert [dyno.unable for dyno in found] == [True, False, False]


def test_a_rendered_export_needs_its_untaken_chunks() -> None:
    export = structs.replace(EXPORT, state=State.RENDERING, pages=500, ready_by=99.0)
    found = demand(export, [Chunk(3, 0, 40, 0, 0), Chunk(4, 40, 20, 0, 0)], 7.0, LEARNED, SETTINGS, 0.0)
    assert (found.untaken, found.deadline) == (2, 99.0)
    assert found.chunk_seconds == pytest.approx(CHUNK_SECONDS + 30 * 0.1)
    assert found.after_seconds == pytest.approx(STEP_SECONDS + 500 * 0.002)


def test_the_plan_times_pages_of_a_new_kind() -> None:
    export = structs.replace(EXPORT, document="table", state=State.RENDERING)
    assert demand(export, [Chunk(0, 0, 10, 0, 0)], 7.0, LEARNED, SETTINGS, 0.0).chunk_seconds == CHUNK_SECONDS + 70


def test_while_planned_an_export_has_its_kinds_size() -> None:
    found = demand(
        structs.replace(EXPORT, state=State.PLANNING, started_at=100.0), [], 0.0, LEARNED, SETTINGS, 104.0
    )
    assert found.before_seconds == pytest.approx(STEP_SECONDS + 10 - 4)
    assert found.untaken * found.chunk_seconds == pytest.approx(
        1000 * 0.1 + found.untaken * CHUNK_SECONDS, rel=0.05
    )


def test_measuring_is_work_that_can_be_taken_now() -> None:
    export = structs.replace(EXPORT, document="table", state=State.PLANNING, started_at=100.0)
    found = demand(export, [], 0.0, LEARNED, SETTINGS, 104.0, unmeasured=30.0)
    assert (found.untaken, found.chunk_seconds, found.before_seconds) == (30, 1.0, 0.0)
    known = demand(structs.replace(export, document="photos"), [], 0.0, LEARNED, SETTINGS, 104.0)
    both = demand(structs.replace(export, document="photos"), [], 0.0, LEARNED, SETTINGS, 104.0, unmeasured=30.0)
    assert both.untaken * both.chunk_seconds == pytest.approx(30 + known.untaken * known.chunk_seconds)
    assert both.before_seconds == 0.0
    assert both.after_seconds == known.after_seconds


def test_an_export_of_an_unknown_kind_has_no_size() -> None:
    assert demand(structs.replace(EXPORT, document="table"), [], 0.0, LEARNED, SETTINGS, 0.0).untaken == 0


class NoMessages:
    """What a gauge reads of Redis: the workers that are up, and no messages."""

    def __init__(self) -> None:
        self.online: list[Worker] = []
        self.workers = self.messages = self

    def up(self) -> list[Worker]:
        return self.online

    def waiting(self) -> int:
        return 0

    def unacknowledged(self) -> list[str]:
        return []


def test_a_restarted_worker_does_not_count_as_a_boot() -> None:
    redis = NoMessages()
    gauge = Gauge(cast(Coordination, redis))

    def learned(ordered_at: float | None, *up: tuple[str, float]) -> float:
        redis.online = [Worker(f"{name} {since}", name, False, since) for name, since in up]
        ordered = replace(status_of(2), ordered_at=ordered_at)
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


def test_a_new_term_asks_workers_since_when_they_idle() -> None:
    redis, now = NoMessages(), time.time()
    gauge = Gauge(cast(Coordination, redis))

    def idle(*since: float) -> float:
        redis.online = [Worker(str(moment), "worker", False, 60.0, idle_since=moment) for moment in since]
        return gauge.snapshot([], status_of(1), Learned())[0].idle_seconds

    assert idle(now - 300) == pytest.approx(300, abs=20)
    gauge.forget()
    assert idle(now - 300, now - 100) == pytest.approx(100, abs=20)
    assert idle() >= 100, "idle since then, although workers have left"
