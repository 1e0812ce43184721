from __future__ import annotations

from dataclasses import asdict

import pytest
from msgspec.structs import replace

from pipeline.exports.export import Export, Result, State
from pipeline.scaler.learned import BOOT_SECONDS, CHUNK_SECONDS, PAGE_SECONDS, STEP_SECONDS, WEIGHT, Learned

MADE = Result("key", "name.pdf", 1, 100, 100, 100, seconds=100 * 0.5 + 4 * CHUNK_SECONDS)
EXPORT = Export(
    "0" * 26, "photos", {}, "shop", 0.0, State.READY, chunks=4, result=MADE,
    started_at=10.0, planned_at=10.0 + STEP_SECONDS + 2, rendered_at=30.0, finished_at=30.0 + STEP_SECONDS + 1,
)  # fmt: skip


def test_a_prior_stands_in_before_the_first_export() -> None:
    assert Learned().chunk_seconds("photos", 10) == CHUNK_SECONDS + 10 * PAGE_SECONDS


def test_the_first_export_counts_and_later_ones_adjust() -> None:
    once = Learned().with_export(EXPORT)
    assert once.chunk_seconds("photos", 10) == pytest.approx(CHUNK_SECONDS + 5)
    assert once.plan_seconds("photos", 50) == pytest.approx(STEP_SECONDS + 1)
    assert once.assembly_seconds("photos", 50) == pytest.approx(STEP_SECONDS + 0.5)
    slower = once.with_export(replace(EXPORT, result=replace(MADE, seconds=100 * 1.5 + 4 * CHUNK_SECONDS)))
    share = 150 / (150 + 4 * CHUNK_SECONDS)  # of the seconds that were of pages
    assert slower.page["photos"] == pytest.approx(0.5 + WEIGHT * share)
    assert slower.chunk_seconds("table", 10) == CHUNK_SECONDS + 10 * PAGE_SECONDS


def test_small_exports_do_not_make_large_ones_look_fast() -> None:
    """Ten letters of one page, each drawn before a chunk's own seconds are over, between two long albums."""
    small = replace(
        EXPORT, chunks=1, result=replace(MADE, pages=1, seconds=0.25), planned_at=10.1, finished_at=30.1
    )
    learned = Learned().with_export(EXPORT)
    for _ in range(10):
        learned = learned.with_export(small)
    assert learned.page["photos"] > 0.2, "a page took 0.25 s at the most, and that is all they say"
    for _ in range(10):
        learned = learned.with_export(replace(small, result=replace(MADE, pages=1, seconds=0.31)))
    assert learned.page["photos"] > 0.15
    assert learned.plan["photos"] == pytest.approx(0.02), "a page's share cannot be told from one page"


def test_a_fast_kind_is_bounded_by_what_it_took() -> None:
    quick = replace(EXPORT, chunks=1, result=replace(MADE, pages=1000, seconds=0.2), planned_at=10.1)
    assert Learned().with_export(quick).page["photos"] == pytest.approx(0.0002)
    assert Learned().with_export(quick).plan["photos"] == 0.0


def test_a_failed_or_untimed_export_teaches_nothing() -> None:
    assert Learned().with_export(replace(EXPORT, result=replace(MADE, seconds=0.0))) == Learned()
    assert Learned().with_export(replace(EXPORT, result=None, rendered_at=None)) == Learned()


def test_a_boot_of_half_an_hour_is_ignored() -> None:
    """Else no worker would be ordered for the next exports: each would come too late."""
    assert Learned().with_boot(1800.0) == Learned()


def test_boots_are_averaged() -> None:
    assert Learned().with_boot(BOOT_SECONDS + 10).boot == pytest.approx(BOOT_SECONDS + 10 * WEIGHT)


def test_it_is_stored_and_damage_is_ignored() -> None:
    learned = Learned().with_export(EXPORT).with_boot(40)
    assert Learned.decode(learned.encode()) == learned
    assert Learned.decode(None) == Learned.decode(b"{damaged") == Learned()


def test_values_of_another_version_are_ignored() -> None:
    assert Learned.from_dict(asdict(Learned().with_export(EXPORT))) == Learned().with_export(EXPORT)
    assert Learned.from_dict({"boot": 7.0, "since_then": 1}).boot == 7.0
    for strange in ({"page": 0.5}, {"boot": "soon"}, ["boot"], "boot", None):
        assert Learned.from_dict(strange) == Learned()
