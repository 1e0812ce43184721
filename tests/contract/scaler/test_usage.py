"""The usage log: every export is charged once, and workers are recorded in order."""

from __future__ import annotations

import time

import pytest

from pipeline.exports.export import Charge, Export, State
from pipeline.exports.ids import new_id
from pipeline.exports.repository import ExportRepository
from pipeline.scaler.usage import UsageLog
from pipeline.services import Services


@pytest.fixture
def exports(services: Services) -> ExportRepository:
    return services.exports


@pytest.fixture
def usage(services: Services) -> UsageLog:
    return services.usage


def closed(exports: ExportRepository) -> Export:
    """An export that is over."""
    export_id = new_id()
    made = Export(export_id, "photos", {"title": "T"}, "shop", time.time(), request_key=export_id)
    exports.accept(made, None, lasting=False)
    exports.close(made.id, State.READY)
    return made


def test_changes_of_workers_are_read_in_order_of_time(usage: UsageLog) -> None:
    for at, workers in ((300.5, 0), (100.25, 2), (200.0, 5)):
        usage.note_workers(at, workers, 0.00000965, "because")
    assert list(usage.workers_since(150.0)) == [(200.0, 5, 0.00000965), (300.5, 0, 0.00000965)]


def test_a_finished_export_waits_for_its_charge(exports: ExportRepository, usage: UsageLog) -> None:
    made = closed(exports)
    assert [one.id for one in usage.unbilled()] == [made.id]
    usage.bill(made.id, Charge(12.5, 0.0001))
    assert not usage.unbilled()
    assert exports.load(made.id).charge == Charge(12.5, 0.0001)


def test_an_export_closed_twice_is_charged_once(exports: ExportRepository, usage: UsageLog) -> None:
    """As by a message that is delivered again after its worker died."""
    made = closed(exports)
    usage.bill(made.id, Charge(12.5, 0.0001))
    exports.close(made.id, State.READY)
    assert not usage.unbilled()
    assert not list(exports._bucket.entries("unbilled/"))


def test_an_unreadable_export_does_not_block_charging(exports: ExportRepository, usage: UsageLog) -> None:
    garbled, made = closed(exports), closed(exports)
    exports._bucket.put(f"exports/{garbled.id}/export.json", b"{garbled")
    assert [one.id for one in usage.unbilled()] == [made.id]
    assert [entry.key for entry in exports._bucket.entries("unbilled/")] == [f"unbilled/{made.id}"]
