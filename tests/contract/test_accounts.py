"""What is paid for: every export is charged once, for workers that are written down in order."""

from __future__ import annotations

import time

import pytest

from pipeline.exports.export import Charge, Export
from pipeline.exports.ids import new_id
from pipeline.exports.repository import ExportRepository
from pipeline.scaler.usage import UsageLog
from pipeline.services import Services


@pytest.fixture
def exports(services: Services) -> ExportRepository:
    return services.exports


@pytest.fixture
def accounts(services: Services) -> UsageLog:
    return services.usage


def closed(exports: ExportRepository) -> Export:
    """An export of which no work is left."""
    export_id = new_id()
    made = Export(export_id, "photos", {"title": "T"}, "shop", time.time(), request_key=export_id)
    exports.accept(made, None, lasting=False)
    exports.close(made.id)
    return made


def test_changes_of_the_number_of_workers_are_read_back_in_order_from_a_time_on(accounts: UsageLog) -> None:
    for at, workers in ((300.5, 0), (100.25, 2), (200.0, 5)):
        accounts.note_workers(at, workers, 0.00000965, "because")
    assert list(accounts.workers_since(150.0)) == [(200.0, 5, 0.00000965), (300.5, 0, 0.00000965)]


def test_an_export_that_is_over_waits_for_its_bill(exports: ExportRepository, accounts: UsageLog) -> None:
    made = closed(exports)
    assert [one.id for one in accounts.unbilled()] == [made.id]
    accounts.bill(made.id, Charge(12.5, 0.0001))
    assert not accounts.unbilled()
    assert exports.load(made.id).charge == Charge(12.5, 0.0001)


def test_an_export_that_is_closed_once_more_is_not_charged_again(
    exports: ExportRepository, accounts: UsageLog
) -> None:
    """As by a message that came back after its worker died."""
    made = closed(exports)
    accounts.bill(made.id, Charge(12.5, 0.0001))
    exports.close(made.id)
    assert not accounts.unbilled()
    assert not list(exports._bucket.entries("unbilled/"))


def test_an_export_that_cannot_be_read_keeps_no_other_from_being_charged(
    exports: ExportRepository, accounts: UsageLog
) -> None:
    garbled, made = closed(exports), closed(exports)
    exports._bucket.put(f"exports/{garbled.id}/export.json", b"{garbled")
    assert [one.id for one in accounts.unbilled()] == [made.id]
    assert [entry.key for entry in exports._bucket.entries("unbilled/")] == [f"unbilled/{made.id}"]
