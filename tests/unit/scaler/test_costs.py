"""Sharing the cost of workers between exports."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.exports.export import Charge, Export, Result, State
from pipeline.scaler.billing import span
from pipeline.scaler.costs import Change, ExportSpan, share_costs


def seconds(changes: list[tuple[float, int]], spans: list[ExportSpan], until: float) -> dict[str, float]:
    charges = share_costs([Change(at, workers, 0.5) for at, workers in changes], spans, until)
    assert all(charge.dollars == pytest.approx(charge.dyno_seconds * 0.5) for charge in charges.values())
    return {export_id: round(charge.dyno_seconds, 4) for export_id, charge in charges.items()}


@pytest.mark.parametrize(
    ("changes", "spans", "expected"),
    [
        # boot and the time until the stop are paid for
        ([(0, 2), (10, 0)], [ExportSpan("a", 0, 9, 5)], {"a": 20}),
        # two that overlap wholly share by their work
        ([(0, 4), (10, 0)], [ExportSpan("a", 0, 10, 30), ExportSpan("b", 0, 10, 10)], {"a": 30, "b": 10}),
        # one after the other, the same workers: each its own time, the wait between them is the first one's
        ([(0, 1), (30, 0)], [ExportSpan("a", 0, 10, 9), ExportSpan("b", 20, 30, 9)], {"a": 20, "b": 10}),
        # half overlapping: the common part is shared, the rest is not
        ([(0, 1), (30, 0)], [ExportSpan("a", 0, 20, 20), ExportSpan("b", 10, 30, 20)], {"a": 15, "b": 15}),
        # workers come and go in the middle
        ([(0, 1), (5, 3), (8, 1), (12, 0)], [ExportSpan("a", 0, 12, 1)], {"a": 18}),
        # an export that never got a worker pays nothing
        ([], [ExportSpan("a", 0, 10, 0)], {"a": 0}),
        # time without work is shared equally
        ([(0, 2), (10, 0)], [ExportSpan("a", 0, 10, 0), ExportSpan("b", 0, 10, 0)], {"a": 10, "b": 10}),
        # two machines whose clocks differ may say that work took less than no time
        ([(0, 2), (10, 0)], [ExportSpan("a", 0, 10, -1), ExportSpan("b", 0, 10, 1)], {"a": 0, "b": 20}),
    ],
    ids=["alone", "by work", "in turn", "half", "resized", "never", "equal", "clocks"],
)
def test_time_is_shared_by_work(
    changes: list[tuple[float, int]], spans: list[ExportSpan], expected: dict[str, float]
) -> None:
    assert seconds(changes, spans, 40) == expected


MADE = Result("key", "name.pdf", 1, 100, 100, 100, seconds=50.0)
EXPORT = Export(
    "0" * 26, "photos", {}, "shop", 0.0, State.READY, result=MADE,
    started_at=1.0, planned_at=3.0, rendered_at=13.0, finished_at=17.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("export", "work"),
    [
        (EXPORT, 2 + 50 + 4),
        (replace(EXPORT, result=replace(MADE, seconds=0.0)), 2 + 10 + 4),
        (replace(EXPORT, result=None, rendered_at=None, state=State.CANCELLED), 2 + 14),
        (replace(EXPORT, result=None, rendered_at=None, planned_at=None, state=State.FAILED), 16),
        (replace(EXPORT, result=None, rendered_at=None, planned_at=None, started_at=None), 0),
    ],
    ids=["made", "not timed", "cancelled", "not planned", "never begun"],
)
def test_a_failed_export_pays_for_its_own_drawing(export: Export, work: float) -> None:
    assert span(export).work == work


moments = st.integers(0, 100)
overlaps = st.lists(st.tuples(moments, st.integers(0, 50), st.integers(0, 90)), min_size=1, max_size=8)
resizes = st.lists(st.tuples(moments, st.integers(0, 5)), max_size=8, unique_by=lambda change: change[0])


@given(overlaps, resizes)
def test_shares_sum_up_to_all_paid_time(spans: list[tuple[int, int, int]], changes: list[tuple[int, int]]) -> None:
    changes.sort()
    asked = [ExportSpan(str(i), begin, begin + length, work) for i, (begin, length, work) in enumerate(spans)]
    paid = sum(
        workers * (end - at)
        for (at, workers), end in zip(changes, [*(at for at, _ in changes[1:]), 150], strict=False)
    )
    charged = share_costs([Change(at, workers, 1.0) for at, workers in changes], asked, 150)
    assert sum(charge.dyno_seconds for charge in charged.values()) == pytest.approx(paid)


def plain_shares(changes: list[Change], spans: list[ExportSpan], until: float) -> dict[str, Charge]:
    """The definition, without any care for time: who has work at a moment shares its cost by rate."""
    shares = {one.export_id: Charge() for one in spans}
    borders = {moment for one in spans for moment in (one.begin, one.end)}
    moments = sorted({*borders, *(change.at for change in changes), until})
    for begin, end in pairwise(moment for moment in moments if moment <= until):
        paid = [change for change in changes if change.at <= begin]
        begun = sorted((one for one in spans if one.begin <= begin), key=lambda one: one.begin)
        payers = [one for one in begun if one.end > begin]
        payers = payers or [max(begun or [min(spans, key=lambda one: one.begin)], key=lambda one: one.end)]
        seconds = paid[-1].workers * (end - begin) if paid else 0.0
        for payer in payers:
            own = seconds * payer.rate / sum(other.rate for other in payers)
            shares[payer.export_id] += Charge(own, own * paid[-1].price if paid else 0.0)
    return shares


prices = st.sampled_from([0.0, 0.0000097, 0.25])
priced = st.lists(st.tuples(moments, st.integers(0, 5), prices), max_size=8, unique_by=lambda change: change[0])
works = st.one_of(st.floats(-1.0, 1e6), st.just(0.0))  # one rate may be 10**16 times another
skewed = st.lists(st.tuples(moments, st.integers(-3, 50), works), min_size=1, max_size=8)


@given(skewed, priced, st.integers(0, 160))
def test_shares_are_those_of_the_plain_definition(
    spans: list[tuple[int, int, float]], changes: list[tuple[int, int, float]], until: int
) -> None:
    asked = [ExportSpan(str(i), begin, begin + length, work) for i, (begin, length, work) in enumerate(spans)]
    noted = [Change(*change) for change in sorted(changes)]
    charged, expected = share_costs(noted, asked, until), plain_shares(noted, asked, until)
    assert {one: charge.dyno_seconds for one, charge in charged.items()} == pytest.approx(
        {one: charge.dyno_seconds for one, charge in expected.items()}
    )
    assert {one: charge.dollars for one, charge in charged.items()} == pytest.approx(
        {one: charge.dollars for one, charge in expected.items()}, rel=1e-6, abs=1e-15
    )


def test_a_hundred_times_as_many_exports_at_once_take_some_hundred_times_as_long() -> None:
    """Each with each would take ten thousand times as long, so a busy machine does not blur which it is."""

    def seconds(count: int) -> float:
        asked = [ExportSpan(str(i), i / 100, 100 + i / 100, 1 + i % 7) for i in range(count)]
        began = time.process_time()
        charged = share_costs([Change(0.0, 3, 1.0)], asked, asked[-1].end)
        taken = time.process_time() - began
        assert sum(charge.dyno_seconds for charge in charged.values()) == pytest.approx(3 * asked[-1].end)
        return taken

    assert seconds(40_000) < 1000 * min(seconds(400) for _ in range(5))
