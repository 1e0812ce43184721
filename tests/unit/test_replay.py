"""The replay of measured steps: what it must show of a schedule, on numbers that are easy to add up."""

from __future__ import annotations

import pytest

from bench.replay import Linear, Times, Workers, replayed
from bench.speedup import Records, times_of
from pipeline.exports.measures import RANGE_BYTES

NOTHING = Linear(0.0, 0.0)
EVEN = Times(
    divide=0.0,
    ranges=(1.0,),
    paginate=NOTHING,
    pages=(0.001,),
    wave=0.0,
    join=NOTHING,
    between=0.0,
    page_bytes=2048.0,
)


def test_on_one_worker_all_steps_follow_each_other() -> None:
    times = Times(
        0.5, (1.0, 2.0), Linear(0.1, 0.0001), (0.001, 0.003), 0.0, Linear(0.0, 0.0002), 0.0, RANGE_BYTES / 1000
    )
    run = replayed(times, 4000, 1, chunk_pages=1000)
    assert run.measured == pytest.approx(0.5 + 1 + 2 + 1 + 2)
    assert run.planned - run.measured == pytest.approx(0.1 + 0.4)
    assert run.drawn - run.planned == pytest.approx(1 + 3 + 1 + 3)
    assert run.ready - run.drawn == pytest.approx(0.8)


@pytest.mark.parametrize("workers", [2, 8, 64])
def test_work_that_divides_evenly_is_as_many_times_faster(workers: int) -> None:
    pages = 64 * 8 * 2048
    alone = replayed(EVEN, pages, 1, pages // 256).ready
    assert alone / replayed(EVEN, pages, workers, pages // 256).ready == pytest.approx(workers)


def test_what_one_worker_does_alone_limits_the_speedup() -> None:
    serial = Times(0.0, (1.0,), NOTHING, (0.001,), 0.0, Linear(0.0, 0.001), 0.0, 2048.0)
    alone, many = (replayed(serial, 100_000, n, 200) for n in (1, 64))
    assert many.ready - many.drawn == pytest.approx(100)
    assert alone.ready / many.ready < 3


def test_a_third_wave_waits_for_the_first() -> None:
    """Ten steps of a second by ten workers, in waves of two: four are under way at a time."""
    workers = Workers(10, 0.0)
    ends: list[float] = []
    workers.side_by_side([1.0] * 40, 2, 0.0, lambda: ends.append(workers.now))
    workers.run()
    assert ends == [10.0]


def paginated(measure: float, paginate: float, processes: int, ranges: int = 64) -> tuple[float, float]:
    """When all ranges were measured, and how long after that all pages were found."""
    pages = ranges * 1000
    times = Times(
        0.0, (measure,), Linear(0.0, paginate / 1000), (0.001,), 0.0, NOTHING, 0.0, RANGE_BYTES / 1000
    )  # fmt: skip
    run = replayed(times, pages, processes, 1000)
    return run.measured, run.planned - run.measured


def test_pages_are_found_while_later_ranges_are_measured() -> None:
    """Two waves of 16 are measured by four workers in 8 s. Then one of them finds the pages of 32 ranges in 3.2 s,
    and of what the others measured meanwhile."""
    measured, rest = paginated(1.0, 0.1, 4)
    assert 16 + 0.8 <= measured <= 18
    assert rest < 64 * 0.1 / 4


def test_few_ranges_are_paginated_when_all_are_measured() -> None:
    """They are one chord, without waves."""
    assert paginated(1.0, 0.1, 4, ranges=32) == pytest.approx((8.0, 3.2))


def test_one_worker_takes_as_long_as_if_it_paginated_at_the_end() -> None:
    assert sum(paginated(1.0, 0.1, 1)) == pytest.approx(64 * 1.1)


def test_paginating_that_is_slower_than_measuring_ends_behind_it() -> None:
    """It begins behind the first wave, and does not stop."""
    measured, rest = paginated(1.0, 0.5, 16)
    assert measured + rest == pytest.approx(2 + 64 * 0.5, abs=1)


def test_times_are_those_of_the_workers_records() -> None:
    def record(step: str, second: float, ms: int, pages: int = 0) -> dict[str, object]:
        return {"ts": f"2026-01-01T00:00:{second:06.3f}+00:00", "step": step, "ms": ms, "pages": pages}

    records = [
        record("plan", 1, 500), record("measure", 2.1, 1000), record("measure", 2.5, 300),
        record("plan", 3.1, 500, 1000), record("render", 5.2, 2000, 1000), record("assemble", 5.4, 100, 1000),
    ]  # fmt: skip
    tiny = [record("plan", 0.1, 100), record("assemble", 0.2, 50, 1)]
    times = times_of(Records([tiny], [record("wave", 9, 20)], records), RANGE_BYTES + 9)
    assert times.ranges == (1.0,), "the last one is not a whole one"
    assert (times.divide, times.pages, times.wave) == (0.5, (0.002,), 0.02)
    assert times.paginate.of(0) == 0.1
    assert times.paginate.of(1000) == pytest.approx(0.5)
    assert times.join.of(1000) == pytest.approx(0.1)
    partly = [record("plan", 2.6, 300), *records[3:]]
    times = times_of(Records([tiny], [record("wave", 9, 20)], [*records[:3], *partly]), RANGE_BYTES + 9)
    assert times.paginate.of(1000) == pytest.approx(0.8), "both steps"
    assert times.between == pytest.approx(0.1, abs=1e-4)


def test_a_listing_that_was_not_divided_tells_nothing() -> None:
    with pytest.raises(RuntimeError, match="more --pages"):
        times_of(Records([], [], [{"step": "plan", "ts": "2026-01-01T00:00:01+00:00", "ms": 1}]), 100)
