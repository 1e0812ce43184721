"""The usage log: every export is charged once, and workers are recorded in order."""

from __future__ import annotations

import time

import pytest

from pipeline.exports.export import Charge, Export, State
from pipeline.exports.ids import new_id
from pipeline.exports.repository import ExportRepository
from pipeline.scaler.usage import Due, UsageLog
from pipeline.services import Services

PAID = Charge(12.5, 0.0001)


@pytest.fixture
def exports(services: Services) -> ExportRepository:
    return services.exports


@pytest.fixture
def usage(services: Services) -> UsageLog:
    return services.usage


def closed(exports: ExportRepository, state: State = State.READY) -> Export:
    """An export that is over."""
    export_id = new_id()
    made = Export(export_id, "photos", {"title": "T"}, "shop", time.time(), state, request_key=export_id)
    exports.accept(made, None, lasting=False)
    exports.close(made.id, state)
    return made


def test_changes_of_workers_are_read_in_order_of_time(usage: UsageLog) -> None:
    for at, workers in ((300.5, 0), (100.25, 2), (200.0, 5)):
        usage.note_workers(at, workers, 0.00000965, "because")
    assert list(usage.workers_since(150.0)) == [(200.0, 5, 0.00000965), (300.5, 0, 0.00000965)]


def test_objects_of_another_program_are_no_changes_of_workers(usage: UsageLog) -> None:
    usage.note_workers(200.0, 5, 0.00000965, "because")
    for name in ("README.md", "2026-11-30-1", "0000000300000-x-1", "0000000300000-1-1/notes"):
        usage._bucket.put(f"workers/{name}", b"")
    assert list(usage.workers_since(150.0)) == [(200.0, 5, 0.00000965)]


def test_a_finished_export_waits_for_its_charge(exports: ExportRepository, usage: UsageLog) -> None:
    made = closed(exports)
    assert list(usage.marked()) == [made.id]
    assert usage.unbilled(made.id) == made
    usage.bill(made.id, Due(PAID, made.begun_at))
    assert not usage.marked()
    assert exports.load(made.id).charge == PAID


def test_an_export_closed_twice_is_charged_once(exports: ExportRepository, usage: UsageLog) -> None:
    """As by a message that is delivered again after its worker died."""
    made = closed(exports)
    usage.bill(made.id, Due(PAID, made.begun_at))
    exports.close(made.id, State.READY)
    assert usage.unbilled(made.id) is None
    assert not usage.marked()


def test_an_unreadable_export_does_not_block_charging(exports: ExportRepository, usage: UsageLog) -> None:
    garbled, made = closed(exports), closed(exports)
    exports._bucket.put(f"exports/{garbled.id}/export.json", b"{garbled")
    assert [one.id for one in map(usage.unbilled, usage.marked()) if one] == [made.id]
    assert list(usage.marked()) == [made.id]


def test_an_export_that_is_removed_does_not_block_charging(exports: ExportRepository, usage: UsageLog) -> None:
    made = closed(exports)
    exports._bucket.delete_under(f"exports/{made.id}/")
    assert usage.bill(made.id, Due(PAID, made.begun_at)) is None
    assert not usage.marked()


def test_what_is_due_is_paid_once_although_the_export_is_retried(
    exports: ExportRepository, usage: UsageLog
) -> None:
    """As by a leader that stops in the middle, and another one that begins with what is left."""
    made = closed(exports, State.FAILED)
    usage.save_due({made.id: Due(PAID, made.begun_at), new_id(): Due(PAID, 1.0)})
    exports.reopen(made.id, made.created_at + 5, waits=False)
    for _ in range(2):
        assert usage.due() == {made.id: Due(PAID, made.begun_at)}
        usage.bill(made.id, *usage.due().values())
        export = exports.load(made.id)
        assert (export.charge, export.charged_before) == (None, PAID)
    assert list(usage.marked()) == [made.id]
    assert usage.unbilled(made.id) is None, "it is at work"


def test_unreadable_charges_are_made_anew(usage: UsageLog) -> None:
    usage._bucket.put("charges.json", b"{garbled")
    assert usage.due() == {}
