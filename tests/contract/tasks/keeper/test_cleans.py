"""The keeper removes old files and incomplete requests."""

from __future__ import annotations

import time

import pytest

from pipeline.exports.export import State
from pipeline.exports.ids import new_id
from pipeline.exports.repository import listing_key

from .... import steps
from .stage import KeeperStage


def test_an_old_file_is_removed_and_its_record_stays(stage: KeeperStage, monkeypatch: pytest.MonkeyPatch) -> None:
    old, running, young = stage.ready(title="Old"), stage.submit(title="Running"), stage.ready(title="Young")
    for export_id in (old, young):
        steps.deliver(stage.s, export_id)
    for export_id in (old, running):
        stage.age(export_id, created_at=time.time() - 100)
    keeper = stage.keeper(keep_seconds=50, heroku_api_key=None)
    monkeypatch.setattr(time, "monotonic", lambda: 7.0)  # the machine has only just started
    keeper.turn()
    kept = {entry.key for entry in stage.s.bucket.entries(f"exports/{old}/")}
    assert kept == {f"exports/{old}/export.json"}
    assert stage.s.exports.load(old).state is State.EXPIRED
    assert stage.s.exports.load(running).state is State.QUEUED
    result = stage.s.exports.load(young).result
    assert result is not None
    assert stage.s.bucket.head(result.key)


def test_a_request_that_was_not_fully_written_is_removed(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = new_id()
    stage.s.bucket.put(f"active/{left}", b"")
    stage.s.bucket.put(listing_key(left), b"{}")
    keeper = stage.keeper()
    keeper.turn()
    assert stage.s.exports.active() == [left]
    monkeypatch.setattr("pipeline.exports.repository.CLAIM_GRACE", -2.0)
    keeper.turn()
    assert stage.s.exports.active() == []
    assert not list(stage.s.bucket.entries(f"exports/{left}"))
