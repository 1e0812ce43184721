"""A period is charged in many short turns; each export pays its own share once, whatever happens in between."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.errors import StoreDown
from pipeline.exports.export import Charge, Export, State
from pipeline.exports.ids import new_id
from pipeline.scaler import billing
from pipeline.scaler.usage import Due, UsageLog

from ....waiting import until
from .stage import KeeperStage

EXPORTS = 20
PAID = 20.0  # dyno-seconds; times are kept in milliseconds


@contextmanager
def slow(stage: KeeperStage) -> Iterator[None]:
    """Each request to the bucket takes 60 ms longer."""
    assert isinstance(stage.s.bucket, S3Bucket)
    events = stage.s.bucket._client.meta.events

    def wait(**_: Any) -> None:
        time.sleep(0.06)

    events.register("before-send.s3", wait)
    try:
        yield
    finally:
        events.unregister("before-send.s3", wait)


def period(stage: KeeperStage, count: int, state: State = State.READY, begin: float | None = None) -> list[str]:
    """Exports that overlapped for ten seconds, for which two workers were paid."""
    begin = begin or time.time() - 100
    ids = [new_id() for _ in range(count)]
    for export_id in ids:
        export = Export(
            export_id, "photos", {}, "shop", begin, state, request_key=export_id, finished_at=begin + 10
        )
        stage.s.exports.accept(export, None, lasting=False)
        stage.s.exports.close(export_id, state)
    stage.s.usage.note_workers(begin, 2, 0.5, "Two.")
    stage.s.usage.note_workers(begin + 10, 0, 0.5, "None.")
    return ids


def charges(stage: KeeperStage, ids: list[str]) -> list[float]:
    found = [stage.s.exports.load(export_id).charge for export_id in ids]
    return [charge.dyno_seconds for charge in found if charge]


def test_a_turn_stays_short_while_many_exports_are_charged(stage: KeeperStage) -> None:
    ids, keeper, turns = period(stage, EXPORTS), stage.keeper(), 0
    with slow(stage):
        while stage.s.usage.marked():
            turns += 1
            keeper.turn()
            assert (keeper._scaler.holds == 0.0) is bool(stage.s.usage.marked()), "the next one comes at once"
    assert turns > 3, "20 * 4 requests of 60 ms are 4.8 s at least, and a turn charges for one"
    assert charges(stage, ids) == pytest.approx([PAID / EXPORTS] * EXPORTS, rel=0.001)


def test_the_next_leader_goes_on_with_the_same_shares_beside_new_work(stage: KeeperStage) -> None:
    ids, first = period(stage, EXPORTS), stage.keeper(linger_seconds=0.0)
    with slow(stage):
        while len(stage.s.usage.marked()) == EXPORTS:
            first.turn()
    assert 0 < len(charges(stage, ids)) < EXPORTS
    first.resign()
    new, second = stage.submit(), stage.keeper(linger_seconds=0.0)
    second.turn()
    assert stage.workers == 1
    while len(charges(stage, ids)) < EXPORTS:
        second.turn()
    assert charges(stage, ids) == pytest.approx([PAID / EXPORTS] * EXPORTS, rel=0.001)
    assert stage.s.exports.load(new).charge is None


def test_work_that_comes_while_exports_are_read_belongs_to_the_period(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, keeper, read = period(stage, EXPORTS), stage.keeper(linger_seconds=0.0), Counter[str]()
    unbilled = UsageLog.unbilled

    def counted(usage: UsageLog, export_id: str) -> Export | None:
        read[export_id] += 1
        return unbilled(usage, export_id)

    monkeypatch.setattr(UsageLog, "unbilled", counted)
    with slow(stage):
        keeper.turn()
    assert keeper._scaler.holds == 0.0 and 0 < len(read) < EXPORTS
    new = stage.submit()
    keeper.turn()
    assert keeper._scaler.holds != 0.0
    assert charges(stage, [*ids, new]) == []
    stage.s.exports.change(new, lambda e: e.to(State.CANCELLED, finished_at=time.time()))
    stage.s.exports.close(new, State.CANCELLED)
    until(lambda: bool(keeper.turn() or not stage.s.usage.marked()))
    assert len(charges(stage, [*ids, new])) == EXPORTS + 1
    assert read == Counter([*ids, new]), "short pauses add up to the time that reading takes"


def test_an_export_that_is_retried_before_it_is_charged_pays_for_both(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = time.time() - 100
    (export_id,), keeper = period(stage, 1, State.FAILED, begin), stage.keeper()

    def broken(*_: Any) -> None:
        raise StoreDown("The bucket does not answer.")

    monkeypatch.setattr(billing, "REFUSED_SECONDS", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(UsageLog, "bill", broken)
        keeper.turn()
    stage.s.exports.reopen(export_id, begin + 50, waits=False)
    stage.s.exports.change(export_id, lambda e: e.to(State.FAILED, finished_at=begin + 60))
    stage.s.exports.close(export_id, State.FAILED)
    stage.s.usage.note_workers(begin + 50, 3, 0.5, "Three.")
    stage.s.usage.note_workers(begin + 60, 0, 0.5, "None.")
    keeper.turn()
    keeper.turn()
    assert charges(stage, [export_id]) == pytest.approx([20 + 30], abs=0.1)


def test_an_export_that_the_bucket_refuses_keeps_no_other_from_being_charged(
    stage: KeeperStage,
    unreadable: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither while the exports are read, nor after their shares were saved. It is charged when it can be read."""
    monkeypatch.setattr(billing, "REFUSED_SECONDS", 0.1)
    (bad, *others), keeper = period(stage, 5), stage.keeper()
    record = f"exports/{bad}/export.json"
    unreadable[record] = 403
    until(lambda: bool(keeper.turn() or len(charges(stage, others)) == 4))
    assert caplog.text.count(f"export {bad} is not charged yet") == 1
    unreadable.clear()
    until(lambda: bool(keeper.turn() or charges(stage, [bad])))
    assert charges(stage, [*others, bad]) == pytest.approx([PAID / 4] * 4 + [0.0], rel=0.001), "not paid twice"
    keeper.resign()
    more = period(stage, 5)
    saved = {export_id: Due(Charge(1.0, 0.5), stage.s.exports.load(export_id).begun_at) for export_id in more}
    stage.s.usage.save_due(saved)
    unreadable[f"exports/{more[0]}/export.json"] = 403
    keeper = stage.keeper()
    until(lambda: not keeper.turn() and charges(stage, more[1:]) == [1.0] * 4)
    later = period(stage, 2, begin=time.time() - 50)
    until(lambda: not keeper.turn() and charges(stage, later) == pytest.approx([PAID / 2] * 2, rel=0.001))
    unreadable.clear()
    until(lambda: not keeper.turn() and charges(stage, more) == [1.0] * 5)


def test_what_is_to_be_charged_cannot_be_read_but_workers_are_scaled(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(_: UsageLog) -> dict[str, Due]:
        raise StoreDown("The bucket does not answer.")

    monkeypatch.setattr(UsageLog, "due", refused)
    stage.planned()
    stage.keeper().turn()
    assert stage.workers == 1
    assert "exports are not charged yet: The bucket does not answer." in caplog.text
