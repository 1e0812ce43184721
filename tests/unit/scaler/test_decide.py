"""How many workers: tables of numbers, and what holds for any numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scaler.decide import Decision, Demand, Dyno, Policy, Resizing, Snapshot, decide

BOOT = 15.0
PLENTY = Policy(100)


def up(count: int, busy: tuple[int, ...] = ()) -> list[Dyno]:
    return [Dyno(number, -100.0, True, number in busy) for number in range(1, count + 1)]


def starting(count: int, since: float) -> list[Dyno]:
    return [Dyno(number, since, False, False) for number in range(1, count + 1)]


def asked(*demands: Demand, dynos: list[Dyno] | None = None, policy: Policy = PLENTY, **more: Any) -> Decision:
    return decide(Snapshot(0.0, demands, dynos or [], BOOT, **more), policy)


@pytest.mark.parametrize(
    ("chunks", "seconds", "slots", "waiting_price", "maximum", "expected"),
    [
        (40, 6, 1, 1, 100, 4),  # sqrt(240 / 15) = 4: ten rounds, 75 s
        (40, 6, 1, 10, 100, 10),  # sqrt(2400 / 15) = 12.6; as fast as 10, of which none is idle: 39 s
        (40, 6, 1, 100, 100, 40),  # one round
        (40, 6, 1, 0.01, 100, 1),  # waiting costs nothing
        (40, 6, 1, 10, 9, 8),  # 9 would take five rounds, and so do 8
        (40, 6, 2, 1, 100, 3),  # sqrt(240 / 30) = 2.8: 14 rounds on 3 x 2 slots
        (1, 6, 1, 100, 100, 1),
        (0, 6, 1, 1, 100, 1),  # nothing is known yet, or only the assembly is left
        (400, 15, 1, 1, 4, 4),
    ],
)
def test_the_first_order_is_the_whole_number(
    chunks: int, seconds: float, slots: int, waiting_price: float, maximum: int, expected: int
) -> None:
    policy = Policy(maximum, slots, waiting_price=waiting_price)
    assert asked(Demand("a", chunks, seconds), policy=policy).quantity == expected


def test_no_more_workers_than_redis_has_connections_for() -> None:
    decision = asked(Demand("a", 40, 6.0), fitting=2)
    assert decision.quantity == 2
    assert "(more would exceed Redis's connections)" in decision.reason
    assert "connections" not in asked(Demand("a", 40, 6.0), fitting=50).reason
    assert asked(Demand("a", 40, 6.0), fitting=2, dynos=up(4)).drain_above == 2


@pytest.mark.parametrize(("deadline", "expected"), [(None, 4), (75, 4), (74, 5), (39, 10), (21, 40), (5, 40)])
def test_a_deadline_raises_the_number(deadline: float | None, expected: int) -> None:
    assert asked(Demand("a", 40, 6.0, deadline=deadline)).quantity == expected


def test_the_steps_after_chunks_shorten_the_deadline() -> None:
    assert asked(Demand("a", 40, 6.0, after_seconds=5.0, deadline=80)).quantity == 4
    assert asked(Demand("a", 40, 6.0, after_seconds=6.0, deadline=80)).quantity == 5


@pytest.mark.parametrize(
    ("planning", "dynos", "expected"),
    [(3, 0, 4), (5, 0, 4), (6, 0, 1), (30, 0, 1), (30, 1, 1), (12, 1, 4), (20, 1, 4), (21, 1, 1)],
)
def test_workers_are_ordered_just_in_time_for_the_plan(planning: float, dynos: int, expected: int) -> None:
    assert asked(Demand("a", 40, 6.0, planning), dynos=up(dynos)).quantity == expected


@pytest.mark.parametrize(
    ("untaken", "dynos", "expected"),
    [
        (36, up(4, (1, 2, 3, 4)), 4),  # as ordered
        (36, starting(4, -1), 4),  # they are on their way
        (100, up(4, (1, 2, 3, 4)), 6),  # more have come: sqrt(92 * 6 / 15), after 8 are taken
        (4, up(2, (1, 2)), 2),  # one more would come when all is taken
        (12, up(4), 4),
    ],
)
def test_a_worker_that_would_come_too_late_is_not_ordered(untaken: int, dynos: list[Dyno], expected: int) -> None:
    assert asked(Demand("a", untaken, 6.0), dynos=dynos).quantity == expected


@pytest.mark.parametrize(
    ("seconds", "untaken", "busy", "expected"),
    [
        (40.0, 1, 1, 1),  # the one that is busy is done with its chunk soon after another would be up
        (120.0, 1, 1, 2),  # 60 s to go and 120 s after that, or 15 and 120 s
        (120.0, 2, 2, 3),
        (120.0, 0, 1, 1),
    ],
)
def test_chunks_do_not_wait_for_one_long_chunk(seconds: float, untaken: int, busy: int, expected: int) -> None:
    dynos = up(busy, tuple(range(1, busy + 1)))
    assert asked(Demand("a", untaken, seconds), dynos=dynos).quantity == expected


def test_a_late_worker_is_expected_to_be_late_again() -> None:
    def wanted(since: float) -> int:
        policy = Policy(100, waiting_price=10)
        return asked(Demand("a", 40, 6.0), dynos=starting(6, since), policy=policy).quantity

    assert wanted(since=-20) == wanted(since=-10)
    assert wanted(since=-16) < wanted(since=-40)
    assert wanted(since=-40) == 10, "as if there were none"


@pytest.mark.parametrize(
    ("untaken", "busy", "keep", "quantity"),
    [
        (20, (1, 2, 3), 10, 10),
        (3, tuple(range(1, 11)), 3, 10),  # the lowest take the last three
        (0, tuple(range(1, 11)), 1, 10),  # the first takes the assembly
        (0, (1, 2, 4), 1, 10),  # so few less are not worth a call
        (0, (1, 3), 1, 3),  # two thirds of them are
        (0, (1,), 1, 1),
        (0, (), 1, 1),
    ],
)
def test_workers_leave_from_the_top_as_work_runs_out(
    untaken: int, busy: tuple[int, ...], keep: int, quantity: int
) -> None:
    decision = asked(Demand("a", untaken, 2.0, after_seconds=5.0), dynos=up(10, busy))
    assert (decision.drain_above, decision.quantity) == (keep, quantity)


def test_expensive_waiting_keeps_all_until_all_is_taken() -> None:
    fast = Policy(100, waiting_price=10)
    assert asked(Demand("a", 3, 2.0), dynos=up(10), policy=fast).drain_above == 10
    assert asked(Demand("a", 0, 2.0, after_seconds=5.0), dynos=up(10), policy=fast).drain_above == 1


def test_stopping_one_is_worth_a_call_if_others_run_long() -> None:
    assert asked(Demand("a", 1, 120.0), dynos=up(4, (1, 3))).quantity == 3


def test_a_starting_worker_without_work_left_is_released() -> None:
    dynos = [*up(1, (1,)), *starting(4, -1)[1:]]
    assert asked(Demand("a", 4, 2.0), dynos=dynos).quantity == 1


@pytest.mark.parametrize(
    ("dynos", "idle", "expected"),
    [([], 0, 0), (up(4), 0, 1), (up(4), 4.9, 1), (up(4), 5.1, 0), (up(1), 60, 0), (up(3, (2,)), 60, 2)],
)
def test_one_worker_lingers_and_then_none_is_left(dynos: list[Dyno], idle: float, expected: int) -> None:
    assert asked(dynos=dynos, idle_seconds=idle).quantity == expected


@pytest.mark.parametrize(("idle", "holds"), [(0, 5.0), (4.5, 0.5), (5.0, None)])
def test_a_decision_holds_until_lingering_ends(idle: float, holds: float | None) -> None:
    assert asked(dynos=up(2), idle_seconds=idle).holds == holds
    assert asked(Demand("a", 40, 6.0), dynos=up(2)).holds is None, "until something happens"


@pytest.mark.parametrize("what", ["waiting", "unacknowledged"])
def test_any_message_counts_as_work(what: str) -> None:
    message: dict[str, Any] = {what: 1}
    assert asked(**message).quantity == 1


def test_the_minimum_and_the_limit_of_the_platform_hold() -> None:
    assert asked(policy=Policy(9, minimum=2), dynos=up(4), idle_seconds=60).quantity == 2
    assert asked(Demand("a", 400, 6.0), limit=2).quantity == 2


def test_waiting_counts_once_per_export() -> None:
    one = asked(Demand("a", 160, 6.0)).quantity
    four = asked(*[Demand(name, 40, 6.0) for name in "abcd"]).quantity
    assert (one, four) == (8, 13)


def test_high_one_off_dynos_keep_no_others() -> None:
    one_off = Policy(100, resizing=Resizing.ONE_OFF)
    assert asked(Demand("a", 0, 6.0, after_seconds=5), dynos=up(10, (3, 10)), policy=one_off).quantity == 2


@pytest.mark.parametrize(("idle", "may_stay"), [(0, 1), (4.9, 1), (5.1, 0)])
def test_a_lingering_one_off_dyno_may_stay(idle: float, may_stay: int) -> None:
    decision = asked(dynos=up(2), idle_seconds=idle, policy=Policy(9, resizing=Resizing.ONE_OFF))
    assert (decision.quantity, decision.drain_above) == (0, may_stay)


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (
            asked(Demand("a", 40, 6.0)),
            "40 chunks of 6 s in 1 export: 4 workers, so 10 rounds, about 75 s; each costs a boot of 15 s.",
        ),
        (asked(Demand("a", 0, 0.0)), "How much work there is soon is not known: 1 worker to begin with."),
        (
            asked(Demand("a", 4, 6.0), dynos=up(2, (1, 2))),
            "4 chunks of 6 s left to take, 2 workers: another, up in 15 s, would come too late.",
        ),
        (
            asked(Demand("a", 3, 2.0), dynos=up(10, (1, 9))),
            "3 chunks of 2 s left to take, 10 workers: those above 3 take no more, and can stop when idle.",
        ),
        (
            asked(Demand("a", 0, 2.0), dynos=up(10, (1,))),
            "No chunks left to take, 10 workers: the highest 9 can stop.",
        ),
        (asked(dynos=up(1), idle_seconds=2), "Nothing is outstanding; one worker waits 3.0 s for more."),
        (asked(dynos=up(1), idle_seconds=6), "Nothing is outstanding; no workers stay."),
    ],
)
def test_the_reason_is_a_sentence_with_numbers(decision: Decision, reason: str) -> None:
    assert decision.reason == reason


seconds = st.floats(0, 1000, allow_nan=False)
demands = st.lists(
    st.builds(
        Demand,
        st.just("a"),
        st.integers(0, 500),
        st.floats(0.01, 300),
        st.just(0.0) | seconds,
        st.just(0.0) | seconds,
        st.none() | st.floats(-100, 5000),
    ),
    max_size=6,
)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    dynos = [
        Dyno(number, -draw(seconds), is_up := draw(st.booleans()), is_up and draw(st.booleans()))
        for number in range(1, draw(st.integers(0, 12)) + 1)
    ]
    return Snapshot(
        now=0.0,
        demands=draw(demands),
        dynos=dynos,
        boot_seconds=draw(st.floats(0, 120)),
        api_seconds=draw(st.floats(0, 5)),
        waiting=draw(st.integers(0, 9)),
        unacknowledged=draw(st.integers(0, 9)),
        idle_seconds=draw(seconds),
        limit=draw(st.none() | st.integers(0, 20)),
    )


policies = st.builds(
    Policy,
    maximum=st.integers(1, 50),
    slots=st.integers(1, 4),
    waiting_price=st.floats(0.01, 1000),
    resizing=st.sampled_from(Resizing),
)


def busy(now: Snapshot) -> list[int]:
    return [dyno.number for dyno in now.dynos if dyno.busy]


@given(snapshots(), policies)
def test_the_maximum_holds_unless_more_are_busy(now: Snapshot, policy: Policy) -> None:
    assert decide(now, policy).quantity <= max(policy.maximum, *busy(now), 0)


@given(snapshots(), policies)
def test_no_busy_worker_is_stopped(now: Snapshot, policy: Policy) -> None:
    least = len(busy(now)) if policy.resizing is Resizing.ONE_OFF else max(busy(now), default=0)
    assert decide(now, policy).quantity >= least


@given(snapshots(), policies)
def test_there_are_workers_only_while_there_is_work(now: Snapshot, policy: Policy) -> None:
    work = bool(now.demands or now.waiting or now.unacknowledged)
    if work:
        assert decide(now, policy).quantity >= 1
    idle = replace(now, demands=[], waiting=0, unacknowledged=0, idle_seconds=60, dynos=up(len(now.dynos)))
    assert decide(idle, policy).quantity == 0


@given(snapshots(), policies)
def test_an_empty_queue_orders_at_most_one_worker(now: Snapshot, policy: Policy) -> None:
    finishing = replace(now, demands=[demand._replace(untaken=0) for demand in now.demands])
    assert decide(finishing, policy).quantity <= max(1, len(now.dynos))


@given(snapshots(), policies, st.floats(1, 100))
def test_a_higher_value_of_time_never_orders_fewer(now: Snapshot, policy: Policy, more: float) -> None:
    dear = replace(policy, waiting_price=policy.waiting_price * more)
    cold = replace(now, dynos=[])
    assert decide(cold, dear).quantity >= decide(cold, policy).quantity


@given(snapshots(), policies)
def test_a_decision_brings_no_second_order(now: Snapshot, policy: Policy) -> None:
    """Ordering what is asked for brings no second order."""
    cold = replace(now, dynos=[])
    first = decide(cold, policy).quantity
    assert decide(replace(cold, dynos=starting(first, 0.0)), policy).quantity <= first


@given(snapshots(), policies)
def test_no_worker_is_idle_in_the_last_round(now: Snapshot, policy: Policy) -> None:
    work = Demand("a", sum(demand.untaken for demand in now.demands), 6.0)
    wanted = decide(replace(now, demands=[work], dynos=[]), policy).quantity
    rounds = -(-work.untaken // (policy.slots * wanted))
    assert wanted == 1 or -(-work.untaken // (policy.slots * (wanted - 1))) > rounds


@pytest.mark.parametrize(
    ("unable", "count", "chunks", "keep"),
    [
        ((), 3, 1, 1),
        ((1,), 3, 1, 2),  # the first is frozen: the second works on
        ((1, 2), 3, 1, 3),
        ((1,), 3, 2, 3),
        ((3,), 3, 1, 1),
        ((3,), 3, 2, 2),
        ((1, 2, 3), 3, 1, 3),
    ],
)
def test_a_dyno_that_is_not_able_to_work_is_not_kept_for_one_that_is(
    unable: tuple[int, ...], count: int, chunks: int, keep: int
) -> None:
    dynos = [Dyno(n, -100.0, n not in unable, False, n in unable) for n in range(1, count + 1)]
    cheap = Policy(100, waiting_price=0.1)
    decision = asked(Demand("a", chunks, 2.0), dynos=dynos, policy=cheap)
    assert decision.drain_above == keep
    assert decision.quantity >= keep


def test_a_dyno_that_is_not_able_to_work_takes_no_chunk_in_the_forecast() -> None:
    """A boot of 15 s is worth it when none of the chunks is taken meanwhile."""
    frozen, demand = [Dyno(1, -20.0, False, False, True)], Demand("a", 16, 1.0)
    fast = Policy(100, waiting_price=100)
    assert (
        asked(demand, dynos=up(1), policy=fast).quantity,
        asked(demand, dynos=frozen, policy=fast).quantity,
    ) == (1, 8)


def test_each_export_that_is_joined_keeps_a_worker() -> None:
    dynos = [Dyno(number, 0.0, up=True, busy=False) for number in (1, 2, 3)]
    joined = [Demand(name, 0, 0.0, after_seconds=5.0) for name in "ab"]
    assert decide(Snapshot(0.0, joined, dynos, 15.0), Policy(maximum=3)).drain_above == 2


def test_work_that_begins_late_hides_no_other() -> None:
    late, soon = Demand("a", 50, 10.0, before_seconds=1e6), Demand("b", 50, 10.0)
    both = [decide(Snapshot(0.0, each, [], 15.0), Policy(maximum=9)) for each in ([late, soon], [soon, late])]
    assert both[0].quantity == both[1].quantity > 1
