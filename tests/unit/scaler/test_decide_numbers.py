"""How many workers at the borders of each rule, on either side."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.scaler.decide import Demand, Dyno, Policy, Snapshot, decide

from .test_decide import PLENTY, asked, starting, up

FAST, CHEAP = Policy(100, waiting_price=1000), Policy(100, waiting_price=0.1)


def quantity(*demands: Demand, **more: Any) -> int:
    return asked(*demands, **more).quantity


def test_what_is_not_given_is_nothing() -> None:
    assert Demand("a", 1, 1.0) == Demand("a", 1, 1.0, before_seconds=0.0, after_seconds=0.0, deadline=None)
    assert Snapshot(0.0, [], [], 9.0) == Snapshot(0.0, [], [], 9.0, 0.0, 0, 0, 0.0, None, None)
    assert Policy(9) == Policy(9, slots=1, minimum=0, price=1.0, waiting_price=1.0, linger_seconds=5.0)


def test_the_clock_may_begin_anywhere() -> None:
    for clock in (0.0, 1000.0):
        dynos = [Dyno(number, clock - 13, False, False) for number in (1, 2, 3)]
        demand = Demand("a", 80, 1.0, deadline=clock + 20)
        assert decide(Snapshot(clock, [demand], dynos, 15.0), Policy(100, waiting_price=9)).quantity == 9


def test_chunks_of_an_export_that_is_planned_begin_when_its_planner_is_up() -> None:
    """The dyno is up in 10 s and plans for 3: it takes 4 of the chunks until another would be up, not 10."""
    assert quantity(Demand("a", 60, 0.5, before_seconds=3.0), dynos=starting(1, -5), policy=FAST) == 28


def test_a_dyno_that_is_very_late_does_not_put_off_the_others() -> None:
    plan = Demand("a", 40, 6.0, before_seconds=3.0)
    assert quantity(plan, dynos=starting(1, -100)) == quantity(plan) == 4


def test_a_busy_worker_is_half_through_its_chunk() -> None:
    """After 2 s it takes four more until another would be up. One is left, which it takes itself."""
    assert quantity(Demand("a", 5, 4.0), dynos=up(1, (1,)), policy=FAST) == 1
    assert quantity(Demand("a", 6, 4.0), dynos=up(1, (1,)), policy=FAST) == 2


@pytest.mark.parametrize(
    ("untaken", "chunk", "busy", "waiting_price", "expected"),
    [
        (100, 2.0, 6, 100, 20),  # what they hold is done when another comes: 58 chunks in three rounds
        (2, 120.0, 3, 1000, 4),  # 45 s of each chunk are left then: 2 + 3 * 45 / 120 chunks of work
    ],
)
def test_what_busy_workers_still_hold_counts(
    untaken: int, chunk: float, busy: int, waiting_price: float, expected: int
) -> None:
    dynos, policy = up(busy, tuple(range(1, busy + 1))), Policy(100, waiting_price=waiting_price)
    assert quantity(Demand("a", untaken, chunk), dynos=dynos, policy=policy) == expected


def test_a_boot_of_less_than_a_second_counts_as_such() -> None:
    assert decide(Snapshot(0.0, [Demand("a", 40, 0.1)], [], 0.25), PLENTY).quantity == 4  # sqrt(4 / 0.25)


def test_waiting_is_worth_what_it_costs_beside_a_dyno() -> None:
    assert quantity(Demand("a", 40, 6.0), policy=Policy(100, price=4.0, waiting_price=4.0)) == 4
    assert quantity(Demand("a", 40, 6.0), policy=Policy(100, price=4.0, waiting_price=1.0)) == 2


def test_two_slots_need_half_the_workers() -> None:
    two = Policy(100, slots=2)
    assert quantity(Demand("a", 40, 6.0, deadline=27), policy=two) == 10  # two rounds until then
    assert asked(Demand("a", 6, 2.0), dynos=up(10), policy=two).drain_above == 3


def test_an_export_of_unknown_length_hurries_nobody() -> None:
    known, unknown = Demand("a", 40, 6.0, deadline=40.0), Demand("b", 3, 0.0, deadline=1.0)
    assert quantity(known, unknown) == quantity(known, unknown._replace(deadline=None)) == 9


def test_a_second_order_must_gain_a_boot_besides_its_own() -> None:
    assert quantity(Demand("a", 10, 6.0), dynos=starting(1, 0)) == 2  # the gain is just that
    assert quantity(Demand("a", 9, 6.0), dynos=starting(1, 0)) == 1


def test_what_just_keeps_a_deadline_is_not_hurried() -> None:
    slightly_more = Policy(100, waiting_price=1.3)  # five would be best
    four = starting(4, 0)
    assert quantity(Demand("a", 40, 6.0, deadline=75), dynos=four, policy=slightly_more) == 4
    assert quantity(Demand("a", 40, 6.0, deadline=74), dynos=four, policy=slightly_more) == 5


@pytest.mark.parametrize(
    ("count", "untaken", "policy", "keep"),
    [
        (4, 3, Policy(100), 3),  # one too many is worth as much as a second of waiting
        (4, 3, Policy(100, waiting_price=1.1), 4),
        (10, 3, Policy(10, waiting_price=10), 10),  # as many as there may be
        (10, 3, Policy(9, waiting_price=10), 3),
    ],
)
def test_surplus_workers_are_kept_while_waiting_costs_more(
    count: int, untaken: int, policy: Policy, keep: int
) -> None:
    assert asked(Demand("a", untaken, 2.0), dynos=up(count), policy=policy).drain_above == keep


@pytest.mark.parametrize(
    ("count", "busy", "untaken", "chunk", "maximum", "expected"),
    [
        (10, 8, 4, 20.0, 100, 8),  # two dynos, half a chunk and one round: 2 * 20 * 1.5 s, which is four boots
        (10, 8, 4, 19.9, 100, 10),
        (10, 8, 4, 19.9, 10, 10),
        (10, 8, 4, 19.9, 9, 8),  # more than may be: they go
        (9, 3, 0, 2.0, 100, 3),  # two thirds
        (9, 4, 0, 2.0, 100, 9),
    ],
)
def test_a_call_must_save_four_boots_or_two_thirds(
    count: int, busy: int, untaken: int, chunk: float, maximum: int, expected: int
) -> None:
    demand = Demand("a", untaken, chunk, after_seconds=5.0)
    assert quantity(demand, dynos=up(count, (busy,)), policy=Policy(maximum)) == expected


@pytest.mark.parametrize(("since", "keep"), [(-9.5, 3), (-9.0, 2), (-8.0, 2)])
def test_a_worker_that_comes_when_all_is_taken_gets_none(since: float, keep: int) -> None:
    """Two workers with two slots take eight chunks of 3 s in 6 s."""
    dynos = [*up(2, (1, 2)), Dyno(3, since, False, False)]
    cheap = Policy(100, slots=2, waiting_price=0.1)
    assert asked(Demand("a", 8, 3.0), dynos=dynos, policy=cheap).drain_above == keep


def test_the_reason_names_the_narrowest_limit() -> None:
    assert "(the maximum)" in asked(Demand("a", 400, 6.0), fitting=4, policy=Policy(4)).reason
    as_ordered = asked(Demand("a", 40, 6.0), dynos=starting(4, 0)).reason
    assert as_ordered == "40 chunks of 6 s left to take, 4 workers: another, up in 15 s, is not worth its boot."
